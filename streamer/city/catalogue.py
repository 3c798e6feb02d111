"""What a generated city has to offer: items with creators, tags, media and durations, some far more popular."""

from __future__ import annotations

from itertools import accumulate
from random import Random
from typing import Final, TypedDict

from msgspec import Struct

from streamer.events import Media

TAG_NAMES: Final = (
    "comedy", "football", "cooking", "news", "music", "travel", "true-crime",
    "gaming", "fitness", "politics", "cats", "fashion", "science", "history",
    "makeup", "finance", "dance", "horror", "pranks", "diy", "gardening",
    "chess", "anime", "poetry", "cars", "astronomy", "basketball", "weddings",
    "minimalism", "startups", "yoga", "baking", "hiking", "celebrity-gossip", "crypto",
    "asmr", "photography", "philosophy", "skateboarding", "parenting", "tennis", "magic",
    "architecture", "sailing", "knitting", "weather", "cycling", "theatre", "birds",
    "languages", "dogs", "reality-tv", "street-food", "unboxing", "interviews", "stand-up",
    "robotics", "surfing", "tattoos", "camping",
)  # fmt: skip

_TAGS_PER_ITEM: Final = (1, 2, 3, 4, 5)
_TAGS_PER_ITEM_WEIGHTS: Final = (10, 35, 65, 90, 100)  # cumulative; 3 on average
_MEDIA: Final[tuple[Media, ...]] = ("video", "audio", "article", "product")
_MEDIA_WEIGHTS: Final = (80, 88, 95, 100)  # cumulative
_HOME_TAGS: Final = 4
_FROM_HOME: Final = 0.6


class Carried(TypedDict):
    """What an event that names an item says of it."""

    content_id: str
    creator_id: str
    tags: tuple[str, ...]
    media: Media
    duration_s: float | None


class Item(Struct, frozen=True, gc=False):
    """Something that can be shown. ``duration_s`` is None for articles and products."""

    content_id: str
    creator_id: str
    tags: tuple[str, ...]
    media: Media
    duration_s: float | None

    @property
    def carried(self) -> Carried:
        """What events say of it."""
        return {
            "content_id": self.content_id,
            "creator_id": self.creator_id,
            "tags": self.tags,
            "media": self.media,
            "duration_s": self.duration_s,
        }


def zipf(size: int, exponent: float) -> list[float]:
    """Cumulative weights of ranks 1…size, each weighing rank^-exponent, ready for ``Random.choices``.

    >>> [round(w, 2) for w in zipf(3, 1.0)]
    [1.0, 1.5, 1.83]
    """
    return list(accumulate((rank + 1) ** -exponent for rank in range(size)))


class Catalogue:
    """A fixed set of items, tags and creators, drawn by popularity.

    Args:
        items: how many items, ≥ 1.
        tags: how many different tags, ≥ 5.
        creators: how many creators, ≥ 1.
        seed: the same seed gives the same catalogue.
    """

    def __init__(self, items: int, tags: int, creators: int, seed: int) -> None:
        rng = Random(f"{seed}/catalogue")
        self.tags = tuple(
            TAG_NAMES[n] if n < len(TAG_NAMES) else f"{TAG_NAMES[n % len(TAG_NAMES)]}-{n // len(TAG_NAMES) + 1}"
            for n in range(tags)
        )
        self.creators = tuple(f"creator-{n:04d}" for n in range(creators))
        self.tag_weights = zipf(tags, 0.7)
        self.creator_weights = zipf(creators, 0.8)
        self._item_weights = zipf(items, 0.6)
        homes = [rng.choices(self.tags, cum_weights=self.tag_weights, k=_HOME_TAGS) for _ in self.creators]
        owners = rng.choices(range(creators), cum_weights=self.creator_weights, k=items)
        self.items = tuple(self._item(n, owner, homes[owner], rng) for n, owner in enumerate(owners))

    def _item(self, number: int, owner: int, home: list[str], rng: Random) -> Item:
        wanted = rng.choices(_TAGS_PER_ITEM, cum_weights=_TAGS_PER_ITEM_WEIGHTS)[0]
        tags: dict[str, None] = {}
        while len(tags) < wanted:
            from_home = rng.random() < _FROM_HOME and any(tag not in tags for tag in home)
            tag = rng.choice(home) if from_home else rng.choices(self.tags, cum_weights=self.tag_weights)[0]
            tags[tag] = None
        media = rng.choices(_MEDIA, cum_weights=_MEDIA_WEIGHTS)[0]
        return Item(f"content-{number:05d}", self.creators[owner], tuple(tags), media, _duration(media, rng))

    def feed(self, length: int, rng: Random) -> list[Item]:
        """``length`` items as a recommender that knows only popularity would show them."""
        return rng.choices(self.items, cum_weights=self._item_weights, k=length)


def _duration(media: Media, rng: Random) -> float | None:
    if media == "video":
        return float(round(min(max(rng.lognormvariate(4.2, 1.1), 7), 3600)))
    if media == "audio":
        return float(round(min(max(rng.lognormvariate(6.6, 0.8), 60), 7200)))
    return None
