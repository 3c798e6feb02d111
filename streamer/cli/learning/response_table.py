"""A simulation's figures on the terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table

from streamer.learning.responsiveness.simulating import Simulated
from streamer.learning.responsiveness.words import HEADS, rows_of


def table(simulated: Simulated) -> Table:
    """One recommender's figures."""
    made = Table(title=simulated.recommender, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, head in enumerate(HEADS):
        made.add_column(head, justify="left" if number < 2 else "right", no_wrap=True)
    last = ""
    for row in rows_of(simulated):
        made.add_row("" if row.action == last else row.action, *row[1:])
        last = row.action
    return made
