"""What is known of everybody: the priors that one user's evidence is weighed against (spec §5, §10)."""

from __future__ import annotations

from math import inf
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from streamer.errors import UNREADABLE, StateCorrupt, StateTooNew
from streamer.scoring.buckets import ALL_EDGES, place
from streamer.scoring.counts import TAG

SCHEMA: Final = 1

Probability = Annotated[float, Meta(gt=0, lt=1)]

_BUCKETS: Final = len(ALL_EDGES)


class Priors(Struct, frozen=True, gc=False, forbid_unknown_fields=False):
    """A snapshot of rates over all users; the defaults are the constants that hold until there is one.

    Attributes:
        schema: of this record; a newer one is refused.
        version: 0 for the constants; every snapshot has a greater one than the snapshot before it.
        as_of: when it was made, ms.
        prior: π, the probability that a user dislikes a tag or creator that is not named below.
        start_rate: r_pop, starts per examined exposure.
        abandonment: a, the share of plays that are abandoned.
        abandonments: pop_b, the same by duration bucket in the order of their edges, the unbounded one last; empty: a
            for all of them.
        tags: π of tags.
        creators: π of creators.
        share: share of the users that are counted, by a hash of their ids; 0: as many as the workers' setting says.
        share_since: since when, ms.
    """

    schema: int = SCHEMA
    version: Annotated[int, Meta(ge=0)] = 0
    as_of: Annotated[int, Meta(ge=0)] = 0
    prior: Probability = 0.04
    start_rate: Probability = 0.10
    abandonment: Probability = 0.35
    abandonments: Annotated[tuple[Probability, ...], Meta(max_length=_BUCKETS)] = ()
    tags: dict[str, Probability] = {}
    creators: dict[str, Probability] = {}
    share: Annotated[float, Meta(ge=0, le=1)] = 0.0
    share_since: Annotated[int, Meta(ge=0)] = 0

    def prior_of(self, kind: str, value: str) -> float:
        """π of a tag or creator.

        >>> known = Priors(tags={"gore": 0.2})
        >>> known.prior_of("tag", "gore"), known.prior_of("creator", "gore")
        (0.2, 0.04)
        """
        return (self.tags if kind == TAG else self.creators).get(value, self.prior)

    def abandonment_of(self, duration_s: float | None) -> float:
        """pop_b of the bucket that a duration falls in; a if the duration is unknown.

        >>> known = Priors(abandonments=(0.1,) * 14 + (0.6,))
        >>> known.abandonment_of(30.0), known.abandonment_of(9000.0), known.abandonment_of(None)
        (0.1, 0.6, 0.35)
        """
        if duration_s is None or not self.abandonments:
            return self.abandonment
        return self.abandonments[place(duration_s)]

    def abandonment_in(self, edge: int) -> float:
        """pop_b of the bucket with this upper edge, s; 0: of the unbounded one."""
        return self.abandonment_of(float(edge) if edge else inf)


DEFAULT: Final = Priors()

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Priors)


class _Schema(Struct):
    schema: int


def encode(priors: Priors) -> bytes:
    """The snapshot's bytes: UTF-8 JSON."""
    return _encoder.encode(priors)


def decode(raw: bytes) -> Priors:
    """The snapshot in these bytes.

    Raises:
        StateTooNew: a newer Streamer made it.
        StateCorrupt: they hold none, or one whose rates are no probabilities.
    """
    try:
        if msgspec.json.decode(raw, type=_Schema).schema > SCHEMA:
            raise StateTooNew(
                f"a population snapshot was made by a newer Streamer (this one reads up to schema {SCHEMA})"
            )
        priors = _decoder.decode(raw)
    except UNREADABLE as error:
        raise StateCorrupt(f"a population snapshot does not decode ({error})") from None
    if priors.abandonments and len(priors.abandonments) != _BUCKETS:
        raise StateCorrupt(f"a population snapshot must have a rate for each of {_BUCKETS} duration buckets, or none")
    return priors
