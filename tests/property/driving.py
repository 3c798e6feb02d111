"""Driving one profile: watermarks, restarts, its state, and its tiles in the oracle's words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from streamer.events import DAY_MS, Event
from streamer.profile import Profile, Rules
from streamer.profile.session import Session
from streamer.profile.view.contexts import contexts_of
from streamer.scoring.counts import TAG
from tests.property.worlds import BASE_DAY

COUNTS = (
    *("shown", "started", "abandoned", "engaged", "ignored", "returned", "low_rating", "sessions"),
    *("o", "e", "ld"),
)
Tiles = dict[int, dict[tuple[str, str], dict[str, int]]]


def watermark_at(hour: int) -> int:
    """The watermark this many hours into the world, ms."""
    return BASE_DAY * DAY_MS + hour * 3_600_000


def take(profile: Profile, step: Event | int) -> None:
    """An event arrives at the profile's watermark, or (an int) the watermark advances."""
    if isinstance(step, int):
        profile.advance(step)
    else:
        profile.apply(step, profile.watermark)


@dataclass
class Saved:
    """What a store holds of one profile."""

    parts: dict[str, bytes] = field(default_factory=dict)
    journal: list[bytes] = field(default_factory=list)

    def save(self, profile: Profile) -> None:
        """Takes what changed."""
        changes = profile.changes()
        for name, part in changes.parts.items():
            if part is None:
                self.parts.pop(name, None)
            else:
                self.parts[name] = part
        if changes.fresh:
            self.journal.clear()
        if changes.journal is not None:
            self.journal.append(changes.journal)

    def load(self, user_id: str, rules: Rules) -> Profile:
        """The profile as a restart would find it."""
        parts = self.parts
        return Profile.load(
            user_id, rules, parts.get("h"), parts.get("s"), self.journal, lambda day: parts.get(f"t{day}")
        )


def reloaded(profile: Profile, saved: Saved) -> Profile:
    """The profile as a restart would find it: saved, and loaded again."""
    saved.save(profile)
    again = saved.load(profile.user_id, profile.rules)
    again.watermark = profile.watermark
    return again


def state_of(profile: Profile) -> dict[str, object]:
    """Everything a profile remembers, for comparison by value."""
    return {
        "frontier": profile.frontier,
        "cohort": (profile.cohort, profile.cohort_at),
        "sessions": [_known(session) for session in profile.sessions],
        "records": profile.records,
        "listed": profile.listed,
        "tiles": profile.rollup.tiles,
    }


def _known(session: Session) -> tuple[object, ...]:
    """What a session knows; how it is saved left out."""
    bounds = (session.session_id, session.day, session.start, session.last, session.cohort, session.cohort_at)
    return (*bounds, session.interactions, session.records)


def tiles_of(profile: Profile) -> Tiles:
    """The profile's sealed counts, zeros left out."""
    found: Tiles = {}
    for day, tile in profile.rollup.tiles.items():
        keys = found[day] = {(kind, value): _nonzero(cell, COUNTS) for kind, value, cell in tile.cells()}
        keys["*", ""] = _nonzero(tile.totals, tile.totals.__struct_fields__)
        for media, (n, total) in tile.completions.items():
            keys["*", ""] |= _named({f"n_{media}": n, f"completion_{media}": total})
        for edge, (plays, abandoned) in tile.buckets.items():
            keys["bucket", str(edge) if edge else "inf"] = _named({"plays": plays, "abandoned": abandoned})
    return {
        day: kept for day, keys in found.items() if (kept := {key: counts for key, counts in keys.items() if counts})
    }


def contexts_in(profile: Profile) -> dict[int, dict[tuple[str, ...], dict[str, int]]]:
    """The profile's sealed counts of tags in a context, zeros left out."""
    tags = profile.rollup.sums[TAG]
    found: dict[int, dict[tuple[str, ...], dict[str, int]]] = {}
    for tag in tags:
        for part, days in contexts_of(profile.rollup, {}, tag).items():
            for day, cell in days:
                found.setdefault(day, {})["context", tag, *part] = _nonzero(cell, COUNTS)
    return found


def _nonzero(struct: object, names: Iterable[str]) -> dict[str, int]:
    return _named({name: getattr(struct, name) for name in names})


def _named(counts: dict[str, int]) -> dict[str, int]:
    return {name: n for name, n in counts.items() if n}
