"""The people of a world: what each likes and dislikes, before and after a change of taste, and their habits."""

from __future__ import annotations

from math import exp, log
from random import Random
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from lab.worlds.regime import Regime
from streamer.city.catalogue import Catalogue, Item

Size = Literal["light", "medium", "heavy"]
SIZES: Final[dict[Size, tuple[int, int]]] = {"light": (10, 30), "medium": (200, 400), "heavy": (2500, 3500)}
"""Least and greatest number of showings in a user's life."""

HOOK_SHARE: Final = 0.05
"""Share of creators that are hooks: they draw everybody in, and disappoint half of them."""
HOOK_DRAW: Final = 1.6
_DISAPPOINTED: Final = 0.5
_CHANGES: Final = 0.5
_LIKED_SHARE: Final = 0.06
_DISLIKED_SHARE: Final = 0.04
_HAS_CAP: Final = 0.3
_CAPS_S: Final = (240.0, 360.0, 480.0, 720.0)
DISLIKED: Final = 0.55
LIKED: Final = 1.4
"""Ratios up to, and from which a tag or creator counts as disliked, and liked. What lies between is neutral."""

_DISLIKES: Final = (0.1, DISLIKED)
_LIKES: Final = (LIKED, 2.2)
_NEUTRAL_SIGMA: Final = 0.2  # neutral is not the same for all: log-normal around 1, kept between disliked and liked


class Leanings(Struct, frozen=True):
    """The truth about one user at one time, which no event states.

    Attributes:
        tags: chance to start an item with the tag, relative to an average one: below .6 disliked, above 1.25 liked.
        creators: the same for creators.
        disappointing: hooks that this user starts gladly and leaves soon; they count as disliked.
        cap_s: items longer than this are left early; None: length does not matter.
        taste: how much tags matter (:class:`~lab.worlds.regime.Regime`).
    """

    tags: dict[str, float]
    creators: dict[str, float]
    disappointing: frozenset[str]
    cap_s: float | None
    taste: float = 1.0

    def disliked(self, kind: str) -> frozenset[str]:
        """The tags or creators that the user does not want."""
        ratios, more = self._of(kind)
        return frozenset(value for value, ratio in ratios.items() if ratio <= DISLIKED) | more

    def liked(self, kind: str) -> frozenset[str]:
        """The tags or creators that the user likes better than others."""
        ratios, more = self._of(kind)
        return frozenset(value for value, ratio in ratios.items() if ratio >= LIKED) - more

    def _of(self, kind: str) -> tuple[dict[str, float], frozenset[str]]:
        return (self.tags, frozenset()) if kind == "tag" else (self.creators, self.disappointing)

    def draw(self, item: Item, hooks: frozenset[str]) -> float:
        """How many times as likely as for a neutral item the user is to start this one."""
        ratio = self.creators[item.creator_id] * (HOOK_DRAW if item.creator_id in hooks else 1.0)
        for tag in item.tags:
            ratio *= self.tags[tag] if self.taste == 1 else self.tags[tag] ** self.taste
        return ratio

    def displeases(self, item: Item) -> bool:
        """Whether the user would rather not have been shown the item."""
        return any(self.tags[tag] <= DISLIKED for tag in item.tags) or self.displeases_by_more(item)

    def displeases_by_more(self, item: Item) -> bool:
        """Whether more than a tag speaks against the item: its creator, or its length."""
        return (
            item.creator_id in self.disappointing or self.creators[item.creator_id] <= DISLIKED or self.too_long(item)
        )

    def too_long(self, item: Item) -> bool:
        """Whether the item is longer than the user has patience for."""
        return self.cap_s is not None and item.duration_s is not None and item.duration_s > self.cap_s

    def pleases(self, item: Item) -> bool:
        """Whether the user likes something about the item and dislikes nothing."""
        likes = self.creators[item.creator_id] >= LIKED or any(self.tags[tag] >= LIKED for tag in item.tags)
        return likes and not self.displeases(item)


