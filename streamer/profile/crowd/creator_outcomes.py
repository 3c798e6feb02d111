"""What a creator's items met with in one session: what the monitor of creators adds up (spec §10)."""

from __future__ import annotations

from msgspec import Struct

from streamer.population.sums import CreatorSums
from streamer.profile.baseline import Baseline
from streamer.profile.contribution import session_ratings
from streamer.profile.crowd.creator_bins import NOWHERE
from streamer.profile.rules import Rules
from streamer.profile.session import Session
from streamer.profile.tile import Tile
from streamer.signals.interaction import NOTHING_SAID
from streamer.signals.outcome import is_positive
from streamer.signals.rounding import micro


class CreatorOutcomes(Struct, gc=False):
    """One creator's: the bin of ℓ that a user moved from and to, and what became of its items.

    ``expected_starts``, ``expected_abandoned``: millionths.
    """

    bin_before: int
    bin: int
    plays: int = 0
    abandoned: int = 0
    starts: int = 0
    expected_starts: int = 0
    expected_abandoned: int = 0

    def add_to(self, sums: CreatorSums) -> None:
        """Adds it to the sums over all users."""
        if self.bin_before != self.bin:
            bins = sums.bins
            if self.bin_before != NOWHERE:
                bins[self.bin_before] -= 1
            if self.bin != NOWHERE:
                bins[self.bin] += 1
        sums.expected_starts += self.expected_starts
        if self.starts:
            sums.starts += self.starts
        if self.plays:
            sums.plays += self.plays
            sums.abandoned += self.abandoned
            sums.expected_abandoned += self.expected_abandoned


def add_outcomes(
    outcomes: dict[str, CreatorOutcomes], session: Session, delta: Tile, baseline: Baseline, rules: Rules
) -> None:
    """Adds what a sealing session's items met with.

    Expected starts are Σ r·θ over the trials, r the user's own rate as the seal has it; expected abandonments Σ pop_b
    over the plays.

    Args:
        outcomes: what there is of the creators in ``delta``, to be added to.
        session: the session.
        delta: its counts.
        baseline: R before it.
        rules: the deployment's constants.
    """
    for creator, cell in delta.creators.items():
        if cell.plays:
            outcomes[creator].plays += cell.started
            outcomes[creator].abandoned += cell.abandoned
    rate = baseline.rate(delta.totals.starts, delta.totals.theta)
    items, said = session.counted(rules), session.feedback()
    ratings: tuple[int, int] | None = None
    long_enough = session.long_enough(rules)
    for item in items:
        found = None if item.creator is None else outcomes.get(item.creator)
        if found is None:
            continue
        if long_enough and item.seen:
            if item.started or item.clicked:
                found.starts += 1
            elif item.responded:
                if ratings is None:
                    ratings = session_ratings(session, items, baseline.rollup)
                if not is_positive(said.get(item.content_id, NOTHING_SAID), *ratings):
                    continue  # only disliked: no trial
            found.expected_starts += int(rate * item.attention / 1000 * 1e6 + 0.5)
        if item.started and item.media != "product":
            found.expected_abandoned += micro(baseline.usual_abandonment(item.duration_s))
