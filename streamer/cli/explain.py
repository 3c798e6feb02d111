"""``streamer explain USER VALUE``: the counts behind one entry, or what is missing for one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.cli.options import as_text, options_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from streamer.engine.state.store import PartitionStore
    from streamer.explaining.explanation import ExplainedKind, KeyExplanation
    from streamer.profile import Profile, Rules
    from streamer.settings import Settings

_LEGEND = (
    "\nTo read this: seen, starts, left (early), engaged and ignored are counts of items; sess. are the sessions in "
    "which it was seen and not chosen. Expected are the engagements that this user's own habits foresee for something "
    "they are indifferent to, came are those that there were. Said is what they stated: above 0 against it, below 0 "
    "for it. Weight is what a day still counts for: half after {half_life_days:g} days. Log odds of 0 mean a "
    "probability of 50%, and each +1 multiplies the odds by 2.7. More words: docs/glossary.md"
)


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(explain)


def explain(
    ctx: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.", callback=as_text)],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="A tag, a creator id, a content id, or 'duration'.")],
    kind: Annotated[
        str | None,
        typer.Option(metavar="tag|creator|content|duration", help="What VALUE is; default: whatever is known of it."),
    ] = None,
) -> None:
    """Show the counts behind one entry by day, and for what is not listed, what is missing.

    Reads the workers' state from Kafka as they last saved it: what happened in the seconds since is not in it.
    """
    from rich.console import Console

    from streamer.engine.state.lookup import profile_in, saved_state
    from streamer.events import normal_tag
    from streamer.explaining.explanation import KINDS, explain_key
    from streamer.producing.topics import require

    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="--kind")
    settings = options_of(ctx).settings()
    require(settings)
    console = Console(highlight=False)
    with console.status(f"looking for {user} in {settings.topics.state} and {settings.topics.journal}"):
        rules = asyncio.run(_rules(settings))
        store = asyncio.run(saved_state(settings, user))
    profile = None if store is None else profile_in(store, user, rules)
    if store is None or profile is None or profile.empty:
        typer.echo(f"The workers have saved nothing about {user!r}: no events yet, forgotten, or erased.", err=True)
        raise typer.Exit(1)
    asked: list[ExplainedKind] = [each for each in KINDS if kind in (None, each)]
    if kind is None and value != "duration":
        asked.remove("duration")
    found = [explain_key(profile, each, normal_tag(value) if each == "tag" else value) for each in asked]
    told = [explanation for explanation in found if explanation.known]
    _show_user(console, profile, store)
    for explanation in told:
        _show(console, explanation, settings.half_life_days)
    if any(explanation.scored is not None for explanation in told):
        console.print(_LEGEND.format(half_life_days=settings.half_life_days), style="dim", markup=False)
    if not told:
        names = " or ".join(asked)
        console.print(
            f"\nNothing is known of {value!r} as a {names} of this user: in the window it was never really seen, "
            "played, rated or spoken of.",
            markup=False,
        )


async def _rules(settings: Settings) -> Rules:
    """The rules of a worker started now: with the snapshot that it would go by."""
    from streamer.clock import wall_ms
    from streamer.engine.metrics import Metrics
    from streamer.engine.population.snapshots import SnapshotFollower
    from streamer.profile import Rules

    rules = Rules(settings)
    if settings.population:
        await SnapshotFollower(rules, settings, Metrics(), wall_ms).refresh()
    return rules


def _show_user(console: Console, profile: Profile, store: PartitionStore) -> None:
    from streamer.events import DAY_MS
    from streamer.explaining.words import moment
    from streamer.profile.baseline import Baseline

    saved = (
        ""
        if store.mark is None or store.mark.watermark < 0
        else f"; saved, with all events up to {moment(store.mark.watermark)}"
    )
    console.print(f"{profile.user_id}: newest event {moment(max(0, profile.newest))}{saved}", markup=False)
    baseline = Baseline(profile.rollup, profile.newest // DAY_MS, profile.rules)
    console.print(
        f"starts {baseline.rate():.0%} of what they examine, and leaves {baseline.abandon_chance(None):.0%} of that "
        "early: expected engagements are counted from these",
        markup=False,
    )
    if profile.rules.priors.version:
        known = profile.rules.priors
        console.print(
            f"judged by everybody's rates of {moment(known.as_of)} (snapshot {known.version}): people start "
            f"{known.start_rate:.0%} and leave {known.abandonment:.0%} of that early",
            markup=False,
        )


def _show(console: Console, explanation: KeyExplanation, half_life_days: float) -> None:
    from streamer.clock import wall_ms
    from streamer.explaining.words import relative
    from streamer.serving.decay import multiplier_at
    from streamer.serving.words import effect_in_words, reasons_in_words

    console.print(f"\n{explanation.kind} {explanation.value}", style="bold", markup=False)
    now_ms = wall_ms()
    for entry in explanation.entries:
        ends = "until undone" if entry.expires_at is None else f"ends {relative(entry.expires_at, now_ms)}"
        effect = effect_in_words(entry, multiplier_at(entry, now_ms))
        console.print(
            f"listed: {entry.tier}, {effect}, {ends}, because {reasons_in_words(entry)}",
            markup=False,
        )
    for line in explanation.said:
        console.print(f"said {line}", markup=False)
    if explanation.days:
        console.print(_table(explanation, half_life_days))
    if explanation.scored is not None:
        console.print(_score(explanation), markup=False)
    for line in explanation.details:
        console.print(line, markup=False)
    for line in explanation.missing:
        console.print(f"not listed: {line}", markup=False)


def _score(explanation: KeyExplanation) -> str:
    from streamer.scoring.entries import iso_day
    from streamer.scoring.score import LISTED, STRONG, sigmoid

    scored = explanation.scored
    assert scored is not None
    return (
        f"As of {iso_day(scored.last_day)} {scored.expected:.2f} engagements were expected and "
        f"{scored.observed:.2f} came; what they said weighs {scored.explicit:+.2f}. So it is disliked with a "
        f"probability of {sigmoid(scored.log_odds):.0%}: log odds {scored.log_odds:+.2f}; listed from {LISTED:+.1f}, "
        f"strong from {STRONG:+.1f}"
    )


def _table(explanation: KeyExplanation, half_life_days: float) -> Table:
    from rich import box
    from rich.table import Table

    from streamer.scoring.entries import iso_day, total_of

    judged = explanation.kind != "content"
    names = ["day", "seen", "starts", "left", "engaged", "ignored", "sess."]
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_footer=True)
    total = total_of(explanation.days)
    sums = ["all", total.shown, total.started, total.abandoned, total.engaged, total.ignored, total.sessions]
    for name, footer in zip(names, sums, strict=True):
        table.add_column(name, str(footer), justify="left" if name == "day" else "right", no_wrap=True)
    if judged:
        for name, amount in (("expected", total.e), ("came", total.o), ("said", total.ld)):
            table.add_column(name, f"{amount / 1e6:.2f}", justify="right", no_wrap=True)
        table.add_column("weight", justify="right", no_wrap=True)
    last_day = explanation.days[-1][0] if explanation.scored is None else explanation.scored.last_day
    for day, cell in explanation.days:
        counts = (cell.shown, cell.started, cell.abandoned, cell.engaged, cell.ignored, cell.sessions)
        row = [iso_day(day), *(str(count) if count else "·" for count in counts)]
        if judged:
            row += [f"{amount / 1e6:.2f}" if amount else "·" for amount in (cell.e, cell.o, cell.ld)]
            row.append(f"{2 ** ((day - last_day) / half_life_days):.2f}")
        table.add_row(*row)
    return table
