"""The page of everybody: how people behave at large, what most dislike, and what newcomers are spared."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from fastapi import APIRouter, Depends, Request, Response

from streamer.engine.kafka.scan import scanner
from streamer.engine.population.aggregator import announced
from streamer.engine.population.announcement import Announcement
from streamer.engine.population.snapshots import is_stale
from streamer.population import health
from streamer.population.defaults import ALL
from streamer.scoring import document
from streamer.scoring.buckets import ALL_EDGES
from streamer.scoring.priors import Priors
from streamer.service.backends import Backends
from streamer.service.console import words
from streamer.service.console.gate import needs
from streamer.service.console.pages import Pages
from streamer.service.problems import Problem
from streamer.settings import Settings

_MOST: Final = 20
"""Tags, and creators, that are named; most disliked first."""
_PATIENCE_S: Final = 15.0
_COHORT: Final = "~cohort:"


class Newcomers(NamedTuple):
    """What newcomers of one kind are spared.

    Attributes:
        who: they are.
        cards: what.
    """

    who: str
    cards: list[words.Card]


def router(pages: Pages, backends: Backends) -> APIRouter:
    """The route."""
    routes = APIRouter(dependencies=[Depends(needs("read"))])

    @routes.get("/population")
    async def population(request: Request) -> Response:
        settings, now_ms = backends.settings, backends.now_ms()
        found = await _announced(settings) if settings.population else Announcement()
        known = found.priors
        return pages(
            request, "population", is_on=settings.population, known=known,
            share=max(settings.population_share, known.share),
            is_old=bool(known.version) and is_stale(known.as_of, now_ms, settings),
            tags=_most(known.tags, known), creators=_most(known.creators, known), lengths=_lengths(known),
            hooks=[health.decode(raw) for raw in found.health.values()], newcomers=_newcomers(found.lists, now_ms),
        )  # fmt: skip

    return routes


async def _announced(settings: Settings) -> Announcement:
    try:
        async with asyncio.timeout(_PATIENCE_S), scanner(settings, "the population's figures") as topics:
            return await announced(topics, settings)
    except TimeoutError:
        detail = f"The figures were not read within {_PATIENCE_S:g} s: try again later."
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "10"}) from None


def _most(rates: Mapping[str, float], known: Priors) -> list[tuple[str, float]]:
    """Those that more people dislike than most others, the most disliked first."""
    above = [(name, rate) for name, rate in rates.items() if rate > known.prior]
    return sorted(above, key=lambda each: (-each[1], each[0]))[:_MOST]


def _lengths(known: Priors) -> list[tuple[str, float]]:
    """How often people leave early, by length."""
    if not known.abandonments:
        return []
    names = [f"up to {words.length(edge)}" if edge else f"over {words.length(ALL_EDGES[-2])}" for edge in ALL_EDGES]
    return list(zip(names, known.abandonments, strict=True))


def _newcomers(lists: Mapping[bytes, bytes], now_ms: int) -> list[Newcomers]:
    found = []
    for name, raw in sorted(lists.items()):
        of, entries = name.decode(errors="replace"), document.decode(raw).entries
        who = "All newcomers" if of == ALL else f"Newcomers of the group “{of.removeprefix(_COHORT)}”"
        cards = [card for entry in entries if (card := words.card_of(entry, now_ms, own=False)) is not None]
        found.append(Newcomers(who, cards))
    return found
