"""The harness in a world: what each measure counts, its determinism, and its two ends: knowing all and nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import pytest

from lab.evaluation import world_study
from lab.evaluation.bootstrap import Share
from lab.evaluation.contenders import Contender
from lab.evaluation.figures import MEASURES, bins_of, shares_of
from lab.evaluation.joining import Key
from lab.evaluation.pages import html
from lab.evaluation.report import Report, WorldReport
from lab.evaluation.rules import RULES, Listed, Rule
from lab.evaluation.trial import Tale, Trial, Truth, _Watcher, run
from lab.worlds import REGIMES, Leanings, Resident, World
from streamer.events import DAY_MS
from streamer.profile import Rules
from streamer.scoring.document import Tier
from streamer.settings import Settings

RULES_OF = Rules(Settings())
WORLD = World(REGIMES["feed"], users=12, seed=5)


class Oracle(Rule):
    """Knows the truth."""

    name = "oracle"
    what = "the truth"

    def _truth(self, now_ms: int) -> frozenset[Key]:
        who = next(each for each in WORLD.residents() if each.user_id == self.user_id)
        return Truth.of(who.at(now_ms)).disliked

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        return dict.fromkeys(self._truth(now_ms), 1.0)

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        return dict.fromkeys(self._truth(now_ms), Listed("strong", 0.1))


def study(*rules: type[Rule]) -> WorldReport:
    return world_study.study([WORLD], [Contender(rule.name, rule, RULES_OF) for rule in rules], RULES_OF, 50)


@pytest.fixture(scope="module")
def found() -> WorldReport:
    return study(Oracle, RULES["ours"], RULES["chance"])


def test_a_rule_that_knows_the_truth_gets_perfect_scores(found: WorldReport) -> None:
    figures = found.groups[-1].rows[0].figures
    for kind in ("tag", "creator"):
        for name in ("ap", "precision", "strong", "recall"):
            assert figures[f"{kind}.{name}"].value == 1, name
        for name in ("liked", "liked_ever", "neutral", "neutral_ever"):
            assert figures[f"{kind}.{name}"].value == 0, name
    assert figures["serving.removed"].value > 0.6
    assert figures["serving.lost"].value < 0


def test_a_rule_that_knows_nothing_gets_chance(found: WorldReport) -> None:
    figures = found.groups[-1].rows[2].figures
    prevalence = 0.05
    assert prevalence / 2 < figures["tag.ap"].value < 4 * prevalence  # light users are shown few tags
    assert figures["tag.recall"].value == figures["serving.removed"].value == 0
    assert "tag.precision" not in figures  # nothing listed: there is nothing to be right about


def test_ours_does_better_than_chance_and_worse_than_the_truth(found: WorldReport) -> None:
    truth, ours, chance = (row.figures["tag.ap"].value for row in found.groups[0].rows)
    assert chance < ours < truth
    against = found.groups[0].rows[2].against["tag.ap"]
    assert against.value == pytest.approx(chance - truth)


def test_the_harness_is_deterministic_by_seed(found: WorldReport) -> None:
    assert study(Oracle, RULES["ours"], RULES["chance"]) == found


def test_groups_are_sizes_of_users_and_all(found: WorldReport) -> None:
    assert [(group.name, group.users) for group in found.groups] == [
        ("light", 6),
        ("medium", 5),
        ("heavy", 1),
        ("all", 12),
    ]


def test_only_log_odds_are_held_against_the_truth(found: WorldReport) -> None:
    assert found.reliability.keys() == {"ours"}
    assert sum(row.keys for row in found.reliability["ours"]) > 100


def leanings(disliked: str, liked: str) -> Leanings:
    """Tastes for tags named by letters; all else is neutral."""
    tags = dict.fromkeys((*"abcdef", *WORLD.catalogue.tags), 1.0)
    tags |= dict.fromkeys(disliked, 0.2) | dict.fromkeys(liked, 2.0)
    creators = dict.fromkeys(WORLD.catalogue.creators, 1.0)
    return Leanings(tags=tags, creators=creators, disappointing=frozenset(), cap_s=300.0)


def trial(tale: Tale) -> Trial:
    """A user who disliked a and b, and since day 10 dislikes b and c; likes d; was shown all but f."""
    who = Resident(
        "u", "medium", 300, 0.3, 0.5, 0.0, 0.0, leanings("ab", "d"), leanings("bc", "d"), WORLD.start_ms + 10 * DAY_MS
    )
    shown = Counter({("tag", tag): 10 for tag in "abcde"})
    return Trial(who, shown, [RULES["chance"]("u", RULES_OF)], [tale], WORLD.end_ms)


def test_precision_recall_and_harm_count_listed_keys() -> None:
    tale = Tale(listed={("tag", t): Listed("soft" if t == "e" else "strong", 0.5) for t in "bde"})
    tale.found_after = {("tag", "a"): 7, ("tag", "b"): 9}
    tale.wronged = {"liked": {("tag", "d")}, "liked_inferred": set(), "neutral": {("tag", "e"), ("tag", "c")}}
    (shares,) = shares_of(trial(tale), WORLD)
    assert shares["tag.precision"] == Share(1, 3)  # b of b d e
    assert shares["tag.strong"] == Share(1, 2)  # b of b d
    assert shares["tag.recall"] == Share(1, 2)  # b of b c
    assert shares["tag.ever"] == Share(2, 3)  # a b of a b c
    assert shares["tag.showings"] == Share(16, 2)
    assert shares["tag.liked"] == Share(1, 1)
    assert shares["tag.liked_inferred"] == Share(1, 1)
    assert shares["tag.liked_ever"] == Share(1, 1)
    assert shares["tag.liked_ever_inferred"] == Share(0, 1)  # named by the user, so far
    assert shares["tag.neutral"] == Share(1, 2)  # e of a e
    assert shares["tag.neutral_ever"] == Share(1, 1)  # e; a and c were disliked at some time


def test_average_precision_ranks_what_was_shown() -> None:
    tale = Tale(neutral=0.0, scores={("tag", "a"): 3, ("tag", "c"): 2, ("tag", "b"): 1, ("tag", "f"): 9})
    (shares,) = shares_of(trial(tale), WORLD)
    assert shares["tag.ap"] == Share(pytest.approx((1 / 2 + 2 / 3) / 2), True)  # type: ignore[arg-type]


def test_log_odds_are_compared_with_the_truth_by_bins() -> None:
    tale = Tale(scores={("tag", "b"): 0.0, ("tag", "e"): 0.0, ("tag", "a"): -9.0, ("tag", "c"): 20.0})
    bins = bins_of(trial(tale), tale, "tag")
    assert (bins[0].keys, bins[0].disliked) == (1, 0)
    assert (bins[5].keys, bins[5].predicted, bins[5].disliked) == (2, 1.0, 1)  # 0 … 1; named ones are left out
    assert sum(each.keys for each in bins) == 3


@pytest.mark.parametrize(("caps", "near"), [((), 0), (("240",), 1), (("600",), 0)])
def test_a_duration_cap_is_right_near_the_truth(caps: tuple[str, ...], near: int) -> None:
    tale = Tale(listed={("duration", cap): Listed("soft", 0.5) for cap in caps})
    (shares,) = shares_of(trial(tale), WORLD)
    assert shares["cap.found"] == Share(near, 1)
    assert shares["cap.wrong"] == Share(0, 0)


def test_the_watcher_notes_when_dislikes_are_found_who_is_wronged_and_how_long_the_given_up_stay() -> None:
    #   day     0 ········ 7 ········ 10 changes ······ 14 ········ 21 ········ 28
    #   listed             a b                          a b d       a b c       b c d
    #   as                 named                        named       inferred    inferred
    tale = Tale()
    start = WORLD.start_ms
    truths = (Truth.of(leanings("ab", "d")), Truth.of(leanings("bc", "d")))
    watcher = _Watcher(tale, start + 10 * DAY_MS, truths)
    for day, listed in ((7, "ab"), (14, "abd"), (21, "abc"), (28, "bcd")):
        seen = Counter({("tag", tag): day for tag in "abcdef"})
        tier: Tier = "hard" if day < 21 else "soft"
        watcher.look({("tag", tag): Listed(tier, 0.0) for tag in listed}, start + day * DAY_MS, seen)
    assert tale.found_after == {("tag", "a"): 7, ("tag", "b"): 7, ("tag", "c"): 21}
    assert tale.wronged == {"liked": {("tag", "d")}, "liked_inferred": {("tag", "d")}, "neutral": set()}
    assert tale.stayed == {("tag", "a"): (18.0, True)}


def test_every_contender_sees_the_same_life() -> None:
    who = next(each for each in WORLD.residents() if each.size == "medium")
    contenders = [Contender(name, rule, RULES_OF) for name, rule in RULES.items()]
    together = run(who, WORLD, contenders, RULES_OF).tales
    alone = [run(who, WORLD, [contender], RULES_OF).tales[0] for contender in contenders]
    assert [(t.scores, t.listed) for t in together] == [(t.scores, t.listed) for t in alone]


def test_the_page_holds_every_figure_and_needs_no_network(found: WorldReport) -> None:
    told = html(Report("0", "python -m lab evaluate <x>", (5,), 12, 50, 1.0, {"ours": "a & b"}, (found,), ()))
    assert "http" not in told
    assert all(source.startswith("data:image/svg+xml;base64,") for source in re.findall(r'src="([^"]*)"', told))
    assert "<script" not in told
    assert "&lt;x&gt;" in told
    assert "a &amp; b" in told
    assert told.count("<img") >= 10
    assert all(measure.head in told for measure in MEASURES.values())
