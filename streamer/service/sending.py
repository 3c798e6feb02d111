"""Routes that write: events, a no taken back, a user to be forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

import orjson
from fastapi import APIRouter, Depends, Response

from streamer.errors import InvalidEvent
from streamer.events import EVENT_TYPES, Dislike, Event, EventDecoder
from streamer.service.backends import Backends
from streamer.service.guard import Guard
from streamer.service.lists import UserId
from streamer.service.problems import RETRY_AFTER_S, problem
from streamer.service.shapes import Asked, EventError, EventsAnswer, EventsRequest, UndoRequest


def router(backends: Backends, guard: Guard) -> APIRouter:
    """The routes, over Kafka alone."""
    routes = APIRouter(prefix="/v1", tags=["events"])
    decoders = {topic: EventDecoder(topic, round(backends.settings.max_future * 1000)) for topic in EVENT_TYPES}
    needs_write, needs_erase = Depends(guard.needs("write")), Depends(guard.needs("erase"))

    @routes.post(
        "/events", status_code=202, response_model=EventsAnswer, operation_id="sendEvents", dependencies=[needs_write]
    )  # fmt: skip
    async def events(asked: EventsRequest) -> Response:
        """Sends events; answers when Kafka has them. 202: all that are valid; 422: none is; 503: try those again."""
        return await _send(backends, decoders, asked)

    @routes.post(
        "/users/{user_id:path}/undo", status_code=202, response_model=Asked, operation_id="undo",
        dependencies=[needs_write],
    )  # fmt: skip
    async def undo(user_id: UserId, asked: UndoRequest) -> Response:
        """Takes back a no to a content, creator or tag."""
        ts = backends.now_ms()
        event = _undo(user_id, asked, ts)
        for error in await backends.deliver([event]):
            if error is not None:
                raise error
        return _asked(user_id, ts, "taken back; the list follows within a second")

    @routes.delete(
        "/users/{user_id:path}", status_code=202, response_model=Asked, operation_id="eraseUser",
        dependencies=[needs_erase],
    )  # fmt: skip
    async def erase(user_id: UserId) -> Response:
        """Asks the workers to forget all that is known of a user up to now; `streamer erase` confirms it."""
        ts = backends.now_ms()
        await backends.erase(user_id, ts)
        return _asked(user_id, ts, "asked: workers forget the user with their next checkpoint")

    return routes


async def _send(backends: Backends, decoders: Mapping[str, EventDecoder], asked: EventsRequest) -> Response:
    valid: list[tuple[int, Event]] = []
    errors: list[EventError] = []
    now_ms = backends.now_ms()
    for index, fields in enumerate(asked.events):
        try:
            valid.append((index, _event(decoders, fields, now_ms)))
        except InvalidEvent as error:
            errors.append(EventError(index=index, code=error.code, detail=error.detail))
    acks = await backends.deliver([event for _, event in valid]) if valid else []
    away = [index for (index, _), ack in zip(valid, acks, strict=True) if ack is not None]
    detail = "Kafka does not have it, as far as is known: send it again, repeats do no harm"
    errors += [EventError(index=index, code="unavailable", detail=detail, retry=True) for index in away]
    accepted = len(valid) - len(away)
    found = [error.model_dump() for error in sorted(errors, key=lambda error: error.index)]
    if away:
        return problem(503, detail, {"Retry-After": str(RETRY_AFTER_S)}, accepted=accepted, errors=found)
    if not accepted:
        return problem(422, "none of the events is valid", accepted=0, errors=found)
    return _json({"accepted": accepted, "errors": found}, HTTPStatus.ACCEPTED)


def _event(decoders: Mapping[str, EventDecoder], fields: dict[str, object], now_ms: int) -> Event:
    topic = fields.get("topic")
    if not isinstance(topic, str) or topic not in decoders:
        raise InvalidEvent("unknown_value", f"topic: one of {', '.join(decoders)}")
    body = {"ts": now_ms, **fields}
    del body["topic"]
    unknown = sorted(body.keys() - set(EVENT_TYPES[topic].__struct_fields__))
    if unknown:
        raise InvalidEvent("unknown_value", f"no such field of {topic}: {', '.join(unknown)[:200]}")
    try:
        raw = orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise InvalidEvent("out_of_range", str(error)) from None
    return cast(Event, decoders[topic].decode(None, raw, now_ms))


def _undo(user_id: str, asked: UndoRequest, ts: int) -> Dislike:
    if asked.scope == "content":
        return Dislike(user_id=user_id, ts=ts, action="undo", content_id=asked.value)
    if asked.scope == "creator":
        return Dislike(user_id=user_id, ts=ts, action="undo", scope="creator", creator_id=asked.value)
    return Dislike(user_id=user_id, ts=ts, action="undo", scope="tag", tag=asked.value)


def _asked(user_id: str, ts: int, status: str) -> Response:
    return _json({"user_id": user_id, "ts": ts, "status": status}, HTTPStatus.ACCEPTED)


def _json(body: object, status: HTTPStatus) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
