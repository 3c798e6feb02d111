"""From one user's trial to what it adds to every figure. Each measure is defined here, once."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from lab.evaluation.bootstrap import Share
from lab.evaluation.joining import Key
from lab.evaluation.measures import average_precision
from lab.evaluation.rules.ours import CERTAIN
from lab.evaluation.serving_effect import CANDIDATES, Effect, effect, relevances
from lab.evaluation.trial import Tale, Trial
from lab.worlds import Resident, World
from streamer.scoring.counts import CREATOR, TAG
from streamer.scoring.score import sigmoid
from streamer.serving.candidate import Candidate

BIN_EDGES: Final = (-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0)
"""Log odds between the bins of the reliability diagram."""
CAP_WITHIN: Final = 1.6
"""A duration cap is right if it and the truth are within this factor: one bucket off (spec §5's edges)."""


class Measure(Struct, frozen=True):
    """A figure: its name, its head in tables, whether more is better, how it is written, and what it means."""

    name: str
    head: str
    more_is_better: bool
    unit: str
    what: str


def _of_keys(name: str, head: str, more: bool, unit: str, what: str) -> tuple[Measure, Measure]:
    return (
        Measure(f"{TAG}.{name}", head, more, unit, what.replace("keys", "tags")),
        Measure(f"{CREATOR}.{name}", head, more, unit, what.replace("keys", "creators")),
    )


KEY_MEASURES: Final = (
    _of_keys("ap", "avg. prec.", True, "", "average precision of the ranking of all keys shown: true dislikes first"),
    _of_keys("precision", "right", True, "%", "of the keys listed at the end, those truly disliked"),
    _of_keys("strong", "right, strong", True, "%", "the same of keys listed strongly or hard"),
    _of_keys("recall", "found", True, "%", "of the keys disliked at the end and shown, those listed then"),
    _of_keys("ever", "ever found", True, "%", "of the keys ever disliked and shown, those ever listed meanwhile"),
    _of_keys("showings", "showings", False, "n", "showings of a disliked key before it was first listed, if it was"),
    _of_keys("liked", "liked, end", False, "%", "of the liked keys shown, those listed at the end"),
    _of_keys("liked_inferred", "liked, end, inferred", False, "%", "the same without hard entries, which users named"),
    _of_keys("liked_ever", "liked, ever", False, "%", "of the liked keys shown, those ever listed"),
    _of_keys("liked_ever_inferred", "liked, ever, inferred", False, "%", "the same without hard entries"),
    _of_keys("neutral", "neutral, end", False, "%", "of the neutral keys shown, those listed at the end"),
    _of_keys("neutral_ever", "neutral, ever", False, "%", "of the neutral keys shown, those ever listed"),
    _of_keys("stays", "days to go", False, "n", "days a listed key stays after it is disliked no more, up to the end"),
    _of_keys("gone", "gone", True, "%", "of those, the share gone from the list by the end"),
)
"""Each for tags and for creators."""

USER_MEASURES: Final = (
    Measure(
        "serving.removed", "unwanted removed", True, "%", "of the unwanted items served without a list, those gone"
    ),
    Measure(
        "serving.lost",
        "wanted lost",
        False,
        "%",
        "of the wanted items served without a list, those gone (negative: more)",
    ),
    Measure(
        "cap.found", "cap found", True, "%", "of the users who leave long items, those with a duration cap near theirs"
    ),
    Measure("cap.wrong", "cap wrong", False, "%", "of the users whom length does not matter to, those given a cap"),
)
MEASURES: Final = {each.name: each for each in (*(m for pair in KEY_MEASURES for m in pair), *USER_MEASURES)}

CHANGE_MEASURES: Final = tuple(
    replace(MEASURES[f"{kind}.{name}"], head=f"{kind}s, {MEASURES[f'{kind}.{name}'].head}")
    for kind in (TAG, CREATOR)
    for name in ("stays", "gone")
)
"""What becomes of keys that a change of taste gave up, of both kinds side by side."""

Shares = dict[str, Share]
"""What one user adds, by name of the measure."""


class Bin(Struct):
    """Keys with log odds in one bin: how many, the sum of their probabilities, how many were disliked."""

    keys: int = 0
    predicted: float = 0.0
    disliked: int = 0


def shares_of(trial: Trial, world: World) -> list[Shares]:
    """What the user adds to every figure, for each contender."""
    effects = _effects(trial, world)
    return [_shares(trial, tale, found) for tale, found in zip(trial.tales, effects, strict=True)]


def bins_of(trial: Trial, tale: Tale, kind: str) -> list[Bin]:
    """How one user's log odds compare with the truth: keys with evidence, not named by the user."""
    disliked = trial.who.at(trial.ended_ms).disliked(kind)
    bins = [Bin() for _ in range(len(BIN_EDGES) + 1)]
    for (each, value), log_odds in tale.scores.items():
        if each == kind and log_odds < CERTAIN:
            found = bins[sum(log_odds >= edge for edge in BIN_EDGES)]
            found.keys += 1
            found.predicted += sigmoid(log_odds)
            found.disliked += value in disliked
    return bins


def _shares(trial: Trial, tale: Tale, found: Effect) -> Shares:
    shares = {
        "serving.removed": Share(found.unwanted_without - found.unwanted_with, found.unwanted_without),
        "serving.lost": Share(found.wanted_without - found.wanted_with, found.wanted_without),
        **_caps(trial.who, trial.ended_ms, tale),
    }
    for kind in (TAG, CREATOR):
        shares.update({f"{kind}.{name}": share for name, share in _of_kind(trial, tale, kind).items()})
    return shares


def _of_kind(trial: Trial, tale: Tale, kind: str) -> Shares:
    who = trial.who
    truth = who.at(trial.ended_ms)
    shown = {value for each, value in trial.shown if each == kind}
    disliked, liked = truth.disliked(kind) & shown, truth.liked(kind) & shown
    ever_disliked = disliked | (who.before.disliked(kind) & shown)
    listed = {value for each, value in tale.listed if each == kind}
    strong = {value for (each, value), how in tale.listed.items() if each == kind and how.tier != "soft"}
    inferred = {value for (each, value), how in tale.listed.items() if each == kind and how.tier != "hard"}
    ranked = sorted(shown)
    ap = average_precision([_score(tale, (kind, value)) for value in ranked], [value in disliked for value in ranked])
    found_after = {value: count for (each, value), count in tale.found_after.items() if each == kind}
    from_the_start = found_after.keys() & who.before.disliked(kind)
    stayed = [how for (each, _), how in tale.stayed.items() if each == kind]
    neutral = shown - disliked - liked
    fair_liked, fair_neutral = liked - who.given_up(kind), shown - ever_disliked - liked
    wronged = {how: {value for each, value in keys if each == kind} for how, keys in tale.wronged.items()}
    return {
        "ap": Share(0.0 if ap is None else ap, ap is not None),
        "precision": Share(len(listed & truth.disliked(kind)), len(listed)),
        "strong": Share(len(strong & truth.disliked(kind)), len(strong)),
        "recall": Share(len(listed & disliked), len(disliked)),
        "ever": Share(len(found_after.keys() & ever_disliked), len(ever_disliked)),
        "showings": Share(sum(found_after[value] for value in from_the_start), len(from_the_start)),
        "liked": Share(len(listed & liked), len(liked)),
        "liked_inferred": Share(len(inferred & liked), len(liked)),
        "liked_ever": Share(len(wronged["liked"] & fair_liked), len(fair_liked)),
        "liked_ever_inferred": Share(len(wronged["liked_inferred"] & fair_liked), len(fair_liked)),
        "neutral": Share(len(listed & neutral), len(neutral)),
        "neutral_ever": Share(len(wronged["neutral"] & fair_neutral), len(fair_neutral)),
        "stays": Share(sum(days for days, _ in stayed), len(stayed)),
        "gone": Share(sum(gone for _, gone in stayed), len(stayed)),
    }


def _score(tale: Tale, key: Key) -> float:
    score = tale.scores.get(key)
    return tale.unknown.get(key, tale.neutral) if score is None else score


def _caps(who: Resident, now_ms: int, tale: Tale) -> Shares:
    true_s = who.at(now_ms).cap_s
    caps = [float(value) for kind, value in tale.listed if kind == "duration"]
    if true_s is None:
        return {"cap.found": Share(0, 0), "cap.wrong": Share(bool(caps), 1)}
    near = any(true_s / CAP_WITHIN <= cap <= true_s * CAP_WITHIN for cap in caps)
    return {"cap.found": Share(near, 1), "cap.wrong": Share(0, 0)}


def _effects(trial: Trial, world: World) -> Sequence[Effect]:
    who = trial.who
    items = world.candidates(who, CANDIDATES)
    relevance = relevances(CANDIDATES, Random(f"{world.seed}/{who.user_id}/relevance"))
    truth = who.at(trial.ended_ms)
    candidates = [Candidate(item.content_id, item.creator_id, item.tags, item.duration_s) for item in items]
    return [effect(items, relevance, rule.penalties(candidates, trial.ended_ms), truth) for rule in trial.rules]
