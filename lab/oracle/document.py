"""The oracle, spec §7 and §9: entries, and the document.

Part of the oracle (see ``oracle.py``): plain and slow on purpose, written from docs/spec.md alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from lab.oracle.counts import (
    ALL,
    Key,
    Window,
    days_until_forgotten,
    log_odds,
    rate_ratio,
    sigmoid,
)
from lab.oracle.duration import duration_entries
from lab.oracle.records import Records, follows, hard_of
from streamer.events import DAY_MS
from streamer.scoring.document import SCHEMA, Avoid, Document, Entry, Evidence, Kind, Reason, Tier
from streamer.settings import Settings

Listed = dict[Key, int]
"""The listed bits: key -> when its entry expires, ms."""

COUNTS = ("shown", "started", "abandoned", "engaged", "ignored", "sessions", "returned", "low_rating")
REASONS: tuple[Reason, ...] = (
    "explicit",
    "abandoned",
    "one_and_done",
    "ignored",
    "returned",
    "low_rating",
    "too_long",
    "cohort",
    "below_own_rate",
)
KINDS: tuple[Kind, ...] = ("creator", "tag", "duration", "content")
STRENGTH: dict[Tier, int] = {"strong": 0, "soft": 1}

Row = tuple[Tier, float, int, list[Reason]]
"""One implicit rule that holds for a target: tier, multiplier, expiry, reasons."""


def listed_until(window: Window, key: Key, bits: Listed, at: int) -> int | None:
    """Whether a tag or creator is listed, as of a moment (§7): when the entry expires, or None.

    Args:
        bits: what was listed at the last seal or late undo that touched it.
    """
    day = window.last_evidence_day(key)
    if day is None:
        return None
    o, e, ld = window.judged(key, day)
    odds = log_odds(o, e, ld, window.pi(key))
    if o > e + 1e-9 or any(_engaged_again(window, key, said) for said in _newest_day_against(window, key)):
        return None
    was_listed = key in bits and bits[key] > at
    enough = e >= (1.5 if key[0] == "tag" else 1.0) - 1e-9 or ld >= 1.5 - 1e-9
    if (enough and odds >= -1) or (odds >= -1.5 and was_listed):
        return (day + _lasts(window, key, (o, e, ld))) * DAY_MS
    return None


def _newest_day_against(window: Window, key: Key) -> list[int]:
    """The newest day on which more was said against a key than for it, if there is one."""
    return [day for day, counts in window.series(key) if counts.get("ld", 0) > 0][-1:]


def _engaged_again(window: Window, key: Key, said: int) -> bool:
    """Whether, after a day, the key was engaged with in earnest on three days and as much as was expected (§7)."""
    later = [counts for day, counts in window.series(key) if day > said]
    earnest = [
        counts
        for counts in later
        if counts.get("engaged", 0) > 0
        and (counts.get("started", 0) > counts.get("abandoned", 0) or counts.get("ld", 0) <= -1_500_000)
    ]
    observed = sum(counts.get("o", 0) for counts in later)
    expected = sum(counts.get("e", 0) for counts in later)
    return len(earnest) >= 3 and observed >= expected > 0


def _one_day(window: Window, key: Key, ld: float) -> bool:
    """Whether all that speaks against a key is of one day, and what was said alone does not list it (§7)."""
    against = [d for d, c in window.series(key) if c.get("e", 0) > c.get("o", 0) or c.get("ld", 0) > 0]
    return len(against) <= 1 and ld < 1.5 - 1e-9


def _lasts(window: Window, key: Key, evidence: tuple[float, float, float]) -> int:
    """Δ of §7, days."""
    days = days_until_forgotten(*evidence, window.settings, window.pi(key))
    return min(days, 14) if _one_day(window, key, evidence[2]) else days


def _without_taken_back(hard: list[Entry], window: Window) -> list[Entry]:
    """Hard entries without tags that the user named and then engaged with again; block and report stand (§4)."""
    return [
        entry
        for entry in hard
        if entry.kind != "tag"
        or entry.expires_at is None
        or not _engaged_again(window, ("tag", str(entry.value)), entry.since // DAY_MS)
    ]


def document(
    user_id: str,
    as_of: int,
    cohort: str | None,
    window: Window,
    records: Records,
    bits: Listed,
) -> Document | None:
    """The user's document, or None if there is nothing to say.

    Args:
        window: R and the provisional contributions, as of the day of ``as_of``.
        records: those that count.
    """
    entries = _without_taken_back(hard_entries(records, as_of), window)
    for kind in ("tag", "creator"):
        for key in window.keys(kind):
            if not (kind == "creator" and follows(records, key[1])):
                entries += _key_entry(window, key, bits, as_of)
    entries += context_entries(window, {str(e.value) for e in entries if e.kind == "tag"}, as_of)
    for key in window.keys("content"):
        entries += _content_entry(window, key, as_of)
    entries += duration_entries(window, as_of)
    if not entries and window.decayed(ALL, "theta") / 1000 < 20:
        return None
    return assemble(user_id, as_of, cohort, entries, _completion(window), window.settings)


def assemble(
    user_id: str,
    as_of: int,
    cohort: str | None,
    entries: Iterable[Entry],
    completion: dict[str, float],
    settings: Settings,
) -> Document:
    """Puts entries in order, cuts them to the cap and derives the plain lists."""
    kept: list[Entry] = []
    for kind in KINDS:
        own = sorted((e for e in entries if e.kind == kind), key=_order)
        kept += [e for e in own if e.tier == "hard"]
        kept += [e for e in own if e.tier != "hard"][: settings.entries_max]

    def values(kind: Kind) -> tuple[str, ...]:
        plain = [e for e in kept if e.kind == kind and e.context is None]
        chosen = [str(e.value) for e in plain if e.tier in settings.avoid_tiers]
        return tuple(dict.fromkeys(chosen))

    caps = [int(e.value) for e in kept if e.kind == "duration"]
    avoid = Avoid(values("creator"), values("tag"), caps[0] if caps else None, values("content"))
    return Document(SCHEMA, user_id, as_of, cohort, avoid, tuple(kept), completion)


def _order(entry: Entry) -> tuple[int, int, float, str, list[tuple[str, str]]]:
    hard = entry.tier == "hard"
    context = [] if entry.context is None else list(entry.context.items())
    return (0 if hard else 1, -entry.since if hard else 0, entry.multiplier, str(entry.value), context)


def hard_entries(records: Records, at: int) -> list[Entry]:
    """The hard entries that are live at a moment."""
    entries = []
    for key in records:
        hard = hard_of(records, key)
        if hard is not None and hard.live(at):
            scope, target, _ = key
            kind: Kind = "content" if scope == "content" else "creator" if scope == "creator" else "tag"
            entries.append(
                Entry(
                    kind=kind,
                    value=target,
                    context=None,
                    tier="hard",
                    multiplier=0.0,
                    log_odds=None,
                    reasons=("explicit",),
                    evidence=Evidence(),
                    since=hard.since,
                    expires_at=hard.until,
                )
            )
    return entries


def _key_entry(window: Window, key: Key, bits: Listed, as_of: int) -> list[Entry]:
    """The soft or strong entry of a tag or creator, if it has one."""
    day = window.last_evidence_day(key)
    if day is None:
        return []
    o, e, ld = window.judged(key, day)
    odds = log_odds(o, e, ld, window.pi(key))
    n = {name: window.total(key, name) for name in COUNTS}
    rows: list[Row] = []
    until = listed_until(window, key, bits, as_of)
    if until is not None:
        strong = odds >= 0 and not _one_day(window, key, ld)
        rows.append(("strong" if strong else "soft", _multiplier(key[0], o, e, ld, odds), until, []))
    if key[0] == "creator":
        rows += _one_and_done(window, key) + _left_again(window, key)
    rows = [row for row in rows if row[2] > as_of]
    if not rows:
        return []
    reasons = {reason for row in rows for reason in row[3]} | _key_reasons(n, ld)
    return [_implicit_entry(window, key, rows, reasons, odds, (o, e, ld), n, day)]


def _multiplier(kind: str, o: float, e: float, ld: float, odds: float) -> float:
    bound = min(1.0, rate_ratio(kind, o, e))
    if ld > 0:
        bound = min(bound, 1 - sigmoid(odds))
    return max(0.1, bound)


def _key_reasons(n: dict[str, int], ld: float) -> set[Reason]:
    """The reasons of a tag or creator that its numbers give."""
    reasons: set[Reason] = set()
    if ld > 0:
        reasons.add("explicit")
    if n["abandoned"] >= 2 and 2 * n["abandoned"] >= n["started"]:
        reasons.add("abandoned")
    if n["ignored"] > 0 and 2 * n["ignored"] >= n["shown"]:
        reasons.add("ignored")
    if n["returned"] > 0:
        reasons.add("returned")
    if n["low_rating"] > 0:
        reasons.add("low_rating")
    return reasons


def context_entries(window: Window, listed_tags: set[str], as_of: int) -> list[Entry]:
    """The entries of tags in a context, where the tag itself has none."""
    entries = []
    for key in window.keys("context"):
        _, tag, dimension, value = key
        day = window.last_evidence_day(key)
        if day is None or tag in listed_tags:
            continue
        o, e, ld = window.judged(key, day)
        pi = window.pi(key)
        odds = log_odds(o, e, ld, pi)
        tag_odds = log_odds(*window.judged(("tag", tag), window.last_evidence_day(("tag", tag))), pi)
        until = (day + _lasts(window, key, (o, e, ld))) * DAY_MS
        if odds < 0 or odds - tag_odds < 1.5 - 1e-9 or until <= as_of:
            continue
        n = {name: window.total(key, name) for name in COUNTS}
        rows: list[Row] = [("soft", _multiplier("tag", o, e, ld, odds), until, [])]
        entry = _implicit_entry(window, key, rows, _key_reasons(n, ld), odds, (o, e, ld), n, day)
        entries.append(replace(entry, context={dimension: value}))
    return entries


def _one_and_done(window: Window, key: Key) -> list[Row]:
    """A creator engaged with on one day only, and passed over since."""
    engaged_days = [day for day, counts in window.series(key) if counts.get("engaged", 0) > 0]
    if len(engaged_days) != 1:
        return []
    later = [counts for day, counts in window.series(key) if day > engaged_days[0]]
    if sum(counts.get("e", 0) for counts in later) < 3_000_000:
        return []
    if sum(counts.get("sessions", 0) for counts in later) < 3:
        return []
    return [("soft", 0.5, _days_after(_last_day(window, key, "shown"), 30), ["one_and_done"])]


def _left_again(window: Window, key: Key) -> list[Row]:
    """A creator whose items were begun and left ten times or more since the last engaged day."""
    engaged = max((day for day, counts in window.series(key) if counts.get("engaged", 0) > 0), default=-1)
    left = {d: c["abandoned"] for d, c in window.series(key) if d > engaged and c.get("abandoned", 0) > 0}
    if sum(left.values()) < 10:
        return []
    strong = sum(left.values()) >= 20 and len(left) >= 2
    until = _days_after(max(left), 30 if len(left) >= 2 else 14)
    return [("strong" if strong else "soft", 0.5, until, ["abandoned"])]


def _content_entry(window: Window, key: Key, as_of: int) -> list[Entry]:
    """The entry of a content that was shown again and again in vain, or abandoned."""
    n = {name: window.total(key, name) for name in COUNTS}
    engaged = [day for day, counts in window.series(key) if counts.get("engaged", 0) > 0]
    times: dict[int, int] = {}
    for day, counts in window.series(key):
        vain = counts.get("ignored", 0) + counts.get("abandoned", 0)
        if vain > 0 and day > max(engaged, default=-1):
            times[day] = vain
    times = {day: vain for day, vain in times.items() if day > max(times) - 30}
    left = [day for day in times if window.tiles[day][key].get("abandoned", 0) > 0]
    rows: list[Row] = []
    if sum(times.values()) >= 2:
        total = sum(times.values())
        strong = total >= 3 and len(times) >= 2 and len(engaged) < 2
        until = _days_after(max(times), 30 if len(times) >= 2 else 14)
        ignored = any(window.tiles[day][key].get("ignored", 0) > 0 for day in times)
        multiplier = {2: 0.51, 3: 0.36, 4: 0.17}.get(total, 0.13)
        rows.append(("strong" if strong else "soft", multiplier, until, ["ignored" if ignored else "abandoned"]))
    if left:
        rows.append(("soft", 0.3, _days_after(max(left), 30), ["abandoned"]))
    rows = [row for row in rows if row[2] > as_of]
    if not rows:
        return []
    reasons: set[Reason] = {reason for row in rows for reason in row[3]}
    if n["abandoned"] >= 1 and 2 * n["abandoned"] >= n["started"]:
        reasons.add("abandoned")
    if n["ignored"] > 0 and 2 * n["ignored"] >= n["shown"]:
        reasons.add("ignored")
    if n["returned"] > 0:
        reasons.add("returned")
    if n["low_rating"] > 0:
        reasons.add("low_rating")
    last = max(day for day, _ in window.series(key))
    return [_implicit_entry(window, key, rows, reasons, None, (0.0, 0.0, 0.0), n, last)]


def _implicit_entry(
    window: Window,
    key: Key,
    rows: list[Row],
    reasons: set[Reason],
    odds: float | None,
    sums: tuple[float, float, float],
    n: dict[str, int],
    last_day: int,
) -> Entry:
    """Of several rules on one target: the strongest tier, the least multiplier, the latest expiry, all reasons."""
    first_day = min(day for day, _ in window.series(key))
    kind: Kind = "creator" if key[0] == "creator" else "content" if key[0] == "content" else "tag"
    o, e, ld = sums
    return Entry(
        kind=kind,
        value=key[1],
        context=None,
        tier=min((row[0] for row in rows), key=STRENGTH.__getitem__),
        multiplier=_places(min(row[1] for row in rows)),
        log_odds=None if odds is None else _places(odds),
        reasons=tuple(reason for reason in REASONS if reason in reasons) or ("below_own_rate",),
        evidence=Evidence(
            shown=n["shown"],
            started=n["started"],
            abandoned=n["abandoned"],
            engaged=n["engaged"],
            ignored=n["ignored"],
            sessions=n["sessions"],
            expected=_places(e),
            observed=_places(o),
            explicit=_places(ld),
            first_day=_date(first_day),
            last_day=_date(last_day),
        ),
        since=first_day * DAY_MS,
        expires_at=max(row[2] for row in rows),
    )


def _completion(window: Window) -> dict[str, float]:
    """The decayed mean completion per media."""
    means = {}
    for media in ("article", "audio", "product", "video"):
        plays = window.decayed(ALL, f"n_{media}")
        if plays > 0:
            means[media] = _places(window.decayed(ALL, f"completion_{media}") / 1_000_000 / plays)
    return means


def _last_day(window: Window, key: Key, name: str) -> int | None:
    return max((day for day, counts in window.series(key) if counts.get(name, 0) > 0), default=None)


def _days_after(day: int | None, days: int) -> int:
    """ "30 d after": the start of that day + 30 d."""
    assert day is not None
    return (day + days) * DAY_MS


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()


def _places(x: float) -> float:
    """Rounded to 4 places, no −0.0."""
    return round(x, 4) + 0.0
