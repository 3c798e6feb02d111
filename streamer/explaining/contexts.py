"""Habits of the hour, the device and the length in words: what `streamer explain` says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from streamer.scoring import duration, score
from streamer.scoring.buckets import ALL_EDGES
from streamer.scoring.contextual import LIFT, Context
from streamer.scoring.counts import TAG
from streamer.scoring.document import Entry
from streamer.scoring.duration import Plays
from streamer.scoring.entries import Days, Scored, Scorer


def contexts_in_words(
    tag: str,
    days_by_context: Mapping[Context, Days],
    tag_scored: Scored | None,
    entries: Sequence[Entry],
    scorer: Scorer,
) -> Iterator[str]:
    """How a tag does in each of its contexts, and whether it is listed there.

    Args:
        tag: which.
        days_by_context: the tag's counts.
        tag_scored: its score over all contexts.
        entries: all entries it has.
        scorer: scores keys.
    """
    tag_log_odds = scorer.nothing_known(TAG, tag) if tag_scored is None else tag_scored.log_odds
    listed = any(entry.context is None for entry in entries)
    for (dimension, value), days in sorted(days_by_context.items()):
        scored = scorer.score(TAG, tag, days)
        if scored is None:
            continue
        if any(entry.context == {dimension: value} for entry in entries):
            verdict = "listed there"
        elif listed:
            verdict = "not listed there: the tag is as such"
        elif scored.log_odds < score.STRONG:
            verdict = f"not listed there: needs {score.STRONG:+.1f}"
        elif scored.log_odds - tag_log_odds < LIFT:
            verdict = f"not listed there: needs {LIFT} more than the tag's {tag_log_odds:+.2f}"
        else:
            verdict = "not listed there: that has expired"
        yield (
            f"{dimension} {value}: {scored.expected:.2f} expected, {scored.observed:.2f} came, "
            f"said {scored.explicit:+.2f}: log odds {scored.log_odds:+.2f}; {verdict}"
        )


def plays_in_words(plays: Mapping[int, Plays]) -> Iterator[str]:
    """The plays by length, shortest first; abandonments as they weigh today."""
    below = 0
    for edge in ALL_EDGES:
        found = plays.get(edge)
        if found is not None:
            length = f"{below} to {edge} s" if edge else f"over {below} s"
            yield (
                f"{length}: {found.number} plays; left early {found.abandoned:.1f}, "
                f"where people at large leave {found.expected:.1f}"
            )
        below = edge


def missing_cap(
    plays: Mapping[int, Plays], days_above: Callable[[int], int], is_explained: Callable[[int], bool]
) -> Iterator[str]:
    """What a duration cap lacks.

    Args:
        plays: by upper edge of their bucket.
        days_above: on how many days something longer than this, s, was left early.
        is_explained: whether one tag or creator explains as much as a cap there, s.
    """
    split = duration.best_split(plays)
    if split is None:
        yield f"fewer than {duration.LEAST_PLAYS} plays of known length on one side of every possible cap"
    elif split.holds and days_above(split.edge) < duration.LEAST_DAYS:
        yield (
            f"something longer than {split.edge} s was left early on {days_above(split.edge)} days, a cap takes "
            f"{duration.LEAST_DAYS}"
        )
    elif split.holds and is_explained(split.edge):
        yield (
            f"what is longer than {split.edge} s is left more often, but one tag or creator tells as much of what is "
            "left"
        )
    elif split.holds:
        yield f"there was a cap of {split.edge} s, but their last play is {duration.CAP_DAYS} days ago"
    else:
        yield (
            f"{split.edge} s parts best what they leave early: the difference is certain to {split.gain:.1f} (a cap "
            f"takes {duration.LEAST_GAIN:.1f}), and longer ones are left {split.ratio:.2f} times as often (a cap takes "
            f"{duration.LEAST_RATIO})"
        )
