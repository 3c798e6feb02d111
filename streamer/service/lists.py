"""Routes that read: a user's list, what it does to candidates, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from streamer.scoring.document import encode
from streamer.service.answers import json_answer
from streamer.service.backends import Backends
from streamer.service.guard import needs
from streamer.service.problems import Problem
from streamer.service.reading import Body
from streamer.service.shapes import (
    ListAnswer,
    ManyScoresAnswer,
    ManyScoresRequest,
    ScoreAnswer,
    ScoreRequest,
    Scoring,
)
from streamer.service.users import UserId, checked
from streamer.serving import AvoidList

Cohort = Annotated[str | None, Query(min_length=1, max_length=256, description="of somebody nothing is known of")]
MOST_PAIRS: Final = 100_000
"""Users times candidates of one request."""
_AT_ONCE: Final = 1_000
"""Candidates that are scored without a thread: some milliseconds."""


def router(backends: Backends) -> APIRouter:
    """The routes, over Redis alone."""
    routes = APIRouter(prefix="/v1", tags=["lists"], dependencies=[Depends(needs("read"))])

    @routes.get(
        "/users/{user_id}/avoid-list",
        response_model=ListAnswer,
        operation_id="getAvoidList",
        responses={304: {"description": "it is as it was"}},
    )
    async def avoid_list(
        user_id: UserId, cohort: Cohort = None, if_none_match: Annotated[str | None, Header()] = None
    ) -> Response:
        """The user's list, else their cohort's default, else everybody's; an ETag tells whether it has changed."""
        body = _list_body(await backends.reader.get(user_id, cohort))
        tag = f'"{sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private"}
        known = {each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")}
        if not known.isdisjoint((tag, "*")):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(body, headers=headers, media_type="application/json")

    one, many = Body(ScoreRequest), Body(ManyScoresRequest)

    @routes.post(
        "/users/{user_id}/score", response_model=ScoreAnswer, operation_id="score", openapi_extra=one.documented
    )
    async def score(user_id: UserId, request: Request) -> Response:
        """What the user's list does to candidates: penalties, reasons, and the order that follows."""
        asked = await one.of(request)
        _check(asked)
        found = await backends.reader.get(user_id, asked.cohort)
        return json_answer(await _apart(len(asked.candidates), partial(_scored, found, asked, backends.now_ms())))

    @routes.post("/score", response_model=ManyScoresAnswer, operation_id="scoreMany", openapi_extra=many.documented)
    async def score_many(request: Request) -> Response:
        """The same for many users at once."""
        return json_answer(await _many(backends, await many.of(request)))

    return routes


async def _many(backends: Backends, asked: ManyScoresRequest) -> dict[str, object]:
    _check(asked)
    if len(asked.users) * len(asked.candidates) > MOST_PAIRS:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"users times candidates may be {MOST_PAIRS}: ask for fewer at a time"
        )
    ids = [checked(user.user_id) for user in asked.users]
    if len(set(ids)) < len(ids):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "users: each once")
    cohorts = {user.user_id: user.cohort for user in asked.users if user.cohort is not None}
    found = await backends.reader.get_many(ids, cohorts)
    now_ms, size = backends.now_ms(), len(asked.candidates)
    return {"users": [await _apart(size, partial(_scored, found[user], asked, now_ms)) for user in ids]}


async def _apart(candidates: int, score: Callable[[], dict[str, object]]) -> dict[str, object]:
    """Scores; many candidates in a thread, lest all others wait."""
    if candidates <= _AT_ONCE:
        return score()
    return await asyncio.to_thread(score)


def _list_body(found: AvoidList) -> bytes:
    document = None if found.document is None else orjson.Fragment(encode(found.document))
    return orjson.dumps({"user_id": found.user_id, "source": found.source, "document": document})


def _check(asked: Scoring) -> None:
    if asked.relevance is not None and len(asked.relevance) != len(asked.candidates):
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"relevance: {len(asked.relevance)} numbers for {len(asked.candidates)} candidates",
        )


def _scored(found: AvoidList, asked: Scoring, now_ms: int) -> dict[str, object]:
    candidates, context = asked.candidates, asked.context
    listed = found.penalties(candidates, now_ms, context=context, explore=False)
    penalties = found.penalties(candidates, now_ms, context=context) if asked.explore else listed
    relevance = [1.0] * len(candidates) if asked.relevance is None else asked.relevance
    scores = [penalty * by for penalty, by in zip(penalties, relevance, strict=True)]
    items: list[dict[str, object]] = []
    for item, penalty, score, without in zip(candidates, penalties, scores, listed, strict=True):
        told: dict[str, object] = {"content_id": item.content_id, "penalty": penalty, "score": score}
        if without < 1.0:
            told["discovery"] = penalty == 1.0
            if asked.reasons:
                told["reasons"] = [str(match) for match in found.explain(item, now_ms, context=context).matches]
        items.append(told)
    order = sorted((n for n, penalty in enumerate(penalties) if penalty > 0), key=lambda n: -scores[n])
    return {"user_id": found.user_id, "source": found.source, "items": items, "order": order}
