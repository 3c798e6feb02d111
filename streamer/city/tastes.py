"""The people of a generated city: what each really likes and dislikes, and how they use the app."""

from __future__ import annotations

from math import log2, sqrt
from random import Random
from typing import Final, TypedDict

from msgspec import Struct

from streamer.city.catalogue import Catalogue, Item

LIKED_TAG: Final = 1.5
DISLIKED_TAG: Final = 0.2
LIKED_CREATOR: Final = 1.6
DISLIKED_CREATOR: Final = 0.15

_ZONES: Final = (-480, -300, -180, 0, 60, 120, 330, 480, 540)  # minutes east of UTC
_DEVICES: Final = ("phone", "tablet", "tv", "desktop")
_COHORTS: Final = ("newcomers", "regulars", "families", None)


class Taste(Struct, frozen=True):
    """The truth about one user, which no event states: compare avoid lists with it.

    Every tag or creator in neither set is neutral to the user.
    """

    user_id: str
    liked_tags: frozenset[str]
    disliked_tags: frozenset[str]
    liked_creators: frozenset[str]
    disliked_creators: frozenset[str]

    def ratio(self, item: Item) -> float:
        """How many times as likely as for a neutral item the user is to start this one."""
        ratio = 1.0
        for tag in item.tags:
            if tag in self.disliked_tags:
                ratio *= DISLIKED_TAG
            elif tag in self.liked_tags:
                ratio *= LIKED_TAG
        if item.creator_id in self.disliked_creators:
            ratio *= DISLIKED_CREATOR
        elif item.creator_id in self.liked_creators:
            ratio *= LIKED_CREATOR
        return ratio

    def disliked_tag(self, item: Item) -> str | None:
        """The first of the item's tags that the user dislikes."""
        return next((tag for tag in item.tags if tag in self.disliked_tags), None)


class Habits(Struct, frozen=True):
    """How a user uses the app, whatever is shown.

    Attributes:
        start_rate: chance to start a neutral item that was examined.
        devices: the devices used, the usual one first.
        tz_offset_min: minutes east of UTC.
        declares_sessions: whether the user's app sends session ids.
        cohort: None: the app sends none.
    """

    start_rate: float
    devices: tuple[str, ...]
    tz_offset_min: int
    declares_sessions: bool
    cohort: str | None


def person(user_id: str, catalogue: Catalogue, seed: int) -> tuple[Taste, Habits]:
    """One user, always the same for the same catalogue and seed."""
    rng = Random(f"{seed}/{user_id}")
    tags, creators = catalogue.tags, catalogue.creators
    disliked_tags = frozenset(rng.choices(tags, k=rng.randint(2, 4))) | _popular(rng, tags, catalogue.tag_weights, 2)
    disliked_creators = _popular(rng, creators, catalogue.creator_weights, rng.randint(4, 10))
    taste = Taste(
        user_id=user_id,
        liked_tags=_popular(rng, tags, catalogue.tag_weights, rng.randint(6, 12)) - disliked_tags,
        disliked_tags=disliked_tags,
        liked_creators=_popular(rng, creators, catalogue.creator_weights, rng.randint(8, 20)) - disliked_creators,
        disliked_creators=disliked_creators,
    )
    habits = Habits(
        start_rate=rng.uniform(0.1, 0.5),
        devices=tuple(rng.sample(_DEVICES, k=rng.randint(1, 3))),
        tz_offset_min=rng.choice(_ZONES),
        declares_sessions=rng.random() < 0.6,
        cohort=rng.choice(_COHORTS),
    )
    return taste, habits


def watched(item: Item, ratio: float, rng: Random) -> tuple[float, float]:
    """How far a started item is watched: seconds, and that as a share of the item (for articles: the scroll depth).

    Args:
        item: what was started; not a product.
        ratio: :meth:`Taste.ratio` of it. Below 0.5 it is mostly left early, above 1 mostly watched far.
        rng: source of all chance.
    """
    duration = item.duration_s if item.duration_s is not None else 150.0
    leaves = min(0.6, max(0.05, 0.1 + 0.05 * log2(duration / 30)))
    if ratio < 0.5:
        leaves = 0.75
    elif ratio > 1:
        leaves *= 0.5
    if rng.random() < leaves:
        played = rng.uniform(0.05, 0.95) * min(60.0, 2 * sqrt(duration))
    else:
        played = duration * rng.random() ** (0.4 if ratio > 1 else 0.8)
    share = min(1.0, played / duration)
    return played, share


class Consumed(TypedDict):
    """What a play says of how far its item was consumed."""

    played_s: float
    position_s: float | None
    scroll_depth: float | None


def consumed(item: Item, played_s: float, share: float) -> Consumed:
    """How an app reports an item consumed so far (s, share 0–1): by seek position, or by scroll depth."""
    return {
        "played_s": round(played_s, 1),
        "position_s": round(played_s, 1) if item.media in ("video", "audio") else None,
        "scroll_depth": round(share, 3) if item.media == "article" else None,
    }


def _popular(rng: Random, names: tuple[str, ...], weights: list[float], draws: int) -> frozenset[str]:
    return frozenset(rng.choices(names, cum_weights=weights, k=draws))
