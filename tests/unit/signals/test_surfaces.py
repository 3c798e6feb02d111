"""Gate and attention by surface (spec §3), by profile and oracle alike."""

from __future__ import annotations

from typing import Any

import pytest

from lab.oracle.oracle import Oracle
from lab.oracle.sessions import attention, passes_gate
from streamer.errors import SettingsError
from streamer.events import Event, Impression
from streamer.settings import Settings, load
from streamer.signals.exposure import Attention, Gate
from tests.lives import document_after
from tests.property.driving import tiles_of
from tests.steps import DAY0, HOUR, NOON, SECOND, after, gave, played, shown

SETTINGS = Settings(surface_viewable_ms={"feed": 500, "grid": 3000}, surface_attention={"feed": 1.0, "list": 0.15})


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ({"surface": "feed", "visible_ms": 500}, True),  # a video, too
        ({"surface": "feed", "visible_ms": 499}, False),
        ({"surface": "grid", "visible_ms": 2999, "media": "article"}, False),
        ({"surface": "other", "visible_ms": 1999}, False),
        ({"surface": "other", "visible_ms": 2000}, True),
        ({"visible_ms": 1999}, False),
        ({"surface": "feed", "visible_ms": 900, "visible_ratio": 0.4}, False),
        ({"surface": "feed"}, False),
    ],
)
def test_a_surface_has_a_gate_of_its_own(fields: dict[str, Any], seen: bool) -> None:
    impression = Impression(user_id="u", ts=0, content_id="c", **fields)
    assert Gate(SETTINGS).passes(impression) is passes_gate(impression, SETTINGS) is seen


@pytest.mark.parametrize(
    ("position", "surface", "thousandths"),
    [(None, "list", 150), (0, "list", 150), (1, "list", 106), (1, "feed", 707), (1, None, 707), (99, "list", 15)],
)
def test_what_is_seldom_begun_on_a_surface_is_expected_less_there(
    position: int | None, surface: str | None, thousandths: int
) -> None:
    assert Attention(SETTINGS).at(position, surface) == attention(position, SETTINGS, surface) == thousandths


def test_showings_on_different_surfaces_count_by_the_most_attended() -> None:
    first = [shown(NOON, "a", "x", surface="list"), shown(NOON + SECOND, "b", "x", surface="feed", visible_ms=600)]
    again = shown(NOON + 2 * SECOND, "a", "x", surface="feed", position=3, visible_ms=600)
    steps: list[Event | int] = [*first, again, shown(NOON + 9 * SECOND, "c", surface="list"), NOON + 3 * HOUR]
    tiles = tiles_of(after(*steps, settings=SETTINGS))
    assert tiles == Oracle(SETTINGS).run(steps).tiles()
    assert tiles[DAY0]["*", ""]["theta"] == 500 + 1000 + 150
    document_after(*steps, settings=SETTINGS)


def test_surfaces_are_set_as_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMER_SURFACE_VIEWABLE_MS", "feed=500,grid=1000")
    monkeypatch.setenv("STREAMER_SURFACE_ATTENTION", '{"list": 0.2}')
    assert load().surface_viewable_ms == {"feed": 500, "grid": 1000}
    assert load().surface_attention == {"list": 0.2}
    with pytest.raises(SettingsError):
        load(surface_attention={"list": 1.2})


def test_starts_are_metered_by_whether_a_showing_had_passed_the_gate() -> None:
    profile = after(
        shown(NOON, "a"),
        played(NOON + SECOND, "a", played_s=9),
        shown(NOON, "b", visible_ms=900),
        gave(NOON + SECOND, "b", "click"),
        played(NOON + 2 * SECOND, "found", played_s=9),
        shown(NOON + 9 * SECOND, "c"),
        NOON + 3 * HOUR,
    )
    assert profile.rules.starts == {"seen": 1, "unseen": 2}
