"""The oracle, spec §4: sessions in which the user came for one series.

Part of the oracle (see ``oracle.py``): plain and slow on purpose, written from docs/spec.md alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.oracle.sessions import Interaction, Outcome

Found = Sequence[tuple[Interaction, Outcome]]
Series = tuple[str, ...]


def series_of(i: Interaction) -> Series:
    """The creator, without one all tags; empty if nothing is known."""
    if i.creator is not None:
        return ("creator", i.creator)
    return ("tags", *sorted(i.tags)) if i.tags else ()


def series_binged(found: Found) -> Series | None:
    """The series that three engagements of the session or more, and three quarters of them, are of."""
    engaged = [series_of(i) for i, out in found if out.engaged]
    for series in set(engaged) - {()}:
        number, least = engaged.count(series), 3 if series[0] == "creator" else 6
        if number >= least and 4 * number >= 3 * len(engaged):
            return series
    return None


def is_trial(i: Interaction, out: Outcome, binge: Series | None) -> bool:
    """Whether an interaction is a trial: what else was passed over in a binge is none."""
    return out.resolved and not (binge is not None and out.ignored and series_of(i) != binge)
