"""The replay driver against an in-memory outlet: what is sent, when, and what a kill leaves behind."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import pytest
from msgspec.structs import replace

from streamer.city.city import City
from streamer.errors import DataSetError, DeliveryError, SettingsError, StateCorrupt
from streamer.events import Event, Play
from streamer.replay.replay import Progress, Replay
from streamer.settings import Settings, load

DAY = 86_400_000
NOW = 1_760_000_000_000
OLD_END = NOW - 1_000 * DAY - 12_345_678
SETTLE = (1800 + 3600 + 1) * 1000
Recording: TypeAlias = list[tuple[str, Event]]


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.ms = NOW

    def now_ms(self) -> int:
        return self.ms

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.ms += round(seconds * 1000)


class MemoryOutlet:
    """Keeps what it is sent; what was flushed is ``delivered``. Refuses events after ``room`` of them."""

    def __init__(self, clock: FakeClock, room: int = 1_000_000) -> None:
        self.log: list[tuple[int, Event | int]] = []
        self.delivered: list[Event] = []
        self.flushes = 0
        self._clock = clock
        self._room = room
        self._pending: list[Event] = []

    def send(self, event: Event) -> None:
        if self._room == 0:
            raise DeliveryError("the broker is gone")
        self._room -= 1
        self.log.append((self._clock.ms, event))
        self._pending.append(event)

    def watermark(self, ts: int) -> None:
        assert not self._pending, "a watermark overtook events that were not flushed"
        self.log.append((self._clock.ms, ts))

    def flush(self) -> None:
        self.flushes += 1
        self.delivered += self._pending
        self._pending.clear()

    @property
    def events(self) -> list[Event]:
        return [entry for _, entry in self.log if not isinstance(entry, int)]

    @property
    def watermarks(self) -> list[int]:
        return [entry for _, entry in self.log if isinstance(entry, int)]


@pytest.fixture(scope="module")
def recording() -> Recording:
    return list(City.of_size(10_000, end_ms=OLD_END, seed=5, days=10).events())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path / "data")


def replay(
    recording: Recording, outlet: MemoryOutlet, settings: Settings, clock: FakeClock, **options: object
) -> Replay:
    return Replay("city", recording, outlet, settings, source=Path("city"), clock=clock, **options)  # type: ignore[arg-type]


def test_all_events_are_sent_in_order_shifted_by_whole_days_to_end_now(
    recording: Recording, settings: Settings
) -> None:
    clock = FakeClock()
    outlet = MemoryOutlet(clock)
    done = replay(recording, outlet, settings, clock).run()
    shift = done.shift_ms
    assert outlet.delivered == [replace(event, ts=event.ts + shift) for _, event in recording]
    assert shift % DAY == 0
    assert NOW - DAY < outlet.delivered[-1].ts + SETTLE <= NOW


def test_as_is_keeps_the_recorded_timestamps(recording: Recording, settings: Settings) -> None:
    clock = FakeClock()
    outlet = MemoryOutlet(clock)
    replay(recording, outlet, settings, clock, as_is=True).run()
    assert outlet.delivered == [event for _, event in recording]


def test_watermarks_follow_what_was_flushed_and_the_last_lets_everything_seal(
    recording: Recording, settings: Settings
) -> None:
    clock = FakeClock()
    outlet = MemoryOutlet(clock)
    replay(recording, outlet, settings, clock).run()
    assert len(outlet.watermarks) > 100
    assert all(a < b for a, b in pairwise(outlet.watermarks))
    promised = 0
    for _, entry in outlet.log:
        if isinstance(entry, int):
            promised = entry
        else:
            assert entry.ts >= promised
    assert outlet.watermarks[-1] == outlet.events[-1].ts + SETTLE


def test_no_watermark_lies_in_the_future(settings: Settings) -> None:
    clock = FakeClock()
    outlet = MemoryOutlet(clock)
    replay([("plays", Play(user_id="u", ts=NOW - 1000, content_id="c"))], outlet, settings, clock, as_is=True).run()
    assert outlet.watermarks == [NOW]


def test_a_long_span_sends_few_watermarks(settings: Settings) -> None:
    clock = FakeClock()
    outlet = MemoryOutlet(clock)
    years = [("plays", Play(user_id="u", ts=NOW - (20_000 - n) * DAY // 3, content_id="c")) for n in range(20_000)]
    replay(list(years), outlet, settings, clock).run()
    assert len(outlet.watermarks) <= 501


def test_speed_paces_event_time(recording: Recording, settings: Settings) -> None:
    clock = FakeClock()
    outlet = MemoryOutlet(clock)
    part = recording[:500]
    replay(part, outlet, settings, clock, speed=3600.0).run()
    sent_ms = [at for at, entry in outlet.log if not isinstance(entry, int)]
    assert [at - NOW for at in sent_ms] == pytest.approx([(e.ts - part[0][1].ts) / 3600 for _, e in part], abs=2)


def test_a_slow_replay_flushes_before_it_waits(settings: Settings) -> None:
    clock = FakeClock()
    outlet = MemoryOutlet(clock)
    seen: list[Progress] = []
    plays: Recording = [("plays", Play(user_id="u", ts=n * 60_000, content_id="c")) for n in range(3)]
    replay(plays, outlet, settings, clock, speed=1.0).run(seen.append)
    assert [progress.delivered for progress in seen] == [1, 2, 3]
    assert clock.ms == NOW + 120_000


@pytest.mark.parametrize("room", [0, 1, 1_999, 2_001, 5_432, 9_999])
def test_a_replay_stopped_at_any_point_resumes_and_loses_nothing(
    room: int, recording: Recording, settings: Settings
) -> None:
    clock = FakeClock()
    first = MemoryOutlet(clock, room)
    with pytest.raises(DeliveryError):
        replay(recording, first, settings, clock).run()
    clock.ms += 30 * DAY  # the shift of the first run must hold even a month later
    second = MemoryOutlet(clock)
    seen: list[Progress] = []
    resumed = replay(recording, second, settings, clock)
    done = resumed.run(seen.append)
    assert done.resumed_at == len(first.delivered)
    assert done.delivered == done.total == len(recording)
    assert [p.delivered for p in seen] == sorted(p.delivered for p in seen)
    if first.delivered:
        uninterrupted = [replace(event, ts=event.ts + done.shift_ms) for _, event in recording]
        assert first.delivered + second.delivered == uninterrupted
        assert set(first.events + second.events) == set(uninterrupted)


def test_a_kill_during_a_flush_repeats_identical_events(recording: Recording, settings: Settings) -> None:
    class DiesInFlush(MemoryOutlet):
        def flush(self) -> None:
            super().flush()
            if self.flushes == 5:
                raise KeyboardInterrupt

    clock = FakeClock()
    first = DiesInFlush(clock)
    with pytest.raises(KeyboardInterrupt):
        replay(recording, first, settings, clock).run()
    clock.ms += 2 * DAY
    second = MemoryOutlet(clock)
    shift = replay(recording, second, settings, clock).run().shift_ms
    assert len(first.delivered) + len(second.delivered) > len(recording)
    assert set(first.delivered) | set(second.delivered) == {
        replace(event, ts=event.ts + shift) for _, event in recording
    }


def test_a_finished_replay_sends_nothing_again_unless_restarted(recording: Recording, settings: Settings) -> None:
    clock = FakeClock()
    replay(recording, MemoryOutlet(clock), settings, clock).run()
    again = MemoryOutlet(clock)
    done = replay(recording, again, settings, clock).run()
    assert (done.delivered, done.resumed_at) == (len(recording), len(recording))
    assert again.log == []
    restarted = MemoryOutlet(clock)
    replay(recording, restarted, settings, clock, restart=True).run()
    assert len(restarted.delivered) == len(recording)


def test_replays_to_another_deployment_or_from_another_place_do_not_mix(
    recording: Recording, settings: Settings
) -> None:
    clock = FakeClock()
    replay(recording, MemoryOutlet(clock), settings, clock).run()
    elsewhere = MemoryOutlet(clock)
    prefixed = load(data_dir=settings.data_dir, topic_prefix="dev-")
    replay(recording, elsewhere, prefixed, clock).run()
    assert len(elsewhere.delivered) == len(recording)


def test_resuming_with_other_events_or_another_shift_is_refused(recording: Recording, settings: Settings) -> None:
    clock = FakeClock()
    with pytest.raises(DeliveryError):
        replay(recording, MemoryOutlet(clock, 5_000), settings, clock).run()
    with pytest.raises(DataSetError, match="other events than these"):
        replay(recording[1:], MemoryOutlet(clock), settings, clock)
    with pytest.raises(DataSetError, match="started without --as-is"):
        replay(recording, MemoryOutlet(clock), settings, clock, as_is=True)


@pytest.mark.parametrize("content", [b"{", b'{"position":1}', b""])
def test_a_damaged_resume_point_says_how_to_go_on(content: bytes, recording: Recording, settings: Settings) -> None:
    clock = FakeClock()
    replay(recording, MemoryOutlet(clock), settings, clock).run()
    (file,) = settings.data_dir.iterdir()
    file.write_bytes(content)
    with pytest.raises(StateCorrupt, match="--restart"):
        replay(recording, MemoryOutlet(clock), settings, clock)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_speed_that_makes_no_sense_is_refused(speed: float, recording: Recording, settings: Settings) -> None:
    clock = FakeClock()
    with pytest.raises(SettingsError, match="speed: must be > 0"):
        replay(recording, MemoryOutlet(clock), settings, clock, speed=speed)


def test_an_empty_or_unsorted_recording_is_refused(recording: Recording, settings: Settings) -> None:
    clock = FakeClock()
    with pytest.raises(DataSetError, match="holds no events"):
        replay([], MemoryOutlet(clock), settings, clock)
    with pytest.raises(DataSetError, match="not in event-time order"):
        replay(recording[::-1], MemoryOutlet(clock), settings, clock)


def test_a_data_dir_that_cannot_be_written_is_named(recording: Recording, tmp_path: Path) -> None:
    clock = FakeClock()
    (tmp_path / "file").touch()
    settings = load(data_dir=tmp_path / "file")
    with pytest.raises(SettingsError, match="data_dir"):
        replay(recording, MemoryOutlet(clock), settings, clock).run()
