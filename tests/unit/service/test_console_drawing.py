"""Pictures say in words what they show, and stay within their frames."""

from __future__ import annotations

import re

from streamer.scoring.counts import Cell
from streamer.scoring.document import Entry, Evidence
from streamer.scoring.duration import Plays
from streamer.service.console.drawing import by_length, decay, history

DAY_MS = 86_400_000
TODAY = 20_700
NOW_MS = TODAY * DAY_MS + DAY_MS // 2


def test_days_are_bars_of_what_was_seen_chosen_and_left_over_the_last_ninety_days() -> None:
    cell = Cell(exposures=4, plays=(1 << 21) + (2 << 42))
    picture = history([(TODAY - 400, cell), (TODAY - 3, cell), (TODAY, cell)], NOW_MS)
    assert len(re.findall('<rect class="seen"', picture)) == 2
    assert 'height="18.0"' in picture  # four were seen: the most
    assert [float(x) + float(width) <= 240 for x, width in re.findall('x="([0-9.]+)" .* width="([0-9.]+)"', picture)]
    assert "seen 12, chosen 6, left early 3 times" in picture
    assert history([], NOW_MS) == ""


def test_a_soft_entry_fades_to_nothing_and_a_no_does_not_fade() -> None:
    evidence = Evidence(last_day="2026-09-01")
    entry = Entry("tag", "t", None, "soft", 0.5, 0.1, ("ignored",), evidence, 0, NOW_MS + 10 * DAY_MS)
    points = re.findall(r"([0-9.]+),([0-9.]+)", str(decay(entry, NOW_MS)).partition('points="')[2].partition('"')[0])
    heights = [float(y) for _, y in points]
    assert heights == sorted(heights, reverse=True)
    assert heights[-1] == 8.0
    hard = Entry("tag", "t", None, "hard", 0.0, None, ("explicit",), Evidence(), 0, NOW_MS + DAY_MS)
    assert decay(hard, NOW_MS) == decay(entry, NOW_MS + 10 * DAY_MS) == ""


def test_the_cap_stands_between_the_lengths_that_it_parts() -> None:
    plays = {60: Plays(20, 7.0, 2.0), 480: Plays(20, 7.0, 16.0)}
    picture = by_length(plays, 360)
    assert 'd="M150.0 4V90"' in picture
    assert "What is longer than 6 min is shown less." in picture
    assert "cap" not in by_length(plays, None)
    assert by_length({}, None) == ""
