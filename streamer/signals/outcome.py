"""What an interaction says (spec §4): abandoned, satisfied, left, engaged, ignored, or nothing yet."""

from __future__ import annotations

from msgspec import Struct

from streamer.events import Media
from streamer.signals import explicit
from streamer.signals.abandonment import Abandonment
from streamer.signals.completion import BOUNCE, LOVED, completion, consumed
from streamer.signals.interaction import Interaction, SessionFeedback


class Outcome(Struct, frozen=True, gc=False):
    """The reading of one interaction.

    ``exposed``: a valid exposure. ``resolved``: it may be counted as a trial. ``counted``: its integer counts
    are made. ``completion``: 0–1, None if unknown.
    """

    media: Media
    exposed: bool
    started: bool
    completion: float | None
    abandoned: bool
    satisfied: bool
    engaged: bool
    ignored: bool
    resolved: bool
    counted: bool


class OutcomeReader:
    """Reads interactions by the rules of spec §4.

    Args:
        abandonment: decides what was left early.
    """

    __slots__ = ("_abandonment",)

    def __init__(self, abandonment: Abandonment) -> None:
        self._abandonment = abandonment

    def read(
        self,
        item: Interaction,
        said: SessionFeedback,
        long_enough: bool,
        closed: bool,
        ratings: int,
        rating_sum: int,
    ) -> Outcome:
        """The outcome of an interaction.

        Args:
            item: the interaction.
            said: what was said of it.
            long_enough: whether its session lasted long enough to act (``min_session``).
            closed: whether the session is closed.
            ratings: the user's ratings, those of this session included.
            rating_sum: their sum.
        """
        media: Media = item.media or "video"
        exposed = item.seen and long_enough
        if not item.started and not item.responded:
            ignored = closed and exposed
            return Outcome(media, exposed, False, None, False, False, False, ignored, ignored, closed)
        positive = is_positive(said, ratings, rating_sum)
        abandoned = satisfied = ended = False
        c: float | None = None
        if item.started:
            played = () if item.playbacks is None else item.playbacks.values()
            seconds = consumed(media, played, item.position_s)
            c = completion(media, seconds, item.duration_s, item.scroll_depth)
            ended = item.ended or closed
            if ended:
                abandoned = (
                    not positive
                    and (c is None or c < LOVED)
                    and self._abandonment.left_early(
                        media, seconds, max(played, default=None), item.duration_s, item.scroll_depth
                    )
                )
                satisfied = not abandoned and (c is None or c >= BOUNCE)
        engaged = satisfied or positive or (item.clicked and not item.started)
        ignored = closed and exposed and not (item.started or item.responded)
        resolved = engaged or ended or ignored
        return Outcome(
            media, exposed, item.started, c, abandoned, satisfied, engaged, ignored, resolved, resolved or closed
        )


def is_positive(said: SessionFeedback, ratings: int, rating_sum: int) -> bool:
    """Whether positive feedback of the session stands."""
    if said.positive:
        return True
    return said.rating is not None and explicit.rating_positive(said.rating, ratings, rating_sum)
