"""Spec §9, "Reader": what an avoid list does to candidates. Discovery is off (explore=0) unless a test is about it."""

from __future__ import annotations

import math

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from streamer.events import DAY_MS
from streamer.scoring.document import Document, Entry
from streamer.serving import AvoidList, Candidate
from streamer.serving.decay import multiplier_at
from streamer.serving.rules import Source
from tests.avoid_lists import TODAY, document, entry

ITEM = Candidate("c1", "cr1", ("a", "b"), 100.0)


def asked(*entries: Entry, item: Candidate = ITEM, now_ms: int = TODAY, context: dict[str, str] | None = None) -> float:
    return AvoidList(document(*entries), explore=0).penalty(item, now_ms, context=context)


def test_what_is_not_listed_is_untouched() -> None:
    assert asked(entry("tag", "z"), entry("creator", "cr2"), entry("content", "c2")) == 1.0


def test_a_list_of_nothing_touches_nothing() -> None:
    nothing = AvoidList(None)
    assert nothing.penalties([ITEM, ITEM], TODAY) == [1.0, 1.0]
    assert (nothing.source, nothing.document, bool(nothing)) == ("none", None, False)


@pytest.mark.parametrize(
    ("days", "expected"),
    #  .2857 ┤──╮ evidence day 0 … expires day 105: at day d it is 1 − .7143·(105 − d)/105
    [(-1, 0.2857), (0, 0.2857), (21, 0.42856), (52.5, 0.64285), (104, 0.9931971), (105, 1.0), (200, 1.0)],
)
def test_a_multiplier_drifts_back_linearly_and_then_expires(days: float, expected: float) -> None:
    tag = entry("tag", "a", "strong", 0.2857, expires_at=TODAY + 105 * DAY_MS)
    assert asked(tag, now_ms=int(TODAY + days * DAY_MS)) == pytest.approx(expected, abs=1e-7)


