"""Contenders that use the population know what the users of the evaluation add up to, and the others know nothing."""

from __future__ import annotations

from streamer.evaluation.contenders import contenders
from streamer.evaluation.everybody import informed, snapshot_of
from streamer.events import Event
from streamer.profile import Rules
from streamer.scoring.population import DEFAULT
from streamer.settings import Settings
from tests.steps import HOUR, MINUTE, NOON, disliked, shown


def life(tag: str) -> list[Event]:
    """Ten showings of a tag in an evening; gore is disliked once."""
    start = NOON + 6 * HOUR
    steps: list[Event] = [shown(start + n * MINUTE, f"{tag}-{n}", tag, creator_id="c") for n in range(10)]
    return [*steps, disliked(start + 11 * MINUTE, f"{tag}-9", tag)] if tag == "gore" else steps


def lives() -> list[tuple[str, list[Event]]]:
    return [(f"u{n}", life("gore" if n < 4 else "cats")) for n in range(40)]


def test_the_snapshot_is_of_all_users_as_their_last_sessions_have_sealed() -> None:
    made = snapshot_of(lives(), Rules(Settings(population=True)))
    assert made.version == 1
    # s = 4 of n = 4 users, 4 of 40 usual: .04 · 6 ÷ 2.4; cats: .04 · 2 ÷ (36 · .1 + 2)
    assert {tag: round(rate, 4) for tag, rate in made.tags.items()} == {"gore": 0.1, "cats": 0.0143}


def test_only_ours_and_only_with_the_setting_on_goes_by_it() -> None:
    found = informed(contenders(["ours", "explicit"], Settings(), {"population": True}), lives)
    by_label = {contender.label: contender.rules.population for contender in found}
    assert by_label["ours"] is DEFAULT
    assert by_label["explicit"] is DEFAULT
    assert round(by_label["ours, population=True"].tags["gore"], 4) == 0.1
