"""Labels: what a sealed session says of its items, and how that leaves the job."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from aiokafka.errors import MessageSizeTooLargeError

from streamer.engine.kafka.producer import NewRecord, Sent
from streamer.engine.metrics import Metrics
from streamer.engine.partition.output import OutputWriter, Pending
from streamer.engine.partition.work import LabelWrite, Output
from streamer.events import Erasure, Event
from streamer.producing.topics import wanted
from streamer.profile import Label, Profile, Rules
from streamer.profile.labels import EXAMPLES, Example, encode
from streamer.profile.positions import PositionedSession
from streamer.profile.session import Session
from streamer.settings import Settings, Topics
from streamer.signals.feedback import REFUSALS, Refusals
from tests.property.driving import Saved, reloaded
from tests.steps import HOUR, MINUTE, NOON, SECOND, disliked, gave, played, shown, unseen
from tests.unit.memory_job import NAMES, MemoryJob

ON = Settings(labels=True, clock="events")
LATER = NOON + 3 * HOUR


def labels_of(*events: Event, settings: Settings = ON, until: int = LATER) -> list[Label]:
    profile = Profile("u", Rules(settings))
    for event in events:
        profile.apply(event, -1)
    profile.advance(until)
    return profile.take_labels()


def examples_of(*events: Event, **more: Any) -> dict[str, Example]:
    return {example.content_id: example for label in labels_of(*events, **more) for example in label.examples}


EVENING = [
    shown(NOON, "liked", "x", position=0, creator_id="a", device="tv", session_id="s", cohort="k"),
    shown(NOON, "left", position=1, session_id="s"),
    shown(NOON, "ignored", position=3, session_id="s"),
    shown(NOON, "unseen", position=9, visible_ms=1999, session_id="s"),
    shown(NOON + SECOND, "disliked", session_id="s"),
    gave(NOON + 2 * SECOND, "liked", "click", session_id="s"),
    played(NOON + 3 * SECOND, "liked", playback_id="1", played_s=100, duration_s=100, session_id="s"),
    played(NOON + 3 * SECOND, "left", played_s=70, duration_s=7200, session_id="s"),
    played(NOON + 4 * SECOND, "abandoned", played_s=5, duration_s=100, session_id="s"),
    played(NOON + 5 * MINUTE, "liked", playback_id="2", played_s=90, duration_s=100, session_id="s"),
    gave(NOON + 5 * MINUTE, "liked", "like", session_id="s"),
    disliked(NOON + 5 * MINUTE, "disliked", session_id="s"),
]


def test_a_session_is_one_label_with_what_was_chosen_beside_what_was_passed_over() -> None:
    (label,) = labels_of(*EVENING)
    assert (label.user_id, label.session_id, label.start, label.last) == ("u", "s", NOON, NOON + 5 * MINUTE)
    assert (label.cohort, label.part, label.parts, label.name) == ("k", 0, 1, f"{NOON} 0 s")
    assert [example.content_id for example in label.examples] == ["ignored", "left", "liked", "disliked", "abandoned"]
    found = {example.content_id: example for example in label.examples}
    assert {c: e.outcome for c, e in found.items()} == {
        "ignored": "ignored", "left": "left", "liked": "engaged", "disliked": None, "abandoned": "abandoned"
    }  # fmt: skip
    assert {c: (e.position, e.propensity) for c, e in found.items()} == {
        "ignored": (3, 0.5), "left": (1, 0.707), "liked": (0, 1.0), "disliked": (None, 1.0), "abandoned": (None, None)
    }  # fmt: skip
    assert {c: e.weight for c, e in found.items()} == {
        "ignored": -0.01, "left": 0.01, "liked": 2.61, "disliked": -1.49, "abandoned": -0.4
    }  # fmt: skip
    assert found["disliked"].confidence == 60.6


def test_the_bytes_of_an_example_are_the_spec_of_the_topic() -> None:
    (label,) = labels_of(*(event for event in EVENING if event.content_id == "liked"))
    assert json.loads(encode(label)) == {
        "schema": 1, "user_id": "u", "session_id": "s", "start": NOON, "last": NOON + 5 * MINUTE, "cohort": "k",
        "part": 0, "parts": 1,
        "examples": [
            {
                "content_id": "liked", "creator_id": "a", "tags": ["x"], "media": "video", "duration_s": 100.0,
                "first": NOON, "daypart": "afternoon", "device": "tv", "position": 0, "propensity": 1.0,
                "clicked": True, "started": True, "completion": 1.0, "band": "loved", "watch_score": 1.5,
                "outcome": "engaged",
                "signals": {"impression": 0.01, "click": 0.1, "watch": 0.6, "rewatch": 1.2, "like": 0.7},
                "weight": 2.61, "confidence": 105.4, "ips_weight": 1.0,
            }
        ],
    }  # fmt: skip


def test_what_refusals_without_a_word_weigh_is_a_setting() -> None:
    found = examples_of(*EVENING, settings=Settings(labels=True, weight_abandoned=-1, weight_ignored=0))
    assert found["abandoned"].signals == {"abandoned": -1.0}
    assert found["ignored"].signals == {"impression": 0.01}
    assert Refusals(Settings().weight_abandoned, Settings().weight_ignored) == REFUSALS


def test_a_click_far_down_the_page_weighs_by_its_propensity_and_at_most_the_clip() -> None:
    here, there = shown(NOON, "a", position=3), shown(NOON, "b", position=400)
    clicks = [gave(NOON + MINUTE, "a", "click"), gave(NOON + MINUTE, "b", "click"), gave(NOON + MINUTE, "c", "click")]
    found = examples_of(here, there, *clicks)
    assert [found[c].ips_weight for c in "abc"] == [2, 10, None]
    assert [found[c].position for c in "abc"] == [3, 400, None]
    assert examples_of(here, there, *clicks, settings=Settings(labels=True, ips_clip=4))["b"].ips_weight == 4


@pytest.mark.parametrize(
    ("positions", "expected"), [([5, 2, 9], 2), ([300, 200], 200), ([None, 5], None), ([None, 0], 0), ([None], None)]
)
def test_the_position_is_that_of_the_impression_the_propensity_is_of(
    positions: list[int | None], expected: int | None
) -> None:
    far_away = shown(NOON, "c", position=0, visible_ms=1)
    told = [shown(NOON + MINUTE + n, "c", position=p) for n, p in enumerate(positions)]
    for order in (told, told[::-1]):
        assert examples_of(far_away, *order)["c"].position == expected


def test_a_session_too_short_to_act_has_no_exposures_and_says_nothing_by_silence() -> None:
    glance = [shown(NOON, "a", position=1), unseen(NOON + 4999)]
    assert labels_of(*glance) == []
    clicked = examples_of(*glance, gave(NOON, "b", "click"))
    assert list(clicked) == ["b"]
    assert (clicked["b"].propensity, clicked["b"].outcome, clicked["b"].weight) == (None, "engaged", 0.1)


def test_ratings_are_judged_by_the_mean_of_earlier_sessions_and_their_own() -> None:
    earlier = [gave(NOON - 5 * HOUR, c, "rating", value=5) for c in "ab"]
    (_, label) = labels_of(*earlier, gave(NOON, "c", "rating", value=2))
    assert label.examples[0].signals == {"rating": -0.9}  # .45 (2 − 4)


def test_an_undone_dislike_and_a_dislike_of_the_creator_alone_weigh_nothing() -> None:
    seen = [shown(NOON, "c", creator_id="a"), unseen(NOON + MINUTE)]
    undone = [disliked(NOON + 1, "c", action="hide"), disliked(NOON + 2, "c", action="undo")]
    of_creator = disliked(NOON + 1, "c", creator_id="a", scope="creator")
    assert examples_of(*seen, *undone)["c"].weight == examples_of(*seen, of_creator)["c"].weight == 0.01
    assert examples_of(*seen, undone[0], disliked(NOON + 3, "c", action="block"))["c"].weight == -1.49


def test_a_return_in_a_later_session_costs_one_there_and_leaves_the_earlier_label_as_it_is() -> None:
    bought = gave(NOON - 5 * HOUR, "c", "purchase", order_id="o")
    back = gave(NOON, "c", "return", order_id="o")
    assert [label.examples[0].signals for label in labels_of(bought, back)] == [{"purchase": 1.0}, {"return": -1.0}]


def test_a_long_session_is_told_in_parts_of_which_each_says_which_it_is() -> None:
    told = labels_of(*(played(NOON + n, f"c{n:04}", played_s=5) for n in range(2 * EXAMPLES + 1)))
    assert [(label.part, label.parts, len(label.examples)) for label in told] == [
        (0, 3, EXAMPLES), (1, 3, EXAMPLES), (2, 3, 1)
    ]  # fmt: skip
    assert len({label.name for label in told}) == 3
    contents = [example.content_id for label in told for example in label.examples]
    assert contents == sorted(set(contents))


def test_only_items_that_count_are_examples() -> None:
    few = Settings(labels=True, session_items=2)
    assert sorted(examples_of(*(played(NOON + n, f"c{n}") for n in range(5)), settings=few)) == ["c0", "c1"]


def test_labels_are_off_by_default_and_then_positions_are_not_remembered() -> None:
    assert labels_of(*EVENING, settings=Settings()) == []
    profiles = [Profile("u", Rules(settings)) for settings in (Settings(), ON)]
    for profile in profiles:
        profile.apply(EVENING[1], -1)
    assert [type(profile.sessions[0]) for profile in profiles] == [Session, PositionedSession]
    assert "labels" not in wanted(Settings())
    assert wanted(ON)["labels"]["cleanup.policy"] == "delete"


def test_positions_survive_a_restart_and_labels_may_be_switched_on_and_off_between() -> None:
    for first, then, expected in ((ON, ON, 3), (Settings(), ON, None), (ON, Settings(), None)):
        before, saved = Profile("u", Rules(first)), Saved()
        before.apply(shown(NOON, "c", position=7), -1)
        before = reloaded(before, saved)
        before.apply(shown(NOON + MINUTE, "c", position=3), -1)
        saved.save(before)
        after = saved.load("u", Rules(then))
        after.advance(LATER)
        examples = [example for label in after.take_labels() for example in label.examples]
        assert [example.position for example in examples] == ([expected] if then is ON else [])


# --- the job ------------------------------------------------------------------------------------------------------


def job_with(events: list[Event], settings: Settings = ON) -> MemoryJob:
    job = MemoryJob(settings, LATER + 24 * HOUR)
    names = {"Impression": "impressions", "Play": "plays", "Dislike": "dislikes", "Feedback": "feedback"}
    for event in events:
        job.produce(names[type(event).__name__], event, b"u")
    return job


def told(write: LabelWrite) -> Label:
    return msgspec.json.decode(write.value or b"", type=Label)


def test_the_job_writes_labels_when_their_session_seals_and_not_before() -> None:
    job = job_with(EVENING)
    job.run()
    assert job.labels() == []
    job.watermark(LATER)
    job.run()
    (expected,) = labels_of(*EVENING)
    (write,) = job.labels()
    assert (write.user, write.name) == ("u", expected.name)
    assert told(write) == expected


def test_after_a_crash_a_label_comes_again_as_it_was() -> None:
    job = job_with(EVENING)
    job.watermark(LATER)
    job.run()
    assert len(job.labels()) == 1  # it has arrived, the state behind it not
    job.start()
    job.run(dict.fromkeys(NAMES, 3))
    first, again = job.labels()
    assert first == again


def test_a_step_done_again_to_isolate_poison_writes_its_labels_once(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = Profile.apply

    def bugged(self: Profile, event: Event, watermark: int) -> object:
        if event.content_id == "culprit":
            raise ZeroDivisionError("a bug")
        return apply(self, event, watermark)

    monkeypatch.setattr(Profile, "apply", bugged)
    job = job_with(EVENING)
    job.watermark(LATER)
    job.run()
    job.produce("plays", played(LATER + 1, "culprit"), b"u")
    job.produce("plays", played(LATER + 2, "fine", played_s=9), b"u")
    job.watermark(LATER + 3 * HOUR)
    job.run()
    assert job.rejects == {("plays", 5): "poison"}
    assert [told(write).examples[0].content_id for write in job.labels()] == ["ignored", "fine"]


def test_an_erasure_tells_the_readers_of_labels_to_forget_the_user_and_open_sessions_say_nothing_more() -> None:
    job = job_with(EVENING)
    job.run()
    job.produce("erasures", Erasure("u", LATER), b"u")
    job.watermark(LATER)
    job.run()
    assert job.labels() == [("u", "", None)]
    silent = job_with(EVENING, Settings(clock="events"))
    silent.produce("erasures", Erasure("u", LATER), b"u")
    silent.run()
    assert silent.labels() == []


# --- to Kafka -----------------------------------------------------------------------------------------------------


class Topic:
    """A producer to a topic that takes no batch above a size; acks come when they are let."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken: list[NewRecord] = []
        self.acks = asyncio.Event()

    async def send(self, topic: str, partition: int, groups: list[list[NewRecord]]) -> list[Sent]:
        entries = [entry for group in groups for entry in group]
        return [Sent(asyncio.ensure_future(self._append(entries)), len(entries))]

    async def _append(self, entries: list[NewRecord]) -> Any:
        await self.acks.wait()
        if sum(len(entry.value or b"") for entry in entries) > self.most:
            raise MessageSizeTooLargeError
        self.taken += entries


def test_a_checkpoint_waits_for_labels_and_meters_those_that_their_topic_does_not_take() -> None:
    async def run() -> None:
        topic, metrics = Topic(most=10), Metrics()
        writer, pending = OutputWriter(topic, Topics(), metrics), Pending()  # type: ignore[arg-type]
        out = Output(labels=[LabelWrite("u", "1 0", b"small"), LabelWrite("v", "2 0 s", b"x" * 11)])
        await writer.write(0, out, pending)
        settled = asyncio.ensure_future(writer.settle(0, pending.take(), pending, lambda _: None))
        await asyncio.sleep(0)
        assert not settled.done()
        topic.acks.set()
        await settled
        assert topic.taken == [NewRecord(b"u", b"small", (("label", b"1 0"),))]
        assert metrics.registry.get_sample_value("streamer_dropped_evidence_total", {"cap": "label_bytes"}) == 1

    asyncio.run(run())
