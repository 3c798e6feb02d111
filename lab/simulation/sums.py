"""The sums over all users in a world that has healed: what the population was told adds up to what the oracle says."""

from __future__ import annotations

from collections.abc import Iterator

from lab.oracle.oracle import Oracle
from lab.oracle.population import Sums as OracleSums
from lab.oracle.population import totals as totals_of
from lab.simulation.story import TARDY
from lab.simulation.world import World
from streamer.engine.population.totals import TotalsTable
from streamer.engine.state.store import MemoryStore
from streamer.events import Erasure, Event
from streamer.population import Key, Totals
from streamer.population.sums import COHORT, CohortSums, CreatorSums, EveryoneSums, Sums, TagSums


def wrong_sums(world: World, store: MemoryStore) -> Iterator[str]:
    """What is counted too often or not at all.

    Not looked at with somebody tardy: how much of them has sealed, and is counted, depends on the schedule. So it does
    with somebody erased what their items' creators met with, which an erasure leaves.

    Args:
        world: healed.
        store: recovered from what the broker has.
    """
    if any(_user(sent.what) == TARDY for sent in world.sent):
        return
    erased = erased_until(world)
    table = TotalsTable()
    table.count(world.broker.logs[world.settings.topics.population].records)
    for _, deltas in store.untold:
        table.totals.merge(deltas)
    by_user: dict[str, list[Event | int]] = {}
    for sent in world.sent:
        if not isinstance(sent.what, bytes | Erasure) and sent.what.ts > erased.get(sent.what.user_id, -1):
            by_user.setdefault(sent.what.user_id, []).append(sent.what)
    end = -1 if store.mark is None else store.mark.watermark
    oracle = Oracle(world.settings)
    due = totals_of(oracle.run([*events, end]).sealed() for events in by_user.values())
    found = in_oracle_s_words(table.totals)
    for key in sorted(found.keys() | due.keys()):
        got, want = found.get(key, {}), due.get(key, {})
        if erased and key[0] == "creator":
            got, want = _bins(got), _bins(want)
        if got != want:
            yield f"sums: {key}: {got}, must be {want}"


def in_oracle_s_words(totals: Totals) -> OracleSums:
    """Totals as the oracle names them, zeros left out."""
    found = {_key(key): _numbers(sums) for key, sums in totals.items()}
    return {key: kept for key, numbers in found.items() if (kept := {name: n for name, n in numbers.items() if n})}


def erased_until(world: World) -> dict[str, int]:
    """By user, up to when everything is erased, ms."""
    found: dict[str, int] = {}
    for sent in world.sent:
        if isinstance(sent.what, Erasure):
            found[sent.what.user_id] = max(sent.what.ts, found.get(sent.what.user_id, -1))
    return found


def _bins(numbers: dict[str, int]) -> dict[str, int]:
    return {name: n for name, n in numbers.items() if name.startswith("bin_")}


def _key(key: Key) -> tuple[str, ...]:
    if key.kind == COHORT:
        return (COHORT, key.cohort, key.value)
    return (key.kind, key.value) if key.value else (key.kind,)


def _numbers(sums: Sums) -> dict[str, int]:
    match sums:
        case CreatorSums():
            names = ("starts", "expected_starts", "plays", "abandoned", "expected_abandoned")
            return {f"bin_{at}": n for at, n in enumerate(sums.bins)} | {name: getattr(sums, name) for name in names}
        case EveryoneSums():
            edges = {edge: str(edge) if edge else "inf" for edge in sums.buckets}
            plays = {f"plays_{edges[edge]}": pair[0] for edge, pair in sums.buckets.items()}
            abandoned = {f"abandoned_{edges[edge]}": pair[1] for edge, pair in sums.buckets.items()}
            return plays | abandoned | {"starts": sums.starts, "theta": sums.theta}
        case TagSums() | CohortSums():
            return {name: getattr(sums, name) for name in sums.__struct_fields__}


def _user(what: Event | Erasure | bytes) -> str:
    return "" if isinstance(what, bytes) else what.user_id
