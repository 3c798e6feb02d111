"""Which share of the users is counted: all while they are few, by halves fewer as they grow (spec §10)."""

from __future__ import annotations

from typing import Final, NamedTuple

from streamer.events import DAY_MS
from streamer.population.totals import Totals
from streamer.scoring.priors import Priors

SETTLING_MS: Final = 7 * DAY_MS
"""Between two halvings: who falls out of the share is taken out of the sums at their next seal, so until most have been
seen again the sums do not tell how many are left."""


class Share(NamedTuple):
    """A share of the users, and since when (ms) it holds."""

    share: float
    since: int


def share_counted(totals: Totals, before: Priors, now_ms: int, least: float, enough: int) -> Share:
    """The share of the users that is to be counted.

    Args:
        totals: the sums over all users counted.
        before: the snapshot before; one without a share is of before anything was counted, or of when it was ``least``.
        now_ms: now, ms.
        least: the share that it does not fall below.
        enough: users of the key that most have, above which half of them are enough; 0: ``least`` always is.

    30,000 of the counted have met cats: half of them are enough, and a week later a quarter. Where a quarter was
    counted, and 30,000 of it have met cats, there are 120,000, and a quarter stays.

    >>> from streamer.population.sums import TagSums
    >>> totals = Totals()
    >>> totals.tags["cats"] = TagSums(users=30_000)
    >>> week = 7 * 86_400_000
    >>> share_counted(totals, Priors(share=1.0), week, .25, 10_000)
    Share(share=0.5, since=604800000)
    >>> share_counted(totals, Priors(share=0.5, share_since=week), week + 1, .25, 10_000).share
    0.5
    >>> share_counted(totals, Priors(share=0.5, share_since=week), 2 * week, .25, 10_000).share
    0.25
    >>> share_counted(totals, Priors(), week, .25, 10_000).share, share_counted(Totals(), Priors(), 0, .25, 9).share
    (0.25, 1.0)
    """
    users = most_users(totals)
    if not enough:
        share = least
    elif not before.share:
        share = 1.0
        while share > least and users / least * share > enough:
            share = max(least, share / 2)
    elif users > enough and now_ms >= before.share_since + SETTLING_MS:
        share = max(least, before.share / 2)
    else:
        share = max(least, before.share)
    return Share(share, before.share_since if share == before.share else now_ms)


def most_users(totals: Totals) -> int:
    """Counted users of the tag or creator that most of them have: those that rates of keys rest on."""
    of_tags = max((tag.users for tag in totals.tags.values()), default=0)
    of_creators = max((sum(creator.bins) for creator in totals.creators.values()), default=0)
    return max(0, of_tags, of_creators)
