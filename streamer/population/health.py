"""Creators who draw people in and lose them: the monitor of spec §10.

It is told to people who look after a catalogue, and by itself changes no user's list beyond π.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec
from msgspec import Struct

from streamer.population.rates import creator_prior
from streamer.population.sums import CreatorSums
from streamer.population.totals import Totals
from streamer.signals.rounding import places4

SCHEMA: Final = 1
LEAST_USERS: Final = 50
LEAST_PRIOR: Final = 0.2
LEAST_RATIO: Final = 1.2

Flag = Literal["hook"]


class Health(Struct, frozen=True, kw_only=True):
    """How a creator does with the users who are added up; times ms, expectations in starts and abandonments.

    Those are a share of everybody (setting ``population_share``), and no figure is scaled up to all.
    ``prior``: π, the share of its users who dislike it by their evidence.
    """

    schema: int = SCHEMA
    creator_id: str
    as_of: int
    flags: tuple[Flag, ...]
    users: int
    prior: float
    starts: int
    expected_starts: float
    plays: int
    abandoned: int
    expected_abandoned: float


def is_hook(creator: CreatorSums) -> bool:
    """Whether people start this creator's items more than they start others', leave more, and come to dislike it.

    With fifty users at ℓ = 2, 130 starts where 100 were expected, and 70 plays left early where 50 were:

    >>> users = [0] * 8 + [50, 0, 0, 0]
    >>> is_hook(CreatorSums(users, 130, 100_000_000, 140, 70, 50_000_000))
    True
    >>> is_hook(CreatorSums(users, 119, 100_000_000, 140, 70, 50_000_000))
    False
    """
    return (
        creator.users >= LEAST_USERS
        and creator.starts * 1e6 >= LEAST_RATIO * creator.expected_starts
        and creator.abandoned * 1e6 >= LEAST_RATIO * creator.expected_abandoned
        and creator_prior(creator.bins) >= LEAST_PRIOR
    )


def health(creator_id: str, creator: CreatorSums, as_of: int) -> Health:
    """How a creator does as of a time (ms)."""
    return Health(
        creator_id=creator_id,
        as_of=as_of,
        flags=("hook",) if is_hook(creator) else (),
        users=creator.users,
        prior=places4(creator_prior(creator.bins)),
        starts=creator.starts,
        expected_starts=places4(creator.expected_starts / 1e6),
        plays=creator.plays,
        abandoned=creator.abandoned,
        expected_abandoned=places4(creator.expected_abandoned / 1e6),
    )


def hooks(totals: Totals, as_of: int) -> Iterator[Health]:
    """All flagged creators, in order of their ids."""
    for creator_id, creator in sorted(totals.creators.items()):
        if is_hook(creator):
            yield health(creator_id, creator, as_of)


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Health)


def encode(found: Health) -> bytes:
    """A creator's record: UTF-8 JSON."""
    return _encoder.encode(found)


def decode(raw: bytes) -> Health:
    """The record in these bytes.

    Raises:
        msgspec.DecodeError: if they hold none.
    """
    return _decoder.decode(raw)
