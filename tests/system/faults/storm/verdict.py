"""What is wrong with a deployment that was in a storm, has healed, caught up and stopped."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from lab.oracle import oracle
from lab.simulation.sums import in_oracle_s_words
from streamer.engine.population.totals import TotalsTable
from streamer.events import CLAIM, Event, EventDecoder, Watermark
from streamer.profile import Label
from streamer.settings import Settings
from tests.deployment import local_documents, records_in, records_of, saved_profiles, saved_stores, wrong_anywhere
from tests.property.driving import contexts_in, tiles_of
from tests.system.faults.storm.deployment import Deployment
from tests.system.faults.storm.plan import STRANGERS, Plan
from tests.system.faults.storm.sending import BAD_HEADER
from tests.system.faults.storm.undisturbed import Undisturbed, undisturbed

Origin = tuple[str, int, int]
_NO_END = 1 << 62
"""Of deltas: their topic is the one that the totals are of."""


def problems(deployment: Deployment, plan: Plan) -> list[str]:
    """What is wrong; empty: nothing."""
    truth = undisturbed(deployment.settings, plan)
    return [
        *(f"ended by itself: {surprise}" for surprise in deployment.surprises),
        *_sources(deployment.settings, plan),
        *_documents(deployment, plan, truth),
        *_counts(deployment.settings, truth),
        *_labels(deployment.settings, plan, truth),
        *_population(deployment.settings, truth),
    ]


# --- sent = counted + rejected ------------------------------------------------------------------------------


def _sources(settings: Settings, plan: Plan) -> Iterator[str]:
    """All that was to be sent is in the topics, and what is bad of it, and nothing else, is rejected."""
    found, bad, belated = _in_sources(settings)
    missing = [event for _, event in plan.events if event not in found]
    if missing:
        yield f"sources: {len(missing)} events were never sent, such as {missing[0]}"
    if belated:
        yield f"sources: {len(belated)} events first stand behind a watermark that promised none, as {belated[0]}"
    rejected: dict[Origin, str] = {}
    for record in records_of(settings, settings.topics.rejects):
        headers = {name: value.decode() for name, value in record.headers}
        origin = headers["topic"], int(headers["partition"]), int(headers["offset"])
        code = rejected.setdefault(origin, headers["code"])
        if code != headers["code"]:
            yield f"rejects: {origin} is both {code} and {headers['code']}: {headers['detail'][-500:]}"
    for origin in sorted(bad.keys() | rejected.keys()):
        if bad.get(origin) != rejected.get(origin):
            yield f"rejects: {origin} is rejected as {rejected.get(origin)}, must be {bad.get(origin)}"


def _in_sources(settings: Settings) -> tuple[set[Event], dict[Origin, str], list[str]]:
    """Events, the codes of what is none, and what its producer, not ours, has made late."""
    events: set[Event] = set()
    bad: dict[Origin, str] = {}
    belated: list[str] = []
    names = ("impressions", "plays", "dislikes", "feedback")
    for name, topic in zip(names, settings.topics.sources, strict=True):
        decoder = EventDecoder(name, 0)
        for partition in range(settings.partitions):
            promised = -1
            for record in records_in(settings, topic, [partition]):
                code = dict(record.headers).get(BAD_HEADER)
                if code is not None:
                    bad[topic, partition, record.offset] = code.decode()
                    continue
                what = decoder.decode(record.key, record.value, 1 << 60)
                if isinstance(what, Watermark):
                    promised = max(promised, what.watermark)
                elif what not in events:
                    events.add(what)  # type: ignore[arg-type]
                    if what.ts < promised:
                        belated.append(f"{topic}[{partition}]@{record.offset}")
    return events, bad, belated


# --- what was counted ---------------------------------------------------------------------------------------


def _documents(deployment: Deployment, plan: Plan, truth: Undisturbed) -> Iterator[str]:
    documents = truth.documents
    users = {event.user_id for _, event in plan.events} | plan.erased.keys()
    found = wrong_anywhere(deployment.settings, documents, users, {*STRANGERS, CLAIM})
    yield from (f"{user}: {why[:4]}" for user, why in found.items())
    on_disk = local_documents(deployment.on_disk, STRANGERS)
    for user in sorted(on_disk.keys() | documents.keys()):
        if why := oracle.same(on_disk.get(user), documents.get(user)):
            yield f"{user}: on disk: {why[:4]}"


def _counts(settings: Settings, truth: Undisturbed) -> Iterator[str]:
    """Every count of every day and key, listed or not: no event is missing, none counts twice."""
    saved = saved_profiles(settings, STRANGERS)
    for user, expected in sorted(truth.users.items()):
        profile = saved.get(user)
        if profile is None:
            yield f"{user}: nothing is known of them"
        elif profile.sessions:
            yield f"{user}: a session has not sealed"
        elif tiles_of(profile) != expected.tiles() or contexts_in(profile) != expected.contexts():
            yield f"{user}: counts: {_first_difference(tiles_of(profile), expected.tiles())}"


def _first_difference(found: dict[int, dict[tuple[str, str], dict[str, int]]], expected: object) -> str:
    assert isinstance(expected, dict)
    for day in sorted(found.keys() | expected.keys()):
        ours, theirs = found.get(day, {}), expected.get(day, {})
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                return f"day {day}, {key}: {ours.get(key)}, must be {theirs.get(key)}"
    return "of contexts"


# --- what was told ------------------------------------------------------------------------------------------


def _labels(settings: Settings, plan: Plan, truth: Undisturbed) -> Iterator[str]:
    """Every label is there; one that was told again after a crash is the same."""
    told: dict[tuple[str, str], bytes] = {}
    for record in records_of(settings, settings.topics.labels):
        user = (record.key or b"").decode()
        if record.value is None:
            if user not in plan.erased:
                yield f"{user}: their labels are withdrawn, though nobody has erased them"
            continue
        label = msgspec.json.decode(record.value, type=Label)
        before = told.setdefault((user, label.name), record.value)
        if before != record.value:
            yield f"{user}: label {label.name} was told in two ways"
    punctual = {key: raw for key, raw in told.items() if key[0] not in plan.erased}
    for key in sorted(punctual.keys() | truth.labels.keys()):
        if punctual.get(key) != truth.labels.get(key):
            what = "is missing" if key not in punctual else "is too much" if key not in truth.labels else "is another"
            yield f"{key[0]}: label {key[1]} {what}"


def _population(settings: Settings, truth: Undisturbed) -> Iterator[str]:
    """Each sum of each key, exactly: what the agent has saved, and what users changed in their last checkpoints."""
    table = TotalsTable(settings.population_group)
    table.recover(records_in(settings, settings.topics.totals, [0]), _NO_END)
    if table.corrupt:
        yield f"population: {table.corrupt} totals do not decode"
    for store in saved_stores(settings).values():
        for _, deltas in store.untold:
            table.totals.merge(deltas)
    counted, expected = in_oracle_s_words(table.totals), truth.sums
    for key in sorted(counted.keys() | expected.keys()):
        if counted.get(key) != expected.get(key):
            yield f"population: {key} is {counted.get(key)}, must be {expected.get(key)}"
