"""Intervals by user: the percentile bootstrap (Efron 1979) of a mean over users, who are independent of one another."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from scipy.stats import bootstrap

RESAMPLES: Final = 1000
COVERAGE: Final = 0.95


class Estimate(Struct, frozen=True):
    """A mean over users with its 95 % interval; ``users``: how many. Equal values, and one user, have no width."""

    value: float
    low: float
    high: float
    users: int


def estimate(values: npt.NDArray[np.float64], seed: int) -> Estimate | None:
    """The mean of one value for each user; None: there are none.

    Args:
        values: (users,).
        seed: of the resampling: the same for the same arguments.
    """
    if not len(values):
        return None
    mean = float(values.mean())
    if len(values) == 1 or (values == values[0]).all():  # nothing to draw from
        return Estimate(mean, mean, mean, len(values))
    found = bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, method="percentile", confidence_level=COVERAGE,
        rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return Estimate(mean, float(found.low), float(found.high), len(values))
