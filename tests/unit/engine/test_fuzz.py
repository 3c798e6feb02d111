"""Odd records by the thousand: each comes out somewhere, nothing raises, and the ledger would tell."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from benchmarks import fuzz
from benchmarks.fuzz import Fuzzed, Ledger
from streamer.engine.kafka.records import Record
from streamer.engine.partition.inbox import Inbox
from streamer.engine.partition.work import Reject
from streamer.errors import RejectCode
from streamer.events import REJECT_CODES

RECORDS = 20_000


def test_i9_every_odd_record_is_counted_late_rejected_or_stepped_over_and_nothing_raises() -> None:
    ledger = Fuzzed(seed=7).run(RECORDS)
    assert ledger.problems() == []
    assert ledger.sent == ledger.went.total() == RECORDS
    rejected: set[str] = {code for code in REJECT_CODES if ledger.went[f"rejected: {code}"]}
    poison: RejectCode = "poison"
    assert rejected == {*REJECT_CODES} - {poison}
    assert min(ledger.went[what] for what in ("counted", "late", "of erased users", "stepped over")) > 0


def test_a_worker_that_drops_a_reject_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    receive = Inbox.receive

    def forgetful(inbox: Inbox, records: Iterable[Record], now_ms: int) -> list[Reject]:
        return receive(inbox, records, now_ms)[1:]

    monkeypatch.setattr(Inbox, "receive", forgetful)
    assert any("came out" in problem for problem in Fuzzed(seed=7).run(2_000).problems())


def test_what_raises_is_found_and_ends_the_command_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def raises(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("streamer.profile.profile.Profile.apply_all", raises)
    assert fuzz.main(["--records", "500"]) == 1
    told = capsys.readouterr()
    assert "ZeroDivisionError" in told.err
    assert "does not add up" in told.out


def test_a_ledger_that_does_not_add_up_says_by_how_much() -> None:
    ledger = Ledger()
    ledger.sent = 5
    ledger.went.update({"counted": 3, "rejected: too_large": 1})
    ledger.went.update({"rejected: key_mismatch": 1, "rejected: wrong_partition": 1})
    ledger.judged["rejected: too_large"] = 2
    assert ledger.problems() == [
        "5 records were sent, and 6 came out",
        "rejected: key_mismatch: 0 by the decoder, 1 by the worker",
        "rejected: too_large: 2 by the decoder, 1 by the worker",
    ]
