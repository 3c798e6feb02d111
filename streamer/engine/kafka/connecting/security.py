"""What protects the way to Kafka, in the words of each client: TLS, and SASL with a password or a token.

Faust seam: its setting ``broker_credentials`` (public), which its aiokafka driver hands to every client.

A token is fetched anew for every connection, so one that is renewed in its file is used once the broker asks again.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path
from typing import Any, Final

import aiokafka.abc
import faust
import kafka.net.sasl.oauth
from faust.auth import OAuthCredentials
from faust.types.auth import CredentialsT

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


class _AsyncToken(aiokafka.abc.AbstractTokenProvider):  # type: ignore[misc]
    def __init__(self, token: Token) -> None:
        self._token = token

    async def token(self) -> str:
        return await asyncio.to_thread(self._token.read)


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

    Raises:
        SettingsError: a file cannot be read, or is not what it should be.
    """

    def __init__(self, settings: KafkaConnection) -> None:
        self.context: Final = _tls(settings) if settings.uses_tls else None
        self._protocol = settings.security_protocol
        self._mechanism = settings.sasl_mechanism if settings.uses_sasl else None
        self._username, self._password = settings.sasl_username, settings.sasl_password.get_secret_value()
        if self._mechanism is not None and settings.sasl_password_file is not None:
            self._password = _text_of("sasl_password_file", settings.sasl_password_file)
        self._token = Token(settings.sasl_token_file, settings.sasl_token_command)
        if self._mechanism == "OAUTHBEARER" and settings.sasl_token_file is not None:
            self._token.read()  # whoever cannot read it is told at start

    def of_aiokafka(self) -> dict[str, Any]:
        """Arguments of a client of aiokafka."""
        return self._arguments(_AsyncToken(self._token))

    def of_kafka_python(self) -> dict[str, Any]:
        """Arguments of a client of kafka-python."""
        return self._arguments(_SyncToken(self._token))

    def of_faust(self) -> CredentialsT | None:
        """A Faust app's ``broker_credentials``."""
        if self._mechanism is None:
            return None if self.context is None else faust.SSLCredentials(self.context)
        if self._mechanism == "OAUTHBEARER":
            return OAuthCredentials(oauth_cb=_AsyncToken(self._token), ssl_context=self.context)
        return faust.SASLCredentials(
            username=self._username, password=self._password, mechanism=self._mechanism, ssl_context=self.context
        )

    def _arguments(self, token: object) -> dict[str, Any]:
        found: dict[str, Any] = {"security_protocol": self._protocol, "ssl_context": self.context}
        if self._mechanism == "OAUTHBEARER":
            found |= {"sasl_mechanism": self._mechanism, "sasl_oauth_token_provider": token}
        elif self._mechanism is not None:
            found |= {
                "sasl_mechanism": self._mechanism,
                "sasl_plain_username": self._username,
                "sasl_plain_password": self._password,
            }
        return found


def context_of(credentials: CredentialsT | None) -> ssl.SSLContext | None:
    """The TLS context in a Faust app's ``broker_credentials``; None: without TLS."""
    match credentials:
        case faust.SSLCredentials():
            return credentials.context
        case faust.SASLCredentials() | OAuthCredentials():
            return credentials.ssl_context
        case _:
            return None


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
