"""The oracle, spec §4: sessions in which the user came for one series.

Part of the oracle (see ``oracle.py``): plain and slow on purpose, written from docs/spec.md alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.oracle.sessions import Interaction, Outcome

Found = Sequence[tuple[Interaction, Outcome]]


def series_binged(found: Found) -> str | None:
    """The creator whom three long engagements of the session or more, and three quarters of all, are of."""
    engaged = [i for i, out in found if out.engaged]
    episodes = [i.creator for i in engaged if i.duration_s is not None and i.duration_s >= 600]
    for creator in set(episodes) - {None}:
        if episodes.count(creator) >= 3 and 4 * episodes.count(creator) >= 3 * len(engaged):
            return creator
    return None


def is_trial(i: Interaction, out: Outcome, binge: str | None) -> bool:
    """Whether an interaction is a trial: what else was passed over in a binge is none."""
    return out.resolved and not (binge is not None and out.ignored and i.creator != binge)