class Resident(Struct, frozen=True):
    """One user.

    Attributes:
        user_id: their id.
        size: how much they use the app.
        showings: how many items they are shown in their life.
        start_rate: chance to start a neutral item that was examined.
        position_bias: an item at position n is examined with chance (1 + n)^−this. The rule assumes .5 for everybody.
        complains: chance to say so about an unwanted item that was examined; most hardly ever do, a few often.
        praises: chance to like what was watched far.
        before: the truth at first.
        after: the truth from :attr:`changes_ms` on.
        changes_ms: when the taste changes, ms since 1970; None: never.
    """

    user_id: str
    size: Size
    showings: int
    start_rate: float
    position_bias: float
    complains: float
    praises: float
    before: Leanings
    after: Leanings
    changes_ms: int | None

    def at(self, ts: int) -> Leanings:
        """The truth at a time, ms since 1970."""
        return self.before if self.changes_ms is None or ts < self.changes_ms else self.after

    def given_up(self, kind: str) -> frozenset[str]:
        """What was disliked before the change of taste and is no more."""
        return self.before.disliked(kind) - self.after.disliked(kind)


def resident(
    user_id: str,
    size: Size,
    regime: Regime,
    catalogue: Catalogue,
    hooks: frozenset[str],
    span: tuple[int, int],
    seed: int,
) -> Resident:
    """One user, always the same for the same arguments.

    Args:
        span: the first and last time of the world, ms since 1970.
    """
    rng = Random(f"{seed}/{regime.name}/{user_id}")
    before = _leanings(catalogue, hooks, regime.taste, rng)
    changes_ms, after = None, before
    if size != "light" and rng.random() < _CHANGES:
        changes_ms = int(span[0] + rng.uniform(0.4, 0.6) * (span[1] - span[0]))
        after = _changed(before, catalogue, rng)
    return Resident(
        user_id=user_id,
        size=size,
        showings=rng.randint(*SIZES[size]),
        start_rate=rng.uniform(*regime.start_rate),
        position_bias=rng.uniform(0.3, 0.9),
        complains=min(0.3, exp(rng.gauss(log(0.01), 1.5))),
        praises=min(0.3, exp(rng.gauss(log(0.02), 1.0))),
        before=before,
        after=after,
        changes_ms=changes_ms,
    )


def _leanings(catalogue: Catalogue, hooks: frozenset[str], taste: float, rng: Random) -> Leanings:
    disappointing = frozenset(hook for hook in sorted(hooks) if rng.random() < _DISAPPOINTED)
    return Leanings(
        tags=_ratios(catalogue.tags, catalogue.tag_weights, rng),
        creators=_ratios(catalogue.creators, catalogue.creator_weights, rng),
        disappointing=disappointing,
        cap_s=rng.choice(_CAPS_S) if rng.random() < _HAS_CAP else None,
        taste=taste,
    )


def _ratios(values: tuple[str, ...], popularity: list[float], rng: Random) -> dict[str, float]:
    """A ratio for everything: some 6 % liked, 4 % disliked, half of both rather among the popular ones."""
    ratios = {value: _neutral(rng) for value in values}
    for share, span in ((_LIKED_SHARE, _LIKES), (_DISLIKED_SHARE, _DISLIKES)):
        count = round(share * len(values) * rng.uniform(0.5, 1.5) / 2)
        chosen = rng.choices(values, k=count) + rng.choices(values, cum_weights=popularity, k=count)
        ratios.update({value: rng.uniform(*span) for value in chosen})
    return ratios


def _neutral(rng: Random) -> float:
    return min(LIKED - 0.01, max(DISLIKED + 0.01, rng.lognormvariate(0, _NEUTRAL_SIGMA)))


def _changed(before: Leanings, catalogue: Catalogue, rng: Random) -> Leanings:
    """The most popular disliked tag and creator become neutral or liked, and a popular neutral tag is disliked."""
    tags, creators = dict(before.tags), dict(before.creators)
    for ratios, order in ((tags, catalogue.tags), (creators, catalogue.creators)):
        given_up = next(value for value in order if ratios[value] <= DISLIKED)
        ratios[given_up] = rng.uniform(*_LIKES) if rng.random() < 0.5 else _neutral(rng)
    neutral = [tag for tag in catalogue.tags if DISLIKED < before.tags[tag] < LIKED]
    tags[rng.choice(neutral[: len(neutral) // 3])] = rng.uniform(*_DISLIKES)
    return replace(before, tags=tags, creators=creators)
