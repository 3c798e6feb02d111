"""Routes that write: events, a no taken back, a user to be forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, cast

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from msgspec import Raw

from streamer.errors import UNREADABLE, InvalidEvent
from streamer.events import EVENT_TYPES, Dislike, Erasure, Event, EventDecoder
from streamer.service.answers import json_answer
from streamer.service.backends import Backends
from streamer.service.guard import needs
from streamer.service.problems import RETRY_AFTER_S, problem, sayable
from streamer.service.reading import Body
from streamer.service.shapes import Asked, EventError, EventsAnswer, EventsRequest, UndoRequest
from streamer.service.users import UserId
from streamer.sinks.keys import is_reserved

_AWAY: Final = "Kafka does not have it, as far as is known: send it again, repeats do no harm"
_fields: Final = msgspec.json.Decoder(dict[str, Raw])


def router(backends: Backends) -> APIRouter:
    """The routes, over Kafka alone."""
    routes = APIRouter(prefix="/v1", tags=["events"])
    future_ms = round(backends.settings.max_future * 1000)
    decoders = {topic: EventDecoder(topic, future_ms) for topic in EVENT_TYPES}
    needs_write, needs_erase, body = Depends(needs("write")), Depends(needs("erase")), Body(EventsRequest)

    @routes.post(
        "/events", status_code=202, response_model=EventsAnswer, operation_id="sendEvents", dependencies=[needs_write],
        openapi_extra=body.documented,
    )  # fmt: skip
    async def events(request: Request) -> Response:
        """Sends events; answers when Kafka has them. 202: all that are valid; 422: none is; 503: try those again."""
        return await _send(backends, decoders, (await body.of(request)).events)

    @routes.post(
        "/users/{user_id}/undo", status_code=202, response_model=Asked, operation_id="undo", dependencies=[needs_write]
    )
    async def undo(user_id: UserId, asked: UndoRequest) -> Response:
        """Takes back a no to a content, creator or tag."""
        ts = backends.now_ms()
        await _deliver(backends, _undo(user_id, asked, ts))
        return _asked(user_id, ts, "taken back; the list follows within a second")

    @routes.delete(
        "/users/{user_id}", status_code=202, response_model=Asked, operation_id="eraseUser", dependencies=[needs_erase]
    )
    async def erase(user_id: UserId) -> Response:
        """Asks the workers to forget all that is known of a user up to now; `streamer erase` confirms it."""
        ts = backends.now_ms()
        await _deliver(backends, Erasure(user_id, ts))
        return _asked(user_id, ts, "asked: workers forget the user with their next checkpoint")

    return routes


async def _deliver(backends: Backends, record: Event | Erasure) -> None:
    for error in await backends.deliver([record]):
        if error is not None:
            raise error


async def _send(backends: Backends, decoders: Mapping[str, EventDecoder], asked: list[Raw]) -> Response:
    valid: list[tuple[int, Event]] = []
    errors: list[EventError] = []
    now_ms = backends.now_ms()
    for index, raw in enumerate(asked):
        try:
            valid.append((index, _event(decoders, raw, now_ms)))
        except InvalidEvent as error:
            errors.append(EventError(index=index, code=error.code, detail=sayable(error.detail)))
    acks = await backends.deliver([event for _, event in valid]) if valid else []
    away = [index for (index, _), ack in zip(valid, acks, strict=True) if ack is not None]
    errors += [EventError(index=index, code="unavailable", detail=_AWAY, retry=True) for index in away]
    accepted = len(valid) - len(away)
    found = [error.model_dump() for error in sorted(errors, key=lambda error: error.index)]
    if away:
        return problem(503, _AWAY, {"Retry-After": str(RETRY_AFTER_S)}, accepted=accepted, errors=found)
    if not accepted:
        return problem(422, "none of the events is valid", accepted=0, errors=found)
    return json_answer({"accepted": accepted, "errors": found}, HTTPStatus.ACCEPTED)


def _event(decoders: Mapping[str, EventDecoder], raw: Raw, now_ms: int) -> Event:
    try:
        fields = _fields.decode(raw)
        topic = msgspec.json.decode(fields.pop("topic", b"null"))
    except msgspec.ValidationError as error:
        raise InvalidEvent("not_an_object", str(error)) from None
    except UNREADABLE as error:
        raise InvalidEvent("malformed_json", str(error)) from None
    if not isinstance(topic, str) or topic not in decoders:
        raise InvalidEvent("unknown_value", f"topic: one of {', '.join(decoders)}")
    unknown = sorted(fields.keys() - set(EVENT_TYPES[topic].__struct_fields__))
    if unknown:
        raise InvalidEvent("unknown_value", f"no such field of {topic}: {', '.join(unknown)[:200]}")
    if bytes(fields.get("ts", b"null")) == b"null":
        fields["ts"] = Raw(b"%d" % now_ms)
    event = cast(Event, decoders[topic].decode(None, msgspec.json.encode(fields), now_ms))
    if is_reserved(event.user_id):
        raise InvalidEvent("out_of_range", "user_id: this is the name of a default list, nobody's id")
    return event


def _undo(user_id: str, asked: UndoRequest, ts: int) -> Dislike:
    if asked.scope == "content":
        return Dislike(user_id=user_id, ts=ts, action="undo", content_id=asked.value)
    if asked.scope == "creator":
        return Dislike(user_id=user_id, ts=ts, action="undo", scope="creator", creator_id=asked.value)
    return Dislike(user_id=user_id, ts=ts, action="undo", scope="tag", tag=asked.value)


def _asked(user_id: str, ts: int, status: str) -> Response:
    return json_answer({"user_id": user_id, "ts": ts, "status": status}, HTTPStatus.ACCEPTED)
