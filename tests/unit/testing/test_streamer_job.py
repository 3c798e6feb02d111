"""The job in memory that users test with: it does what the deployed one does, and its clock is theirs."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.oracle import oracle
from streamer.city import city
from streamer.events import DAY_MS, Dislike, Erasure, Impression, Play
from streamer.scoring.priors import Priors
from streamer.serving import AsyncAvoidListReader, AvoidListReader, Candidate
from streamer.settings import Settings
from streamer.testing import Rejected, StreamerJob
from tests.crowd import HATED, crowd
from tests.steps import HOUR, NOON, SECOND

ROOT = Path(__file__).parents[3]


def disliked(user: str, ts: int = NOON, content: str = "c1") -> Dislike:
    return Dislike(user_id=user, ts=ts, action="dislike", content_id=content)


def shown(user: str, ts: int, content: str = "c1") -> Impression:
    return Impression(user_id=user, ts=ts, content_id=content, tags=("x",), visible_ms=5_000, position=0)


def test_the_examples_of_the_page_run_as_they_stand() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/testing.md").read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "docs/testing.md", "exec"), names)
    tests = [test for name, test in names.items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        assert callable(test)
        test()


@pytest.mark.parametrize("settings", [Settings(), Settings(clock="events", topic_prefix="dev-")])
def test_a_city_told_event_by_event_has_the_documents_that_the_oracle_computes(settings: Settings) -> None:
    job, events = StreamerJob(settings), [event for _, event in city.generate(users=6, days=4, seed=3, end_ms=NOON)]
    for event in sorted(events, key=lambda event: event.ts):
        job.send(event)
    job.advance(5 * 3600)
    watermark = job.now_ms - (30_000 if settings.clock == "wall" else 0)
    truth = oracle.documents(settings, events, watermark)
    assert truth
    for user in truth.keys() | job.documents.keys():
        assert oracle.disagreements(job.document(user), truth.get(user)) == [], user
    assert (job.late, job.rejects) == (0, [])


def test_it_is_the_same_every_time_and_however_many_are_sent_at_a_call() -> None:
    events = list(crowd(3, NOON))
    one_by_one, at_one_go = StreamerJob(), StreamerJob()
    for event in sorted(events, key=lambda event: event.ts):
        one_by_one.send(event)
    at_one_go.send(*events)
    for job in (one_by_one, at_one_go):
        job.advance(5 * 3600)
    assert one_by_one.documents == at_one_go.documents != {}


def test_priors_given_are_those_that_users_are_judged_by() -> None:
    def multiplier(priors: Priors | None) -> float:
        job = StreamerJob(priors=priors)
        job.send(*crowd(1, NOON))
        job.advance(5 * 3600)
        return job.reader(explore=0).get("0").penalty(Candidate("new", tags=(HATED,)))

    assert multiplier(Priors(version=1, tags={HATED: 0.001})) > multiplier(None) == multiplier(Priors())


# --- what comes in ------------------------------------------------------------------------------------------------


def test_what_is_no_event_is_rejected_with_its_place_and_code_and_the_rest_counts() -> None:
    job = StreamerJob()
    job.send_raw("plays", b"{", b"u")
    job.send_raw("dislikes", {"user_id": "u", "ts": NOON, "action": "dislike", "content_id": "c"}, b"u")
    job.send_raw("dislikes", {"user_id": "u", "ts": NOON, "action": "frown", "content_id": "c"})
    job.send_raw("dislikes", {"user_id": "u", "ts": NOON, "action": "dislike", "content_id": "c"}, b"v")
    assert [(reject.topic, reject.offset, reject.code) for reject in job.rejects] == [
        ("plays", 0, "malformed_json"), ("dislikes", 1, "unknown_value"), ("dislikes", 2, "key_mismatch")
    ]  # fmt: skip
    assert isinstance(job.rejects[0], Rejected) and job.rejects[0].value == b"{"
    assert set(job.documents) == {"u"}
    with pytest.raises(ValueError, match="no topic 'clicks': there are impressions, plays"):
        job.send_raw("clicks", b"{}")


def test_an_erased_user_is_gone_and_what_comes_later_counts() -> None:
    job = StreamerJob(Settings(labels=True))
    for user in ("u", "v"):
        job.send(shown(user, NOON), shown(user, NOON + 10 * SECOND, "c2"), disliked(user, NOON + 11 * SECOND))
    job.advance(2 * 3600)
    assert {label.user_id for label in job.labels} == {"u", "v"}
    job.send(Erasure("u", job.now_ms))
    assert set(job.documents) == {"v"}
    assert {label.user_id for label in job.labels} == {"v"}
    job.send(disliked("u", NOON, "old"))
    assert set(job.documents) == {"v"}
    job.send(disliked("u", job.now_ms + 1, "new"))
    assert job.reader().get("u").filter([Candidate("c1"), Candidate("old"), Candidate("new")]) == [
        Candidate("c1"), Candidate("old")
    ]  # fmt: skip


# --- time ---------------------------------------------------------------------------------------------------------


def test_the_clock_follows_the_newest_event_and_never_goes_back() -> None:
    job = StreamerJob()
    job.send(disliked("u", NOON))
    job.send(disliked("u", NOON - HOUR))
    job.send_raw("plays", {"user_id": "u", "ts": NOON + HOUR, "content_id": "c"})
    assert job.now_ms == NOON + HOUR
    job.advance(60)
    assert job.now_ms == NOON + HOUR + 60 * SECOND
    job.advance(to_ms=NOON + DAY_MS)
    assert job.now_ms == NOON + DAY_MS
    with pytest.raises(ValueError, match="time only passes"):
        job.advance(-1)


def test_a_clock_that_is_given_is_moved_by_nobody_else_so_the_future_is_rejected() -> None:
    job = StreamerJob(now_ms=NOON)
    job.send(disliked("u", NOON + HOUR))
    assert [reject.code for reject in job.rejects] == ["from_the_future"]
    job.advance(3600)
    job.send(disliked("u", NOON + HOUR))
    assert (set(job.documents), job.now_ms) == ({"u"}, NOON + HOUR)


def test_an_event_sent_after_its_session_sealed_is_late_unless_it_is_explicit() -> None:
    job = StreamerJob()
    job.send(shown("u", NOON))
    job.advance(3 * 3600)
    job.send(Play(user_id="u", ts=NOON, content_id="c1", played_s=5.0))
    assert job.late == 1
    job.send(disliked("u", NOON))
    assert set(job.documents) == {"u"}


def test_lists_expire_with_the_clock() -> None:
    job = StreamerJob()
    job.send(disliked("u"))
    assert job.reader().get("u").source == "user"
    job.advance(400 * 86_400)
    assert (job.document("u"), job.reader().get("u").source) == (None, "none")


# --- readers ------------------------------------------------------------------------------------------------------


def test_its_readers_are_those_of_the_serving_tier_and_go_by_its_clock() -> None:
    job = StreamerJob()
    with job.reader() as reader:
        assert isinstance(reader, AvoidListReader)
        assert reader.get("u").source == "none"
        job.send(disliked("u"))
        lists = reader.get_many(["u", "v"], {"v": "de"})
        assert {user: found.source for user, found in lists.items()} == {"u": "user", "v": "none"}
        explanation = lists["u"].explain(Candidate("c1"))
        assert (explanation.penalty, [match.entry.reasons for match in explanation.matches]) == (0, [("explicit",)])


def test_it_works_inside_a_running_event_loop() -> None:
    async def run() -> list[str]:
        job = StreamerJob()
        job.send(disliked("u"))
        async with job.async_reader() as reader:
            assert isinstance(reader, AsyncAvoidListReader)
            left = (await reader.get("u")).filter([Candidate("c1"), Candidate("c2")])
            return [item.content_id for item in left]

    assert asyncio.run(run()) == ["c2"]


def test_a_user_who_has_the_name_of_a_default_list_is_served_to_nobody() -> None:
    job = StreamerJob()
    job.send(disliked("~all"))
    assert set(job.documents) == {"~all"}
    assert job.reader().get("newcomer").source == "none"


def test_it_needs_nothing_of_what_tests_are_made_with() -> None:
    program = (
        "import streamer.testing, sys; print(sorted({'pytest', 'tests', 'lab', 'hypothesis'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
