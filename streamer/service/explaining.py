"""Routes that explain: a list in words, what one value lacks for it, and all that is held of a user."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from http import HTTPStatus
from typing import Annotated, Final, TypeVar

import orjson
from fastapi import APIRouter, Depends, Query, Response

from streamer.engine.metrics import Metrics
from streamer.engine.population.snapshots import SnapshotFollower
from streamer.engine.state.lookup import profile_in, saved_state
from streamer.events import normal_tag
from streamer.explaining.explanation import KINDS, ExplainedKind, KeyExplanation, explain_key
from streamer.explaining.held import Plain, held
from streamer.profile import Rules
from streamer.scoring.document import Entry, encode
from streamer.service.answers import json_answer
from streamer.service.backends import Backends
from streamer.service.guard import needs
from streamer.service.lists import Cohort
from streamer.service.problems import Problem
from streamer.service.shapes import EntryInWords, ExplainAnswer, ExportAnswer, KeyInWords
from streamer.service.users import UserId
from streamer.serving.decay import multiplier_at
from streamer.serving.words import effect_in_words, evidence_in_words, reasons_in_words, target_in_words

T = TypeVar("T")
LOOKUP_S: Final = 30.0
"""Until looking for a user's state in Kafka is given up."""
_AT_A_TIME: Final = 2
"""Such look-ups read whole partitions."""


class Saved:
    """What workers have saved of users, looked for in Kafka.

    Args:
        backends: whose deployment it is.
    """

    def __init__(self, backends: Backends) -> None:
        self._settings = backends.settings
        self._now_ms = backends.now_ms
        self._room = asyncio.Semaphore(_AT_A_TIME)

    async def held(self, user_id: str) -> dict[str, Plain] | None:
        """All that is saved of the user, None if there is nothing; raises as :meth:`explain`."""
        store = await self._in_time(saved_state(self._settings, user_id))
        return None if store is None else await asyncio.to_thread(held, store, user_id)

    async def explain(self, user_id: str, kinds: Sequence[ExplainedKind], value: str) -> list[KeyExplanation]:
        """What is known of a value.

        Raises:
            Problem: it was not found in time.
            BrokerUnavailable, StateError: it cannot be read.
        """
        return await self._in_time(self._explain(user_id, kinds, value))

    async def _explain(self, user_id: str, kinds: Sequence[ExplainedKind], value: str) -> list[KeyExplanation]:
        store = await saved_state(self._settings, user_id)
        if store is None:
            return []
        rules = Rules(self._settings)
        if self._settings.population:
            await SnapshotFollower(rules, self._settings, Metrics(), self._now_ms).refresh()

        def explained() -> list[KeyExplanation]:
            profile = profile_in(store, user_id, rules)
            found = [explain_key(profile, kind, normal_tag(value) if kind == "tag" else value) for kind in kinds]
            return [each for each in found if each.known] or found[:1]

        return await asyncio.to_thread(explained)

    async def _in_time(self, look: Coroutine[object, object, T]) -> T:
        try:
            async with asyncio.timeout(LOOKUP_S), self._room:
                return await look
        except TimeoutError:
            look.close()
            detail = f"the state was not read within {LOOKUP_S:g} s: try again later"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "10"}) from None


def router(backends: Backends) -> APIRouter:
    """The routes: lists are from Redis; what a value lacks, and what is held, from the workers' state in Kafka."""
    routes = APIRouter(prefix="/v1", tags=["explanations"])
    saved = Saved(backends)
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
