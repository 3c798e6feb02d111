"""What is made of a retriever's logits afterwards: affinities, and what is refused, learned apart from what is wanted.

    logit = scale · (logit of the retriever) + Σ pull · affinity − strength · softplus(h − beyond)

Scale and pulls are fitted to what was wanted, by the softmax over all items. h is the log odds that an item is refused
once it is met, a logistic model of the item, its creator, its tags, the affinities of what the user *wanted*, and what
the very user refused of a creator or tag. As nothing of h reaches the retriever's vectors, items that are met often
are not pushed away for being refused often, too; and softplus leaves what is likely welcome where it was. Scale and
pulls know nothing of the last term: fitted beside it, they take back what it does, and rank no better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from scipy.optimize import minimize
from scipy.special import logsumexp

from streamer.learning.retriever import affinities
from streamer.learning.retriever.affinities import AFFINITIES, Usual
from streamer.learning.retriever.histories import Floats, Histories, Items
from streamer.learning.retriever.refusals import Refusals, fitted

STRENGTH: Final = 4.0
BEYOND: Final = 1.0
"""Constants of the formula, chosen on worlds that no figure is reported of (docs/learning.md)."""
_PLAIN: Final = np.array([0.0] * AFFINITIES + [1.0])
_MOST_SAMPLED: Final = 1500
_MOST_NUMBERS: Final = 3_000_000
"""Interactions and logits that scale and pulls are fitted by; there are only five of them."""

Wide = npt.NDArray[np.float64]


class Correction(Struct):
    """What was learned beside the retriever.

    Attributes:
        usual: what affinities are relative to.
        pulls: (5,), those of affinities, and the scale.
        refusals: None: what is refused was left out.
    """

    usual: Usual
    pulls: Floats
    refusals: Refusals | None

    def corrected(self, logits: Floats, wanted: Sequence[int], items: Items, user_id: str | None) -> Floats:
        """(items,) logits for one user, from the retriever's; index 0, none, stays −inf.

        Args:
            wanted: indices of what they wanted so far, all of it.
            user_id: whose own refusals count; None, or one who was not learned from: nobody's.
        """
        known = affinities.of_everything(wanted, items, self.usual)
        found = self.pulls[-1] * logits + known @ self.pulls[:-1]
        if self.refusals is not None:
            found = found - STRENGTH * np.logaddexp(0, self.refusals.log_odds(known, items, user_id) - BEYOND)
        found[0] = -np.inf
        narrow: Floats = found.astype(np.float32)
        return narrow


def sample(histories: Histories, seed: int) -> npt.NDArray[np.int64]:
    """Of what was wanted, by index of interactions, that which scale and pulls are fitted by."""
    wanted = np.flatnonzero(histories.weight > 0)
    most = min(_MOST_SAMPLED, max(1, _MOST_NUMBERS // len(histories.items.content_ids)))
    return np.sort(np.random.default_rng(seed).permutation(wanted)[:most])


def correction(histories: Histories, chosen: npt.NDArray[np.int64], logits: Floats, with_refusals: bool) -> Correction:
    """Learns a correction. The same arguments give the same.

    Args:
        histories: that the retriever learned from.
        chosen: interactions with something wanted (:func:`sample`).
        logits: (chosen, items) of the retriever before each.
        with_refusals: whether what is refused is learned.
    """
    known = affinities.usual(histories)
    refusals = fitted(histories, affinities.of_targets(histories, known)) if with_refusals else None
    pulls = _pulls(histories, chosen, logits, known)
    return Correction(known, pulls.astype(np.float32), refusals)


def _pulls(histories: Histories, chosen: npt.NDArray[np.int64], logits: Floats, known: Usual) -> Wide:
    """Those by which what was wanted next is the most likely, in the mean; a normal prior holds them near none."""
    features = np.empty((*logits.shape, AFFINITIES + 1), np.float32)
    begins = histories.begins[affinities.user_of(histories)[chosen]]
    for row, (begin, place) in enumerate(zip(begins.tolist(), chosen.tolist(), strict=True)):
        before = slice(begin, place)
        wanted = histories.item[before][histories.weight[before] > 0]
        features[row, :, :-1] = affinities.of_everything(wanted, histories.items, known)
    features[..., -1] = logits
    features = np.ascontiguousarray(features[:, 1:])  # none is nothing to recommend
    target, weight = histories.item[chosen] - 1, histories.weight[chosen].astype(np.float64)
    own = features[np.arange(len(chosen)), target].astype(np.float64)

    def loss(pulls: Wide) -> tuple[float, Wide]:
        found = features @ pulls.astype(np.float32)
        total = logsumexp(found, axis=1)
        p = np.exp(found - total[:, None]) * weight[:, None].astype(np.float32)  # else all features would be widened
        slope = (p.ravel() @ features.reshape(-1, AFFINITIES + 1)).astype(np.float64) - weight @ own
        off = pulls - _PLAIN
        return float(weight @ (total - own @ pulls) + off @ off / 2), slope + off

    best: Wide = minimize(loss, _PLAIN, jac=True, method="L-BFGS-B", options={"maxiter": 40}).x
    return best
