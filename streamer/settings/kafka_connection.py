"""How Kafka's brokers are reached: where they are, what protects the way, and who this is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings


def _named(value: object) -> object:
    return None if value == "" else value


File = Annotated[Path | None, BeforeValidator(_named)]
"""A file, or none: an empty name is none, as environments cannot leave a variable out."""


class KafkaConnection(BaseSettings):
    """What every client of Kafka needs to know."""

    brokers: str = Field("localhost:9092", min_length=1, description="Kafka bootstrap servers, comma-separated")
    broker_timeout: float = Field(10.0, gt=0, le=300, description="s until an unreachable broker is an error")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="SSL: with TLS; SASL: with a password or token"
    )
    ssl_ca: File = Field(
        None, description="PEM file of the authorities that may sign brokers' certificates; none: this machine's"
    )
    ssl_cert: File = Field(None, description="PEM file of this client's certificate (mTLS)")
    ssl_key: File = Field(None, description="PEM file of its key; none: it is in ssl_cert")
    ssl_key_password: SecretStr = Field(SecretStr(""), description="what the key is encrypted with")
    ssl_check_hostname: bool = Field(
        True, description="whether a broker's certificate must name the address it is reached at"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "PLAIN", description="how SASL proves who this is"
    )
    sasl_username: str = Field("", description="of PLAIN and SCRAM")
    sasl_password: SecretStr = Field(SecretStr(""), description="of PLAIN and SCRAM")
    sasl_password_file: File = Field(None, description="file with the password, instead of sasl_password")
    sasl_token_file: File = Field(None, description="file with an OAUTHBEARER token, read anew for every connection")
    sasl_token_command: str = Field("", description="shell command that prints such a token, instead of a file")

    @property
    def uses_tls(self) -> bool:
        """Whether brokers are spoken to with TLS."""
        return self.security_protocol.endswith("SSL")

    @property
    def uses_sasl(self) -> bool:
        """Whether brokers want a password or a token."""
        return self.security_protocol.startswith("SASL")

    def connection_problems(self) -> Iterator[str]:
        """What of this contradicts itself."""
        yield from _sasl_problems(self)
        yield from _tls_problems(self)


def _sasl_problems(given: KafkaConnection) -> Iterator[str]:
    has_password = bool(given.sasl_password.get_secret_value())
    has_file = given.sasl_password_file is not None
    has_token_file, has_token_command = given.sasl_token_file is not None, bool(given.sasl_token_command)
    credentials = {
        "sasl_username": bool(given.sasl_username),
        "sasl_password": has_password,
        "sasl_password_file": has_file,
        "sasl_token_file": has_token_file,
        "sasl_token_command": has_token_command,
    }
    if not given.uses_sasl:
        for name, is_given in credentials.items():
            if is_given:
                yield (
                    f"{name}: {given.security_protocol} sends none; set security_protocol to SASL_SSL"
                    " (SASL_PLAINTEXT sends it readable)"
                )
    elif given.sasl_mechanism == "OAUTHBEARER":
        if has_token_file + has_token_command != 1:
            yield "sasl_token_file: OAUTHBEARER needs a token: set this, or sasl_token_command, and not both"
    else:
        if not given.sasl_username:
            yield f"sasl_username: {given.sasl_mechanism} needs one"
        if has_password + has_file != 1:
            yield (
                f"sasl_password: {given.sasl_mechanism} needs a password: set this, or sasl_password_file, and not both"
            )


def _tls_problems(given: KafkaConnection) -> Iterator[str]:
    files = {"ssl_ca": given.ssl_ca, "ssl_cert": given.ssl_cert, "ssl_key": given.ssl_key}
    if not given.uses_tls:
        for name in (name for name, file in files.items() if file is not None):
            yield f"{name}: {given.security_protocol} is without TLS; set security_protocol to SSL or SASL_SSL"
    if given.ssl_key is not None and given.ssl_cert is None:
        yield "ssl_cert: ssl_key needs the certificate that it belongs to"
