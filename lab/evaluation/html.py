"""The whole report as one HTML page: every figure with its interval, and plots. Self-contained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from lab.evaluation.figures import KEY_MEASURES, USER_MEASURES, Measure
from lab.evaluation.plots import Bar, Point, bars, reliability
from lab.evaluation.report import Group, Reliability, Report, SetReport, WorldReport
from lab.evaluation.sets.history import SET_MEASURES
from lab.evaluation.words import interval_in_words, value_in_words

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2330; --dim: #667; --line: #c9ced6; --bar: #a9b4c6;
  --ours: #0b6e8f; --paper: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ef; --dim: #98a1b0; --line: #414a59; --bar: #55617a; --ours: #3fb0d4; --paper: #14181f } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 72rem;
  margin: 2rem auto; padding: 0 1.5rem }
h1, h2, h3 { line-height: 1.2; margin: 2.2em 0 .5em } h1 { margin-top: 0 }
p.what, caption, small, dt { color: var(--dim) }
.scroll { overflow-x: auto } .plots { display: flex; flex-wrap: wrap; gap: 1.5rem }
figure { margin: 0 } figcaption { font-weight: 600 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0 1.4rem }
caption { text-align: left; padding-bottom: .3rem } th { font-weight: 600; vertical-align: bottom }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line) }
th:first-child, td:first-child { text-align: left; white-space: nowrap }
td small { display: block; white-space: nowrap }
svg { max-width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif; fill: var(--ink) }
.bar { fill: var(--bar) } .ours { fill: var(--ours) } .axis { stroke: var(--line) }
.whisker { stroke: var(--ink); stroke-width: 1.5 } .diagonal { stroke: var(--line); stroke-dasharray: 4 4 }
code { font-size: .92em }
"""  # fmt: skip


def page(report: Report) -> str:
    """The page, UTF-8 text."""
    return "\n".join(_page(report))


def _page(report: Report) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><meta charset="utf-8">'
    yield f"<title>Streamer: how good the lists are</title><style>{_STYLE}</style>"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield "<h1>How good the lists are</h1>"
    yield (
        f'<p class="what">Streamer {escape(report.version)}, seeds {", ".join(map(str, report.seeds))}, '
        f"{report.users:,} users a world, "
        f"95 % intervals from {report.resamples} resamples of users. Made in {report.seconds:.0f} s by "
        f"<code>{escape(report.command)}</code></p>"
    )
    yield "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in report.contenders.items()) + "</dl>"
    for world in report.worlds:
        yield from _world(world)
    for each in report.sets:
        yield from _set(each)
    yield from _meanings()
    yield "</html>"


def _world(world: WorldReport) -> Iterator[str]:
    yield f"<h2>World {escape(world.name)}</h2>"
    yield f'<p class="what">{escape(world.what)}; {world.events:,} showings</p>'
    for group in world.groups:
        yield f"<h3>{group.name.capitalize()} users ({group.users})</h3>"
        yield '<div class="plots">'
        for kind, measure in zip(("tags", "creators"), KEY_MEASURES[0], strict=True):
            yield f"<figure><figcaption>Average precision, {kind}</figcaption>{_bars(group, measure)}</figure>"
        yield "</div>"
        if len(group.rows) > 1:
            title = f"average precision less that of {group.rows[0].label}, user by user: tags, creators"
            yield _table(title, group, KEY_MEASURES[0], against=True)
        for number, kind in enumerate(("tags", "creators")):
            yield _table(f"{kind} of {group.name} users", group, [pair[number] for pair in KEY_MEASURES])
        yield _table(f"serving {group.name} users", group, USER_MEASURES)
    for label, rows in world.reliability.items():
        yield f"<h3>Are the log odds of {escape(label)} what they say?</h3>"
        yield '<div class="plots">'
        for kind in ("tag", "creator"):
            own = [row for row in rows if row.kind == kind]
            yield f"<figure><figcaption>{kind}s</figcaption>{reliability([_point(row) for row in own])}</figure>"
        yield "</div>"


def _set(found: SetReport) -> Iterator[str]:
    yield f"<h2>Data set {escape(found.name)}</h2>"
    yield f'<p class="what">{escape(found.what)}</p>'
    if found.group is None:
        yield f"<p>Passed over: {escape(found.missing or '')}</p>"
        return
    yield f"<figure><figcaption>AUC, items</figcaption>{_bars(found.group, SET_MEASURES[0])}</figure>"
    yield _table(f"{found.group.users} users", found.group, SET_MEASURES)


def _meanings() -> Iterator[str]:
    yield "<h2>What the figures mean</h2><dl>"
    for measure in (*(pair[0] for pair in KEY_MEASURES), *USER_MEASURES, *SET_MEASURES):
        better = "more is better" if measure.more_is_better else "less is better"
        yield f"<dt>{escape(measure.head)}</dt><dd>{escape(measure.what)} ({better})</dd>"
    yield "</dl>"


def _bars(group: Group, measure: Measure) -> str:
    found = [
        Bar(row.label, each.value, each.low, each.high, value_in_words(each.value, measure.unit), number == 0)
        for number, row in enumerate(group.rows)
        if (each := row.figures.get(measure.name)) is not None
    ]
    return bars(found)


def _point(row: Reliability) -> Point:
    title = f"{row.keys:,} keys: predicted {row.predicted:.1%}, truly disliked {row.disliked.value:.1%}"
    return Point(row.predicted, row.disliked.value, row.disliked.low, row.disliked.high, title)


def _table(caption: str, group: Group, measures: Sequence[Measure], *, against: bool = False) -> str:
    head = "".join(f'<th title="{escape(measure.what)}">{escape(measure.head)}</th>' for measure in measures)
    rows = []
    for row in group.rows[against:]:
        cells = []
        for measure in measures:
            found = (row.against if against else row.figures).get(measure.name)
            if found is None:
                cells.append("<td>–</td>")
                continue
            value, interval = value_in_words(found.value, measure.unit), interval_in_words(found, measure.unit)
            cells.append(f"<td>{value}<small>{interval}</small></td>")
        rows.append(f"<tr><td>{escape(row.label)}</td>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption><thead><tr><th>rule</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
