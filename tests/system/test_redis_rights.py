"""A Redis that allows little, or nothing any more: what is needed is enough, and `check` says what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from redis import Redis

from streamer.errors import RedisUnavailable
from streamer.scoring.document import encode
from streamer.scoring.priors import Priors
from streamer.serving import AvoidListReader
from streamer.sinks.address import RedisAddress
from streamer.sinks.keys import Keys
from streamer.sinks.population import PopulationWriter, figures_of
from streamer.sinks.redis import AvoidListWriter
from streamer.sinks.trial import oddities, population_rights, problems, publisher_rights, reader_rights
from streamer.sinks.updates import Update
from tests.avoid_lists import document
from tests.backends.ports import free_port, wait_until
from tests.backends.redis import RedisServer


@pytest.fixture
def server(redis_program: str) -> Iterator[RedisServer]:
    """One of our own, whose settings are spoilt here."""
    with RedisServer(program=redis_program) as found:
        yield found


def secured_by(folder: Path, **more: str) -> RedisServer:
    """One that speaks TLS alone, and wants a client's certificate; not started yet."""
    authority = trustme.CA()
    files = {name: folder / f"{name}.pem" for name in ("ca", "server", "client")}
    authority.cert_pem.write_to_path(str(files["ca"]))
    for name in ("server", "client"):
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(files[name]))
    port = free_port()
    server, client, ca = files["server"], files["client"], files["ca"]
    options = {
        "port": "0", "tls-port": str(port), "tls-cert-file": str(server), "tls-key-file": str(server),
        "tls-ca-cert-file": str(ca),
    }  # fmt: skip
    url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={ca}&ssl_certfile={client}&ssl_keyfile={client}"
    found = RedisServer({**options, **more})
    found._url = url
    return found


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[RedisServer]:
    with secured_by(tmp_path) as found:
        yield found


@pytest.fixture
def secured_cluster(tmp_path: Path) -> Iterator[str]:
    """The address of a Cluster of one node."""
    options = {"cluster-enabled": "yes", "tls-cluster": "yes", "cluster-port": str(free_port())}
    with secured_by(tmp_path, **options) as found, Redis.from_url(found.url) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        wait_until(
            lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"), lambda: found.running, 30, str
        )
        yield found.url.replace("rediss://", "rediss+cluster://").replace("/0?", "?")


def as_user(server: RedisServer, rights: str) -> str:
    """The URL of a user with these rights and no others."""
    with Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pass word", *rights.split())
    return server.url.replace("://", "://limited:pass%20word@", 1)


def write(url: str, document: bytes = b"{}") -> int:
    async def written() -> int:
        async with AvoidListWriter(url) as writer:
            return (await writer.write([Update("u{1}", document, 1), Update("u2", document, 2)])).applied

    return asyncio.run(written())


def test_a_publisher_needs_no_more_than_its_rights(server: RedisServer) -> None:
    url = as_user(server, publisher_rights())
    assert write(url) == 2

    async def clear() -> int:
        async with AvoidListWriter(url) as writer:
            return await writer.clear()

    assert asyncio.run(clear()) == 4
    assert list(problems(RedisAddress(url, 1), Keys(), "")) == []
    with Redis.from_url(server.url) as client:
        assert client.keys() == [], "the trial leaves nothing"


def test_a_reader_needs_no_more_than_its_rights(server: RedisServer) -> None:
    write(server.url, encode(document()))
    with AvoidListReader(as_user(server, reader_rights())) as reader:
        assert reader.get("u2").source == "user"
        assert set(reader.get_many(["u{1}", "nobody"], {"nobody": "de"})) == {"u{1}", "nobody"}


def test_a_population_agent_needs_no_more_than_its_rights(server: RedisServer) -> None:
    async def written() -> int | None:
        async with PopulationWriter(as_user(server, population_rights())) as writer:
            first = figures_of(Priors(version=1, as_of=1, tags={"a": 0.5}), {b"~all": b"{}"}, {b"c": b"{}"})
            await writer.write(first)
            return await writer.write(figures_of(Priors(version=2, as_of=2), {}, {}))

    assert asyncio.run(written())


Spoil = Callable[[RedisServer], str]


def without_rights(server: RedisServer) -> str:
    return as_user(server, reader_rights())


def a_replica(server: RedisServer) -> str:
    with Redis.from_url(server.url) as client:
        client.replicaof("127.0.0.1", server.port)  # of itself: it is read-only, and never in sync
    return server.url


def full(server: RedisServer) -> str:
    with Redis.from_url(server.url) as client:
        client.config_set("maxmemory", "1")
    return server.url


@pytest.mark.parametrize(
    ("spoil", "told"),
    [(without_rights, "give its user the right"), (a_replica, "it is a replica"), (full, "raise its maxmemory")],
)
def test_a_redis_that_cannot_be_written_is_told_with_the_reason(server: RedisServer, spoil: Spoil, told: str) -> None:
    url = spoil(server)
    (problem,) = problems(RedisAddress(url, 1), Keys(), "")
    assert told in problem
    with pytest.raises(RedisUnavailable, match=told):
        write(url)


def test_a_wrong_password_is_told_without_it(server: RedisServer) -> None:
    as_user(server, publisher_rights())
    url = server.url.replace("://", "://limited:guessed@", 1)
    with pytest.raises(RedisUnavailable, match="check user and password in redis_url") as error:
        list(problems(RedisAddress(url, 1), Keys(), ""))
    assert "guessed" not in str(error.value)


@pytest.mark.parametrize(("policy", "told"), [("noeviction", 0), ("allkeys-lru", 1), ("volatile-ttl", 1)])
def test_a_policy_that_drops_lists_is_told(server: RedisServer, policy: str, told: int) -> None:
    with Redis.from_url(server.url) as client:
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", policy)
    assert len(list(oddities(RedisAddress(server.url, 1), Keys(), "avoid-lists"))) == told


def test_tls_with_a_client_s_certificate(secured: RedisServer) -> None:
    assert write(secured.url) == 2
    with pytest.raises(RedisUnavailable):
        write(secured.url.partition("?")[0])
    assert list(problems(RedisAddress(secured.url, 1), Keys(), "")) == []


@pytest.mark.parametrize("kind", ["one server", "Cluster"])
def test_the_authority_that_is_named_is_the_only_one_trusted(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This machine trusts who signed Redis' certificate; the URL names another one."""
    url = request.getfixturevalue("secured").url if kind == "one server" else request.getfixturevalue("secured_cluster")
    ca, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    stranger = url.replace(f"ssl_ca_certs={ca}", f"ssl_ca_certs={other}")
    with pytest.raises(RedisUnavailable):
        write(stranger)
    with pytest.raises(RedisUnavailable):
        list(problems(RedisAddress(stranger, 1), Keys(), ""))
    with pytest.raises(RedisUnavailable), AvoidListReader(stranger) as reader:
        reader.get("u1")
    assert write(url) == 2
    assert list(problems(RedisAddress(url, 1), Keys(), "")) == []
    with AvoidListReader(url) as reader:
        assert reader.get("nobody").source == "none"
