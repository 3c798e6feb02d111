"""Avoid lists as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from streamer.explaining.words import relative
from streamer.scoring.document import Entry, Tier
from streamer.serving.decay import multiplier_at
from streamer.serving.words import effect_in_words, evidence_in_words, reasons_in_words, target_in_words

_COLOURS: dict[Tier, str] = {"hard": "bold red", "strong": "yellow", "soft": "cyan"}

LEGEND = (
    "hard: they said so; strong: disliked more likely than not, or ignored again and again; soft: less sure. "
    "x is what an item's relevance is multiplied by now, and drifts back to 1."
)
"""What tiers and effects mean, to be printed below a table of entries."""


def entries_table(entries: Sequence[Entry], now_ms: int, *, evidence: bool, title: str | None = None) -> Table:
    """A row for each entry: what, how strongly, its effect now, why, until when.

    Args:
        entries: in the document's order.
        now_ms: the time at which the effect is asked, ms since 1970.
        evidence: whether to tell the figures behind the score, and since when.
        title: above the table.
    """
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    table.add_column("avoid", no_wrap=True)
    table.add_column("tier", no_wrap=True)
    table.add_column("now", no_wrap=True)
    table.add_column("why", overflow="fold")
    table.add_column("until", no_wrap=True)
    for entry in entries:
        why = Text(reasons_in_words(entry))
        if evidence:
            figures = evidence_in_words(entry)
            why.append(f"\n{figures + '; ' if figures else ''}since {relative(entry.since, now_ms)}", style="dim")
        table.add_row(
            Text(target_in_words(entry)),
            Text(entry.tier, style=_COLOURS[entry.tier]),
            effect_in_words(entry, multiplier_at(entry, now_ms)),
            why,
            "undone" if entry.expires_at is None else relative(entry.expires_at, now_ms),
        )
    return table
