"""The benchmarks without servers still run: nothing else calls them between two measurements."""

from __future__ import annotations

from benchmarks import live_in_memory, people
from streamer.engine.state.store import MemoryStore


def test_people_who_come_and_go_are_decoded_anew_where_few_are_kept_and_hold_open_sessions() -> None:
    scene = people.Scene(rate=20, active=100, users=1_000, minutes=2, hot_users=10, on_disk=False)
    looks = list(people.watch(scene, MemoryStore()))
    assert len(looks) == 10
    assert sum(look.events for look in looks) > 2_000
    assert all(look.decoded > 0.5 * look.events for look in looks)
    assert all(look.cpu_s > look.checkpoint_s > 0 for look in looks)
    held = [look.open_users for look in looks]
    assert held == sorted(held)
    assert held[-1] > 100


def test_the_scene_in_memory_writes_what_the_oracle_says() -> None:
    job = live_in_memory._Job(seed=1, span_s=6, batch=20)
    assert job.live(6) > 0
    assert job.events > 100
    assert job.problems() == []
