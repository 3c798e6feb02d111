"""What contenders conclude from users' histories, against the items that the users met next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lab.evaluation.bootstrap import NOTHING, Share
from lab.evaluation.contenders import Contender
from lab.evaluation.report import Found, group_of
from lab.evaluation.rules import Rule
from lab.evaluation.sets import lifts
from lab.evaluation.sets.expectation import Expectation, UserExpectation
from lab.evaluation.sets.history import SET_MEASURES, History, Scores, candidate, concluded, halves_of, judge, of_tags
from streamer.profile import Rules


def study(
    name: str,
    histories: Sequence[History],
    contenders: Sequence[Contender],
    base: Rules,
    resamples: int,
    seed: int,
    report: Callable[[], None] = lambda: None,
) -> Found:
    """What all contenders make of all histories.

    Args:
        base: the constants by which the baselines' sessions are joined.
        report: called after each user.
    """
    shares: list[dict[str, list[Share]]] = [{each.name: [] for each in SET_MEASURES} for _ in contenders]
    said: list[list[Mapping[lifts.Bin, lifts.Said]]] = [[] for _ in contenders]
    halves = halves_of(contenders, histories)
    expectation = Expectation(history.tests for history in histories)
    strangers: list[Scores | None] = [None for _ in contenders]
    for place, history in enumerate(histories):
        rules, now_ms = concluded(history, halves[place % 2], base)
        own = expectation.of_user(history.tests)
        for at, rule in enumerate(rules):
            told = judge(rule, history.tests, now_ms) | _effect(rule, history, now_ms, own)
            stranger = strangers[at]
            told["null.auc"] = NOTHING if stranger is None else of_tags(stranger, history.tests)
            strangers[at] = Scores(rule, now_ms)
            for measure, share in told.items():
                shares[at][measure].append(share)
            said[at].append(lifts.of_user(rule, history, now_ms, own, base))
        report()
    labels = [contender.label for contender in contenders]
    found = {label: lifts.of_all(of_rule, resamples, seed) for label, of_rule in zip(labels, said, strict=True)}
    return Found(group_of(name, labels, shares, resamples, seed), found)


def _effect(rule: Rule, history: History, now_ms: int, expectation: UserExpectation) -> dict[str, Share]:
    """What the list makes of the items that it lowers, and what became of them."""
    penalties = rule.penalties([candidate(test) for test in history.tests], now_ms)
    lowered = [place for place, penalty in enumerate(penalties) if penalty < 1]
    wanted = sum(not history.tests[place].unwanted for place in lowered)
    return {
        "lowered.multiplier": Share(sum(penalties[place] for place in lowered), len(lowered)),
        "lowered.later": Share(wanted, sum(expectation.of(lowered)) if lowered else 0.0),
    }
