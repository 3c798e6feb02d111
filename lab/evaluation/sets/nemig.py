"""NeMig: six headlines on a page, one picked; do lists lower headlines that would have been picked?

A person saw five pages. The last one is the test, the 24 headlines before it are what rules learn from: hardly enough
to find anything, so a list should stay empty. A headline's tags are its subtopic, its politics and its entities; all
six stand side by side, and what was picked before the study counts as clicked.

NeMig: Iana et al. 2022, doi 10.5281/zenodo.7442424; CC BY-NC-SA 4.0, for research only.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from lab.evaluation.joining import keys_of
from lab.evaluation.sets.history import History, Test
from streamer.events import Event, Feedback, Impression
from streamer.replay.datasets.rows import Row, find_file, read_rows

BEGIN_MS: Final = 1_640_995_200_000
"""The study tells the order of pages, no times: they are put two minutes apart, from 1 January 2022 on."""
APART_MS: Final = 120_000


def histories(path: Path) -> Iterator[History]:
    """All people's histories.

    Raises:
        DataSetError: a file is missing or not in its documented format.
    """
    news = {
        row.text("news_id"): (f"topic {row.text('subtopic')}", f"side {row.text('politics')}", *_entities(row))
        for row in read_rows(find_file(path, "news.csv.gz", "NeMig"), ("news_id", "subtopic", "politics", "entities"))
    }
    columns = ("impression_id", "user_id", "clicked_before", "shown")
    rows = sorted(
        read_rows(find_file(path, "impressions.csv.gz", "NeMig"), columns),
        key=lambda row: (row.text("user_id"), row.integer("impression_id")),
    )
    for user, pages in groupby(rows, key=lambda row: row.text("user_id")):
        yield _history(user, list(pages), news)


def _entities(row: Row) -> list[str]:
    return [name for name in row.optional("entities").split("|") if name]


def _history(user: str, pages: list[Row], news: dict[str, tuple[str, ...]]) -> History:
    before: list[Event] = [
        Feedback(user_id=user, ts=BEGIN_MS, kind="click", content_id=name, tags=news.get(name, ()))
        for name in pages[0].optional("clicked_before").split()
    ]
    for number, page in enumerate(pages[:-1], 1):
        for name, picked in _shown(page):
            item = {"user_id": user, "ts": BEGIN_MS + APART_MS * number, "content_id": name, "tags": news.get(name, ())}
            before.append(Impression(**item, media="article", visible_ms=2_000))  # type: ignore[arg-type]
            if picked:
                before.append(Feedback(**item, kind="click"))  # type: ignore[arg-type]
    tests = tuple(Test(name, keys_of(news.get(name, ()), None), not picked) for name, picked in _shown(pages[-1]))
    return History(user, tuple(before), tests)


def _shown(page: Row) -> Iterator[tuple[str, bool]]:
    """Headlines of a page, and whether each was picked."""
    for shown in page.text("shown").split():
        name, _, picked = shown.rpartition("-")
        if picked not in ("0", "1") or not name:
            raise page.wrong("shown", "ids with -0 or -1")
        yield name, picked == "1"
