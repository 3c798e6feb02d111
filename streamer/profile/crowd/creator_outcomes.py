"""What a creator's items met with in one session: what the monitor of creators adds up (spec §10)."""

from __future__ import annotations

from streamer.population.user_delta import CreatorOutcomes
from streamer.profile.baseline import Baseline
from streamer.profile.contribution import session_ratings
from streamer.profile.rules import Rules
from streamer.profile.session import Session
from streamer.profile.tile import Tile
from streamer.signals.interaction import NOTHING_SAID
from streamer.signals.outcome import is_positive
from streamer.signals.rounding import micro


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
