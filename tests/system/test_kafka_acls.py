"""Every process with a user of its own that has the rights of `streamer topics acls`, and no others."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamer.cli.app import app
from streamer.embedded.child import Child
from streamer.errors import StreamerError
from streamer.events import Dislike
from streamer.producing import SignalProducer, topics
from streamer.producing.acls import COMMANDS, PROCESSES, needed
from streamer.settings import Settings
from tests.backends.acls import grant
from tests.backends.choose import RealRedis
from tests.backends.secured import SecuredKafka
from tests.deployment import served, settings_of
from tests.processes import environment_of, start, wait_for


@pytest.fixture
def by_process(secured: SecuredKafka, redis_server: RealRedis, prefix: str, tmp_path: Path) -> dict[str, Settings]:
    """Everybody's settings; topics and rights are there."""
    redis_server.flush()
    given = {"clock": "wall", "population": True, "labels": True, "broker_timeout": 10.0}
    owner = settings_of(prefix, secured.server.bootstrap, redis_server.url, tmp_path, **given)
    topics.create(owner)
    grant(secured.server.bootstrap, needed(owner, (*PROCESSES, *COMMANDS)))
    return {
        process: secured.as_user(owner, process, data_dir=tmp_path / process) for process in (*PROCESSES, *COMMANDS)
    }


def test_with_the_rights_that_are_told_every_process_does_its_work(by_process: dict[str, Settings]) -> None:
    children: list[Child] = []
    for process in ("worker", "publisher", "population"):
        settings = by_process[process]
        children.append(start(process, settings, settings.data_dir.with_suffix(".log")))
    try:
        with SignalProducer(by_process["producer"]) as producer:
            ts = time.time_ns() // 1_000_000
            for n in range(3):
                block = {"action": "block", "scope": "creator", "creator_id": f"loud-{n}"}
                producer.send(Dislike(user_id=f"u{n}", ts=ts, **block))  # type: ignore[arg-type]
            producer.send(Dislike(user_id="gone", ts=ts, action="block", scope="creator", creator_id="loud"))
            producer.erase("gone", ts)
        users = [f"u{n}" for n in range(3)]
        wait_for("lists are served", lambda: len(served(by_process["publisher"], users)) == 3, children[0])
        wait_for("figures are announced", lambda: "snapshot 1" in children[2].tail(500), children[2])
        for arguments in (
            ["explain", "u0", "loud-0"],
            ["labels", "stats"],
            ["labels", "export", str(by_process["labels"].data_dir / "labels")],
            ["rebuild-redis"],
            ["rejects", "count"],
            ["rejects", "resend", "--yes"],
            ["erase", "u1"],
        ):
            done = CliRunner().invoke(app, arguments, env=environment_of(by_process[arguments[0]]))
            assert done.exit_code == 0, f"{arguments}: {done.output}"
        looked = CliRunner().invoke(app, ["check"], env={**environment_of(by_process["check"]), "COLUMNS": "300"})
        assert "belongs to group" in looked.output
        assert "may not read" not in looked.output
        for child in children:
            assert child.stop(30) == 0, child.tail()
            assert "uthoriz" not in child.tail(2000), child.tail(50)
    finally:
        for child in children:
            child.kill()


def test_who_has_no_right_to_a_topic_is_told_which(by_process: dict[str, Settings]) -> None:
    settings = by_process["publisher"]
    with pytest.raises(StreamerError) as error:
        SignalProducer(settings)
    assert settings.topics.impressions in str(error.value)
