"""What protects the way to Kafka: TLS, and SASL with a password or a token.

Faust seam: none; what its clients are told is in ``worker_security.py`` beside it.

A token is fetched anew for every connection, so one that is renewed in its file is used once the broker asks again.
"""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import Any, Final

import kafka.net.sasl.oauth

from streamer.errors import BrokerUnavailable, SettingsError
from streamer.settings import KafkaConnection

_TOKEN_S: Final = 30.0
"""So long a command may take to print a token, s."""


class Token:
    """Where a token for OAUTHBEARER comes from.

    Args:
        file: which holds it; None: `command` prints it.
        command: of the shell.
    """

    def __init__(self, file: Path | None, command: str) -> None:
        self._file = file
        self._command = command

    def read(self) -> str:
        """The token as it is now.

        Raises:
            BrokerUnavailable: it cannot be had.
        """
        if self._file is not None:
            return _text_of("sasl_token_file", self._file)
        try:
            done = subprocess.run(
                self._command,
                shell=True,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TOKEN_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BrokerUnavailable(f"sasl_token_command printed no token within {_TOKEN_S:g} s: run it") from None
        if done.returncode != 0 or not done.stdout.strip():
            raise BrokerUnavailable(f"sasl_token_command printed no token (exit code {done.returncode}): run it")
        return done.stdout.strip()


class _SyncToken(kafka.net.sasl.oauth.AbstractTokenProvider):  # type: ignore[misc]
    def __init__(self, token: Token) -> None:
        self._token = token

    def token(self) -> str:
        return self._token.read()


class Security:
    """A deployment's security, read from its files once.

    Args:
        settings: how brokers are reached.

    Attributes:
        context: for TLS; None: without.
        protocol: of Kafka's four.
        mechanism: of SASL; None: without.
        username, password: for SASL.
        token: for OAUTHBEARER.

    Raises:
        SettingsError: a file cannot be read, or is not what it should be.
    """

    def __init__(self, settings: KafkaConnection) -> None:
        self.context: Final = _tls(settings) if settings.uses_tls else None
        self.protocol = settings.security_protocol
        self.mechanism = settings.sasl_mechanism if settings.uses_sasl else None
        self.username, self.password = settings.sasl_username, settings.sasl_password.get_secret_value()
        if self.mechanism is not None and settings.sasl_password_file is not None:
            self.password = _text_of("sasl_password_file", settings.sasl_password_file)
        self.token = Token(settings.sasl_token_file, settings.sasl_token_command)
        if self.mechanism == "OAUTHBEARER" and settings.sasl_token_file is not None:
            self.token.read()  # whoever cannot read it is told at start

    def of_kafka_python(self) -> dict[str, Any]:
        """Arguments of a client of kafka-python."""
        return self.arguments(_SyncToken(self.token))

    def arguments(self, token: object) -> dict[str, Any]:
        """Arguments of a client of aiokafka or kafka-python, which go by the same names.

        Args:
            token: where that client has its tokens from.
        """
        found: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.context}
        if self.mechanism == "OAUTHBEARER":
            found |= {"sasl_mechanism": self.mechanism, "sasl_oauth_token_provider": token}
        elif self.mechanism is not None:
            found |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return found


def _tls(settings: KafkaConnection) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca)  # with it no other authority is trusted
    except ssl.SSLError:
        raise SettingsError([f"ssl_ca: {settings.ssl_ca} holds no certificate in PEM"]) from None
    except OSError as error:
        raise SettingsError([f"ssl_ca: {settings.ssl_ca} cannot be read: {error.strerror}"]) from None
    context.check_hostname = settings.ssl_check_hostname
    if settings.ssl_cert is not None:
        _identify(context, settings.ssl_cert, settings)
    return context


def _identify(context: ssl.SSLContext, certificate: Path, settings: KafkaConnection) -> None:
    files = (certificate,) if settings.ssl_key is None else (certificate, settings.ssl_key)
    for name, file in zip(("ssl_cert", "ssl_key"), files, strict=False):
        _text_of(name, file)
    try:
        # OpenSSL asks at the terminal for a password that is None.
        context.load_cert_chain(certificate, settings.ssl_key, settings.ssl_key_password.get_secret_value())
    except (ssl.SSLError, ValueError):
        shown = " and ".join(str(file) for file in files)
        raise SettingsError(
            [f"ssl_cert: {shown} are not a certificate and its key in PEM, or ssl_key_password does not open it"]
        ) from None


def _text_of(name: str, file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise SettingsError([f"{name}: {file} cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{name}: {file} is no text"]) from None
