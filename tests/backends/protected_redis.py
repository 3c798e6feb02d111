"""Redis as it is run by others: with users that may do little, over TLS, watched by a Sentinel, or as a Cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, Self

import trustme

from tests.backends.ports import free_port
from tests.backends.redis import RedisServer
from tests.backends.redis_cluster import RedisClusterServers
from tests.backends.sentinel import WatchedRedis

_PAGE: Final = Path(__file__).parents[2] / "docs" / "connect.md"
_ROW: Final = re.compile(r"^\| (reader|publisher|population agent)[^|]*\| `(.+)` \|$", re.MULTILINE)
_OF_CLUSTER: Final = "+cluster|slots +command"
"""What clients of a Cluster need besides."""


def documented_rights() -> dict[str, str]:
    """By process what docs/connect.md says that its user must be allowed, as ``ACL SETUSER`` takes it."""
    rows = re.findall(
        r"^\| (reader|publisher|population agent)[^|]*\| `(.+)` \|$", _PAGE.read_text("utf-8"), re.MULTILINE
    )
    return {process.split()[0]: rights.replace(r"\|", "|") for process, rights in rows}


def password(user: str) -> str:
    """Of a user."""
    return f"{user}-has-1"


def users_file(folder: Path, more: str = "") -> Path:
    """An ``aclfile``: a user for each process with the documented rights, and one that may do everything.

    Args:
        more: rights that all of them have besides.
    """
    rights = documented_rights()
    assert rights.keys() == {"reader", "publisher", "population"}, "docs/connect.md names other processes"
    rights["rebuild-redis"] = f"{rights['publisher']} {rights['population']}"  # lists, and figures
    lines = [f"user {user} on >{password(user)} resetchannels {allowed} {more}" for user, allowed in rights.items()]
    file = folder / "users.acl"
    file.write_text("\n".join(["user default on nopass ~* &* +@all", *lines, ""]))
    return file


class ProtectedRedis(Protocol):
    """What a test does with one of them."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str:
        """Address of one who may do everything."""
        ...

    def fail_over(self) -> None:
        """What serves dies; returns when something serves again, which may have lost lists."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


def url_of(redis: ProtectedRedis, user: str) -> str:
    """The address with which a process comes."""
    return redis.url.replace("://", f"://{user}:{password(user)}@", 1)


class Alone(RedisServer):
    """One server that speaks TLS alone. One that is started again is empty."""

    name = "alone, over TLS"

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        ca, own, port = folder / "redis-ca.pem", folder / "redis.pem", free_port()
        authority.cert_pem.write_to_path(str(ca))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(own))
        tls: Mapping[str, str] = {
            "port": "0",
            "tls-port": str(port),
            "tls-cert-file": str(own),
            "tls-key-file": str(own),
            "tls-ca-cert-file": str(ca),
            "tls-auth-clients": "no",
        }
        super().__init__({**tls, "aclfile": str(users_file(folder))})
        self._url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={ca}"

    def fail_over(self) -> None:
        self.kill()
        self.start()


class BySentinel(WatchedRedis):
    """A primary, its replica and a Sentinel."""

    name = "by Sentinel"

    def __init__(self, folder: Path) -> None:
        super().__init__({"aclfile": str(users_file(folder))})


class AsCluster(RedisClusterServers):
    """Three primaries with a replica each."""

    name = "as a Cluster"

    def __init__(self, folder: Path) -> None:
        super().__init__(3, 1, {"aclfile": str(users_file(folder, _OF_CLUSTER))})

    def fail_over(self) -> None:
        dying, heir = self.primaries[1], self.replicas_of(1)[0]
        dying.kill()
        self.await_primary(heir)
