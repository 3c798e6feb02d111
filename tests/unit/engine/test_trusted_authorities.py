"""Whom TLS trusts: the authority that is given alone, or this machine's."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from streamer.engine.kafka.connecting.security import Security
from streamer.settings import Settings


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this machine trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "machine.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "machine.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return authority


def names(context: ssl.SSLContext | None) -> list[object]:
    assert context is not None
    return [each["serialNumber"] for each in context.get_ca_certs()]


@pytest.mark.usefixtures("theirs")
def test_with_an_authority_of_one_s_own_this_machine_s_are_not_trusted(tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    trustme.CA().cert_pem.write_to_path(str(own))
    machine = names(Security(Settings(security_protocol="SSL")).context)
    trusted = names(Security(Settings(security_protocol="SSL", ssl_ca=own)).context)
    assert len(machine) == len(trusted) == 1
    assert machine != trusted