def test_drift_begins_at_the_start_of_the_last_evidence_day() -> None:
    tag = entry("tag", "a", "soft", 0.4, last_day="2025-10-09", expires_at=TODAY + 10 * DAY_MS)
    assert asked(tag, now_ms=TODAY) == 0.4
    assert asked(tag, now_ms=TODAY + DAY_MS // 2) == pytest.approx(1 - 0.6 * 9.5 / 10)


@pytest.mark.parametrize(
    "tag", [entry("tag", "a", "soft", 0.4, expires_at=None), entry("tag", "a", "soft", 0.4, last_day=None)]
)
def test_without_expiry_or_evidence_day_a_multiplier_stays(tag: Entry) -> None:
    assert asked(tag, now_ms=TODAY + 50 * DAY_MS) == 0.4


def test_an_entry_that_expires_before_its_evidence_day_does_not_divide_by_zero() -> None:
    assert asked(entry("tag", "a", "soft", 0.4, expires_at=TODAY), now_ms=TODAY - 1) == 0.4


@pytest.mark.parametrize("kind_value", [("content", "c1"), ("creator", "cr1"), ("tag", "b")])
def test_a_hard_entry_excludes_until_it_expires(kind_value: tuple[str, str]) -> None:
    kind, value = kind_value
    hard = entry(kind, value, "hard", expires_at=TODAY + 5)  # type: ignore[arg-type]
    assert [asked(hard, now_ms=TODAY + n) for n in (0, 4, 5)] == [0.0, 0.0, 1.0]


def test_a_block_never_expires() -> None:
    assert asked(entry("creator", "cr1", "hard", expires_at=None), now_ms=TODAY + 10_000 * DAY_MS) == 0.0


def test_after_a_hard_entry_the_implicit_one_on_the_same_target_still_counts() -> None:
    both = entry("tag", "a", "hard", expires_at=TODAY + 1), entry("tag", "a", "soft", 0.5)
    assert asked(*both, now_ms=TODAY) == 0.0
    assert asked(*both, now_ms=TODAY + 2) == pytest.approx(0.5)


def test_penalties_multiply_but_of_several_tags_the_least_counts() -> None:
    assert asked(
        entry("tag", "a", "soft", 0.5), entry("tag", "b", "soft", 0.8), entry("creator", "cr1", "soft", 0.9)
    ) == pytest.approx(0.45)


def test_a_hard_tag_excludes_whatever_other_tags_say() -> None:
    assert asked(entry("tag", "a", "soft", 0.5), entry("tag", "b", "hard")) == 0.0


def test_the_product_is_at_least_a_tenth() -> None:
    assert asked(entry("tag", "a", "strong", 0.2), entry("creator", "cr1", "strong", 0.2)) == 0.1


def test_a_multiplier_rounded_to_nothing_does_not_exclude() -> None:
    # a content ignored 500 times: 501^-1.6 is 0.0000 with 4 places
    assert asked(entry("content", "c1", "strong", 0.0)) == 0.1


def test_values_of_one_kind_do_not_match_another() -> None:
    item = Candidate("x", "y", ("z",))
    assert asked(entry("tag", "x"), entry("content", "y"), entry("creator", "z"), item=item) == 1.0


def test_tags_compare_in_normal_form() -> None:
    assert asked(entry("tag", "true-crime"), item=Candidate("c1", tags=["  True-CRIME "])) == 0.5


def test_a_repeated_tag_counts_once() -> None:
    assert asked(entry("tag", "a"), item=Candidate("c1", tags=("a", "A"))) == 0.5


def test_one_string_is_no_list_of_tags() -> None:
    with pytest.raises(TypeError, match="give a tuple of tags"):
        Candidate("c1", tags="news")


@pytest.mark.parametrize(("duration_s", "expected"), [(None, 1.0), (1920.0, 1.0), (1920.5, 0.5)])
def test_the_duration_cap_is_for_what_is_longer(duration_s: float | None, expected: float) -> None:
    assert asked(entry("duration", 1920), item=Candidate("c1", duration_s=duration_s)) == expected


def test_a_contextual_entry_counts_in_its_context() -> None:
    tag = entry("tag", "a", "soft", 0.5, context={"daypart": "morning"})
    assert asked(tag, context={"daypart": "morning", "device": "tv"}) == 0.5
    assert asked(tag, context={"daypart": "evening"}) == 1.0
    assert asked(tag) == 1.0


def test_of_a_tags_contextual_matches_the_least_counts() -> None:
    morning = entry("tag", "a", "soft", 0.5, context={"daypart": "morning"})
    tv = entry("tag", "a", "soft", 0.3, context={"device": "tv"})
    other_tag = entry("tag", "b", "soft", 0.9, context={"device": "tv"})
    assert asked(morning, tv, other_tag, context={"daypart": "morning", "device": "tv"}) == pytest.approx(0.3)
    assert asked(morning, tv, other_tag, context={"daypart": "morning", "device": "phone"}) == 0.5


def test_a_candidates_own_context_comes_before_the_requests() -> None:
    tag = entry("tag", "a", "soft", 0.5, context={"device": "tv"})
    item = Candidate("c1", tags=("a",), context={"device": "phone"})
    assert asked(tag, item=item, context={"device": "tv"}) == 1.0
    assert asked(tag, item=Candidate("c1", tags=("a",), context={"device": "tv"}), context={"device": "phone"}) == 0.5


def test_filter_drops_only_what_is_excluded() -> None:
    items = [Candidate("c1"), Candidate("c2"), Candidate("c3")]
    lists = AvoidList(document(entry("content", "c2", "hard"), entry("content", "c3", "strong", 0.1)))
    assert lists.filter(items, TODAY) == [items[0], items[2]]


def test_rerank_multiplies_sorts_and_keeps_ties_in_order() -> None:
    items = [Candidate(f"c{n}", tags=("a",) if n in (1, 4) else ()) for n in range(6)]
    lists = AvoidList(document(entry("tag", "a", "strong", 0.5), entry("content", "c5", "hard")), explore=0)
    ranked = lists.rerank(items, [0.2, 0.8, 0.4, 0.2, 0.9, 9.9], TODAY)
    assert [(item.content_id, score) for item, score in ranked] == [
        ("c4", 0.45), ("c1", 0.4), ("c2", 0.4), ("c0", 0.2), ("c3", 0.2),
    ]  # fmt: skip


@pytest.mark.parametrize("relevance", [-0.1, math.nan])
def test_rerank_refuses_scores_that_a_penalty_would_raise_or_that_do_not_sort(relevance: float) -> None:
    with pytest.raises(ValueError, match=r"relevance of 'c1'.*must be >= 0"):
        AvoidList(None).rerank([ITEM], [relevance], TODAY)


def test_rerank_refuses_a_score_too_few() -> None:
    with pytest.raises(ValueError, match="shorter"):
        AvoidList(None).rerank([ITEM, ITEM], [1.0], TODAY)


def test_time_comes_from_the_clock_where_it_is_not_given() -> None:
    tag = entry("tag", "a", "soft", 0.5, expires_at=TODAY + 5)
    times = iter((TODAY, TODAY + 5))
    lists = AvoidList(document(tag), explore=0, clock=lambda: next(times))
    assert [lists.penalty(ITEM), lists.penalty(ITEM)] == [0.5, 1.0]
    with pytest.raises(TypeError, match="give now_ms"):
        AvoidList(document(tag)).penalty(ITEM)


def test_an_answer_does_not_depend_on_what_was_asked_before() -> None:
    tag = entry("tag", "a", "soft", 0.5, context={"device": "tv"}, expires_at=TODAY + 10 * DAY_MS)
    lists = AvoidList(document(tag), explore=0)
    asked_for = [(TODAY + days * DAY_MS, context) for days in (0, 5, 0, 10) for context in (None, {"device": "tv"})]
    assert [lists.penalty(ITEM, now, context=context) for now, context in asked_for] == pytest.approx(
        [1, 0.5, 1, 0.75, 1, 0.5, 1, 1]
    )


# --- discovery -------------------------------------------------------------------------------------------------------

CANDIDATES = [Candidate(f"content-{n}", tags=("a",)) for n in range(20_000)]


def test_one_in_twenty_is_a_discovery_and_the_same_all_day() -> None:
    lists = AvoidList(document(entry("tag", "a")))
    morning = lists.penalties(CANDIDATES, TODAY)
    evening = lists.penalties(CANDIDATES, TODAY + DAY_MS - 1)
    found = [at for at, penalty in enumerate(morning) if penalty == 1.0]
    assert found == [at for at, penalty in enumerate(evening) if penalty == 1.0]
    assert 0.045 <= len(found) / len(CANDIDATES) <= 0.055
    tomorrow = lists.penalties(CANDIDATES, TODAY + DAY_MS)
    assert found != [at for at, penalty in enumerate(tomorrow) if penalty == 1.0]


def test_discovery_is_by_the_hash_of_the_spec() -> None:
    penalties = AvoidList(document(entry("tag", "a"))).penalties(CANDIDATES, TODAY)
    for item, penalty in zip(CANDIDATES, penalties, strict=True):
        hashed = xxhash.xxh64_intdigest(f"u1\n{item.content_id}\n2025-10-09".encode(), seed=0)
        assert penalty == (1.0 if hashed % 20 == 0 else 0.5)


def test_discovery_never_passes_over_a_hard_entry() -> None:
    assert set(AvoidList(document(entry("tag", "a", "hard"))).penalties(CANDIDATES, TODAY)) == {0.0}
    assert set(AvoidList(document(entry("tag", "a", "hard")), explore=1).penalties(CANDIDATES, TODAY)) == {0.0}


def test_discovery_is_the_askers_not_the_documents() -> None:
    shared = document(entry("tag", "a"), user_id="~all")
    mine, yours = (AvoidList(shared, user_id=user).penalties(CANDIDATES, TODAY) for user in ("u1", "u2"))
    assert mine == AvoidList(document(entry("tag", "a"))).penalties(CANDIDATES, TODAY)
    assert mine != yours


@pytest.mark.parametrize(("explore", "share"), [(0.0, 0), (0.5, 0.5), (1.0, 1)])
def test_the_share_of_discoveries_is_a_setting(explore: float, share: float) -> None:
    penalties = AvoidList(document(entry("tag", "a")), explore=explore).penalties(CANDIDATES, TODAY)
    assert penalties.count(1.0) / len(CANDIDATES) == pytest.approx(share, abs=0.02)


def test_discovery_can_be_left_out_of_a_question() -> None:
    assert set(AvoidList(document(entry("tag", "a"))).penalties(CANDIDATES, TODAY, explore=False)) == {0.5}


def test_explore_must_be_a_fraction() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        AvoidList(None, explore=20)


# --- explain ---------------------------------------------------------------------------------------------------------


def test_an_explanation_names_entries_effects_and_reasons() -> None:
    lists = AvoidList(document(entry("tag", "a"), entry("creator", "cr1", "hard"), entry("tag", "z")), explore=0)
    explained = lists.explain(ITEM, TODAY)
    assert [(match.entry.value, match.multiplier) for match in explained.matches] == [("cr1", 0.0), ("a", 0.5)]
    assert str(explained) == (
        "excluded\n"
        "  creator cr1: excluded, because they said so\n"
        "  tag a: x 0.50, because ignored 40 of 40 times it was seen, in 9 sessions"
    )


def test_an_explanation_tells_of_a_discovery() -> None:
    explained = AvoidList(document(entry("tag", "a")), explore=1).explain(ITEM, TODAY)
    assert (explained.penalty, explained.discovery) == (1.0, True)
    assert "discovery" in str(explained)


@pytest.mark.parametrize(("source", "whose"), [("cohort", "their cohort's"), ("default", "everybody's")])
def test_an_explanation_says_that_the_list_is_a_default_one(source: Source, whose: str) -> None:
    lists = AvoidList(document(entry("tag", "a", "soft", 0.5)), user_id="new", source=source, explore=0)
    said = f" (by {whose} default list: nothing is known of the user)"
    assert str(lists.explain(ITEM, TODAY)).splitlines()[0] == "x 0.50" + said
    assert str(lists.explain(Candidate("other"), TODAY)) == "not listed: x 1.00" + said
    assert lists.explain(ITEM, TODAY).source == source


def test_nothing_to_explain() -> None:
    assert str(AvoidList(None).explain(ITEM, TODAY)) == "not listed: x 1.00"


# --- properties ------------------------------------------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "c"])
_contexts = st.sampled_from([None, {"device": "tv"}, {"daypart": "morning"}])
_entries = st.builds(
    entry,
    st.sampled_from(["content", "creator", "tag"]),
    _names,
    st.sampled_from(["hard", "strong", "strong", "soft", "soft", "soft"]),
    st.floats(0, 1).map(lambda m: round(m, 4)),
    context=_contexts,
    last_day=st.sampled_from(["2025-09-09", "2025-10-09", None]),
    expires_at=st.integers(-5, 200).map(lambda days: TODAY + days * DAY_MS) | st.none(),
)
_caps = st.builds(entry, st.just("duration"), st.sampled_from([60, 120]), st.just("soft"))
_lists = st.lists(_entries | _caps, max_size=8).map(lambda entries: document(*entries))
_items = st.builds(
    Candidate, _names, st.none() | _names, st.lists(_names), st.none() | st.floats(1, 300), context=_contexts
)
_times = st.integers(-10, 250).map(lambda days: TODAY + days * DAY_MS + 12_345)


@given(_lists, _items, _times, _contexts)
def test_a_penalty_is_0_exactly_for_hard_matches_and_else_from_a_tenth_to_1(
    doc: Document, item: Candidate, now_ms: int, context: dict[str, str] | None
) -> None:
    lists = AvoidList(doc)
    penalty = lists.penalty(item, now_ms, context=context)
    hard = any(match.entry.tier == "hard" for match in lists.explain(item, now_ms, context=context).matches)
    assert penalty == 0.0 if hard else 0.1 <= penalty <= 1.0


@given(_lists, _items, _times, _contexts)
def test_the_explanation_accounts_for_the_penalty(
    doc: Document, item: Candidate, now_ms: int, context: dict[str, str] | None
) -> None:
    lists = AvoidList(doc)
    explained = lists.explain(item, now_ms, context=context)
    tags = [match.entry.value for match in explained.matches if match.entry.kind == "tag"]
    product = math.prod(match.multiplier for match in explained.matches if match.entry.kind != "tag")
    product *= min(
        [
            1.0,
            *(
                math.prod(m.multiplier for m in explained.matches if m.entry.kind == "tag" and m.entry.value == tag)
                for tag in tags
            ),
        ]
    )
    expected = product if product in (0, 1) else 1.0 if explained.discovery else max(0.1, product)
    assert explained.penalty == pytest.approx(expected)
    assert explained.penalty == lists.penalty(item, now_ms, context=context)


@given(_lists, st.lists(_items, max_size=6), _times, _contexts)
def test_many_at_once_are_as_one_at_a_time(
    doc: Document, items: list[Candidate], now_ms: int, context: dict[str, str] | None
) -> None:
    lists = AvoidList(doc)
    one_at_a_time = [AvoidList(doc).penalty(item, now_ms, context=context) for item in items]
    assert lists.penalties(items, now_ms, context=context) == one_at_a_time
    assert lists.penalties(iter(items), now_ms, context=context) == one_at_a_time


@given(_entries.filter(lambda e: e.tier != "hard"), st.lists(_times, min_size=2, max_size=6))
def test_a_multiplier_never_falls_as_time_passes(one: Entry, times: list[int]) -> None:
    values = [1.0 if (m := multiplier_at(one, now)) is None else m for now in sorted(times)]
    assert values == sorted(values)
    assert all(one.multiplier <= value <= 1.0 for value in values)
