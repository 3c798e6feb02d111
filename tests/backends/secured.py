"""A real Kafka that lets nobody in without a certificate, a password or a token, and nobody do what no ACL allows."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from streamer.producing.acls import COMMANDS, PROCESSES
from streamer.settings import Settings
from tests.backends.kafka import KafkaServer
from tests.backends.ports import free_port

PASSWORDS: Final = {user: f"{user}-secret" for user in ("owner", "everybody", *PROCESSES, *COMMANDS)}
"""By user. The owner may do everything; others only what ACLs allow. SCRAM knows the owner."""
_JAAS: Final = "org.apache.kafka.common.security"


class SecuredKafka:
    """One broker with four doors: `SASL_SSL`, `SASL_PLAINTEXT`, `SSL` with client certificates, and one of its own.

    Args:
        folder: for its certificates.

    Attributes:
        ca: PEM file of the authority that signed the broker's certificate.
        other_ca: of one that did not.
        client: PEM file of a client's certificate and key, signed by `ca`.
        expired: PEM file of another one, which has expired.
        server: the broker; its `bootstrap` is open to everybody, as a super user.
    """

    def __init__(self, folder: Path) -> None:
        authority, other = trustme.CA(), trustme.CA()
        self.ca, self.other_ca = folder / "ca.pem", folder / "other-ca.pem"
        self.client, self.expired = folder / "client.pem", folder / "expired.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        other.cert_pem.write_to_path(str(self.other_ca))
        broker = folder / "broker.pem"
        broker.write_bytes(_as_java_reads_it(authority.issue_cert("127.0.0.1", "localhost")))
        authority.issue_cert("owner", common_name="owner").private_key_and_cert_chain_pem.write_to_path(
            str(self.client)
        )
        yesterday = datetime.now(UTC) - timedelta(days=1)
        authority.issue_cert("owner", not_after=yesterday).private_key_and_cert_chain_pem.write_to_path(
            str(self.expired)
        )
        self.server = KafkaServer(scram={"owner": PASSWORDS["owner"]})
        self._ports = {name: free_port() for name in ("SASL_SSL", "SASL_PLAINTEXT", "SSL")}
        self.server.configure(self._properties(broker))

    def door(self, protocol: str) -> str:
        """The address at which a protocol is spoken."""
        return f"127.0.0.1:{self._ports[protocol]}"

    def as_user(
        self,
        settings: Settings,
        user: str,
        protocol: Literal["SASL_PLAINTEXT", "SASL_SSL"] = "SASL_PLAINTEXT",
        **more: object,
    ) -> Settings:
        """These settings for one who comes in by a password.

        Args:
            protocol: with or without TLS.
            more: other settings.
        """
        ca = {"ssl_ca": self.ca} if protocol == "SASL_SSL" else {}
        return Settings(
            **{  # type: ignore[arg-type]
                **settings.model_dump(exclude_unset=True),
                **ca,
                "brokers": self.door(protocol),
                "security_protocol": protocol,
                "sasl_username": user,
                "sasl_password": PASSWORDS[user],
                **more,
            }
        )

    def _properties(self, broker: Path) -> dict[str, str]:
        server = self.server
        doors = [f"{name}://127.0.0.1:{port}" for name, port in self._ports.items()]
        own = f"PLAINTEXT://127.0.0.1:{server.port}"
        found = {
            "listeners": ",".join([own, f"CONTROLLER://127.0.0.1:{server.controller_port}", *doors]),
            "advertised.listeners": ",".join([own, *doors]),
            "listener.security.protocol.map": ",".join(f"{name}:{name}" for name in ("PLAINTEXT", *self._ports))
            + ",CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(broker),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca),
            "listener.name.ssl.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^.*[Cc][Nn]=([a-zA-Z0-9.-]*).*$/$1/L,DEFAULT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS;User:owner",
        }
        users = " ".join(f'user_{user}="{password}"' for user, password in PASSWORDS.items())
        for name in ("sasl_ssl", "sasl_plaintext"):
            of = f"listener.name.{name}"
            found |= {
                f"{of}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
                f"{of}.plain.sasl.jaas.config": f"{_JAAS}.plain.PlainLoginModule required {users};",
                f"{of}.scram-sha-256.sasl.jaas.config": f"{_JAAS}.scram.ScramLoginModule required;",
                f"{of}.scram-sha-512.sasl.jaas.config": f"{_JAAS}.scram.ScramLoginModule required;",
                f"{of}.oauthbearer.sasl.jaas.config": f"{_JAAS}.oauthbearer.OAuthBearerLoginModule required;",
            }
        return found


def _as_java_reads_it(certificate: trustme.LeafCert) -> bytes:
    """With its key in PKCS 8."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    chain = b"".join(each.bytes() for each in certificate.cert_chain_pems)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain


def token(user: str, lives_s: float = 3600) -> str:
    """A token of OAUTHBEARER as Kafka takes it in tests: signed by nobody."""
    now = time.time()
    parts = [{"alg": "none"}, {"sub": user, "iat": now, "exp": now + lives_s, "scope": ""}]
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])
