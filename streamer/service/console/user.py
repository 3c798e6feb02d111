"""The page of a user: the list, why something is on it or not, what it does to an item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response
from markupsafe import Markup

from streamer.explaining.explanation import KINDS, ExplainedKind, KeyExplanation, explain_value
from streamer.profile import Profile
from streamer.profile.view.view import days_of, plays_in
from streamer.service.backends import Backends
from streamer.service.console import drawing, words
from streamer.service.console.gate import needs
from streamer.service.console.pages import Pages
from streamer.service.console.search import Search
from streamer.service.saved import Saved
from streamer.service.users import checked
from streamer.serving import AvoidList, Candidate

Text = Annotated[str, Query(max_length=256)]
Kind = Annotated[ExplainedKind | None, Query()]
_MOST_LENGTH_S: Final = 1e9


class Asked(NamedTuple):
    """Why something is on a list, or is not.

    Attributes:
        found: what is known of it.
        lengths: leaving early by length, if that was asked about.
    """

    found: list[KeyExplanation]
    lengths: Markup


class Past(NamedTuple):
    """What workers have saved of a user, drawn.

    Attributes:
        days: by kind and value of each entry, its days.
        lengths: leaving early by length.
    """

    days: Mapping[tuple[str, str], Markup]
    lengths: Markup


class Tried(NamedTuple):
    """What a list does to an item.

    Attributes:
        verdict: in words.
        cards: the entries that it meets.
        passed: whether it is shown today all the same.
    """

    verdict: str
    cards: list[words.Card]
    passed: bool


def router(pages: Pages, backends: Backends, saved: Saved) -> APIRouter:
    """The route; questions are parameters of it, so that each answer has an address."""
    routes = APIRouter(dependencies=[Depends(needs("read"))])
    search = Search(backends.settings)

    @routes.get("/user")
    async def user(
        request: Request,
        id: Text = "",  # noqa: A002 - the address says it
        cohort: Text = "",
        past: bool = False,
        ask: Text = "",
        kind: Annotated[str, Query(pattern="^(|tag|creator|content|duration)$")] = "",
        item: Text = "",
        creator: Text = "",
        tags: Annotated[str, Query(max_length=4096)] = "",
        length_s: Annotated[str, Query(max_length=20)] = "",
        daypart: Text = "",
        device: Text = "",
    ) -> Response:
        if not id:
            return pages(request, "search", id="", known=await search.beginning_with(""))
        checked(id)
        found = await backends.reader.get(id, cohort or None)
        now_ms = backends.now_ms()
        asked = None
        if ask or kind == "duration":
            asked = await saved.read(id, lambda profile: _explained(profile, kind, ask))
            asked = Asked([], Markup()) if asked is None else asked
        tried = None
        if item or creator or tags or length_s:
            tried = _tried(found, now_ms, item, creator, tags, length_s, daypart, device)
        like = [] if found.source == "user" else await search.beginning_with(id)
        entries = () if found.document is None else found.document.entries
        return pages(
            request, "user", id=id, cohort=cohort, source=found.source, document=found.document, now_ms=now_ms,
            groups=words.groups(entries, now_ms, found.source == "user"), decay=drawing.decay, card_of=words.card_of,
            past=await saved.read(id, lambda profile: _past(profile, now_ms)) if past else None, asks_past=past,
            ask=ask, kind=kind, asked=asked, tried=tried, item=item, creator=creator, tags=tags, length_s=length_s,
            daypart=daypart, device=device, known=[each for each in like if each != id],
        )  # fmt: skip

    return routes


def _explained(profile: Profile, kind: str, value: str) -> Asked:
    kinds: list[ExplainedKind] = [each for each in KINDS if kind == each or (not kind and each != "duration")]
    lengths = _lengths(profile) if kind == "duration" else Markup()
    return Asked(explain_value(profile, kinds, value or "any"), lengths)


def _past(profile: Profile, now_ms: int) -> Past:
    document = profile.document()
    entries = () if document is None else document.entries
    days: dict[tuple[str, str], Markup] = {
        (entry.kind, str(entry.value)): drawing.history(days_of(profile, entry.kind, str(entry.value)), now_ms)
        for entry in entries
        if entry.kind != "duration"
    }
    return Past(days, _lengths(profile))


def _lengths(profile: Profile) -> Markup:
    document = profile.document()
    entries = () if document is None else document.entries
    cap = next((int(entry.value) for entry in entries if entry.kind == "duration"), None)
    return drawing.by_length(plays_in(profile), cap)


def _tried(
    found: AvoidList, now_ms: int, item: str, creator: str, tags: str, length_s: str, daypart: str, device: str
) -> Tried:
    try:
        duration_s = float(length_s) if length_s else None
    except ValueError:
        duration_s = None
    if duration_s is not None and not 0 < duration_s <= _MOST_LENGTH_S:
        duration_s = None
    named = tuple(tag for tag in tags.split(",") if tag.strip())
    candidate = Candidate(item, creator or None, named, duration_s)
    context = {name: value for name, value in (("daypart", daypart), ("device", device)) if value}
    told = found.explain(candidate, now_ms, context=context)
    plain = found.penalty(candidate, now_ms, context=context, explore=False)
    cards = [words.card_of(match.entry, now_ms, found.source == "user") for match in told.matches]
    verdict = (
        "It would be left out."
        if plain == 0
        else "It would be ranked as usual: nothing on the list is about it."
        if not told.matches
        else f"It would be ranked at {plain:.0%} of what it would be."
    )
    return Tried(verdict, [card for card in cards if card is not None], told.discovery and plain > 0)
