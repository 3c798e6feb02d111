"""Routes that explain: a list in words, what one value lacks for it, and all that is held of a user."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Response

from streamer.explaining.explanation import KINDS, ExplainedKind, KeyExplanation
from streamer.scoring.document import Entry, encode
from streamer.service.answers import json_answer
from streamer.service.backends import Backends
from streamer.service.guard import needs
from streamer.service.lists import Cohort
from streamer.service.problems import Problem
from streamer.service.saved import Saved
from streamer.service.shapes import EntryInWords, ExplainAnswer, ExportAnswer, KeyInWords
from streamer.service.users import UserId
from streamer.serving.decay import multiplier_at
from streamer.serving.words import effect_in_words, evidence_in_words, reasons_in_words, target_in_words


def router(backends: Backends, saved: Saved) -> APIRouter:
    """The routes: lists are from Redis; what a value lacks, and what is held, from the workers' state in Kafka."""
    routes = APIRouter(prefix="/v1", tags=["explanations"])
    needs_read, needs_erase = Depends(needs("read")), Depends(needs("erase"))

    @routes.get(
        "/users/{user_id}/explain", response_model=ExplainAnswer, operation_id="explain", dependencies=[needs_read]
    )
    async def explain(
        user_id: UserId,
        cohort: Cohort = None,
        value: Annotated[
            str | None, Query(min_length=1, max_length=256, description="a tag, creator or content, listed or not")
        ] = None,
        kind: Annotated[ExplainedKind | None, Query(description="of the value; default: whatever is known")] = None,
    ) -> Response:
        """The list in words; with a value also why it is listed or what it lacks (that reads Kafka: seconds)."""
        if value is None and kind not in (None, "duration"):
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "kind: of which value?")
        found = await backends.reader.get(user_id, cohort)
        now_ms = backends.now_ms()
        entries = () if found.document is None else found.document.entries
        kinds: list[ExplainedKind] = [each for each in KINDS if kind in (None, each) and (kind or each != "duration")]
        asked = [] if value is None and kind != "duration" else await saved.explain(user_id, kinds, value or "any")
        answer = ExplainAnswer(
            user_id=user_id,
            source=found.source,
            entries=_entries(entries, now_ms),
            asked=[_key(k, now_ms) for k in asked],
        )
        return Response(answer.model_dump_json(), media_type="application/json")

    @routes.get(
        "/users/{user_id}/export", response_model=ExportAnswer, operation_id="exportUser",
        dependencies=[needs_erase],
    )  # fmt: skip
    async def export(user_id: UserId) -> Response:
        """What is held of the user: the document in Redis, and what workers have saved (that reads Kafka). Events,
        rejects and labels stand in their topics, until these let go of them."""
        return json_answer(await _exported(backends, saved, user_id))

    return routes


async def _exported(backends: Backends, saved: Saved, user_id: str) -> dict[str, object]:
    found = await backends.reader.get(user_id)
    state = await saved.held(user_id)
    document = found.document if found.source == "user" else None
    return {
        "user_id": user_id,
        "document": None if document is None else orjson.Fragment(encode(document)),
        "state": state,
    }


def _entries(entries: Sequence[Entry], now_ms: int) -> list[EntryInWords]:
    standing = ((entry, multiplier_at(entry, now_ms)) for entry in entries)
    return [_entry(entry, multiplier) for entry, multiplier in standing if multiplier is not None]


def _entry(entry: Entry, multiplier: float) -> EntryInWords:
    return EntryInWords(
        target=target_in_words(entry),
        tier=entry.tier,
        effect=effect_in_words(entry, multiplier),
        why=reasons_in_words(entry),
        evidence=evidence_in_words(entry),
        until=entry.expires_at,
    )


def _key(found: KeyExplanation, now_ms: int) -> KeyInWords:
    return KeyInWords(
        kind=found.kind,
        value=found.value,
        listed=_entries(found.entries, now_ms),
        said=list(found.said),
        missing=list(found.missing),
        details=list(found.details),
    )
