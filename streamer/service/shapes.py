"""What requests and answers look like, for checking the former and documenting both (OpenAPI)."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Raw, Struct
from pydantic import BaseModel, ConfigDict, Field

from streamer.events import EVENT_TYPES, Scope, Text
from streamer.events.schemas import RULES, Schema, schema_of
from streamer.scoring.document import Tier
from streamer.serving import Candidate
from streamer.serving.rules import Source

Id = Annotated[str, Field(min_length=1, max_length=256)]
MOST_CANDIDATES = 10_000
MOST_USERS = 1_000
MOST_EVENTS = 1_000


class Shape(BaseModel):
    """A JSON object without other fields than these."""

    model_config = ConfigDict(extra="forbid", strict=False)


class Scoring(Struct, forbid_unknown_fields=True, kw_only=True):
    """What to score, and where it would be shown.

    ``relevance``: the recommender's scores, none below 0 (a penalty would raise it), in the order of the candidates;
    without them all are 1. ``context``: for example ``{"daypart": "morning", "device": "tv"}``. ``explore``: false is
    without discovery, to explain or to test. ``reasons``: false is without them, which is cheaper.
    """

    candidates: Annotated[list[Candidate], Meta(max_length=MOST_CANDIDATES)]
    relevance: Annotated[list[Annotated[float, Meta(ge=0)]], Meta(max_length=MOST_CANDIDATES)] | None = None
    context: Annotated[dict[Text, Text], Meta(max_length=16)] | None = None
    explore: bool = True
    reasons: bool = True


class ScoreRequest(Scoring, forbid_unknown_fields=True, kw_only=True):
    """Candidates for one user; ``cohort`` is of somebody of whom nothing else is known."""

    cohort: Text | None = None


class UserIn(Struct, forbid_unknown_fields=True):
    """One of many users; ``cohort`` as for one."""

    user_id: Text
    cohort: Text | None = None


class ManyScoresRequest(Scoring, forbid_unknown_fields=True, kw_only=True):
    """The same candidates for many users."""

    users: Annotated[list[UserIn], Meta(max_length=MOST_USERS)]


class Scored(BaseModel):
    """A candidate: ``penalty`` is the factor for its relevance, 0 excludes; ``score`` their product."""

    content_id: str
    penalty: float
    score: float
    reasons: list[str] = []
    discovery: bool = False


class ScoreAnswer(BaseModel):
    """``items`` in the order of the candidates; ``order`` their numbers, best first, without those excluded; ``source``
    whose list it was: the user's, their cohort's, everybody's default, or none."""

    user_id: str
    source: Source
    items: list[Scored]
    order: list[int]


class ManyScoresAnswer(BaseModel):
    """One answer for each user, in their order."""

    users: list[ScoreAnswer]


class ListAnswer(BaseModel):
    """A user's list; ``document`` is as in docs/spec.md §9, null if nothing is known."""

    user_id: str
    source: Source
    document: dict[str, object] | None


def _event(topic: str, kind: type) -> Schema:
    """Such an event as the service takes it: it names its topic, and may leave out ``ts``."""
    made = schema_of(topic, kind, RULES.get(kind, []))
    required = ["topic", *(name for name in made["required"] if name != "ts")]
    return {
        **{name: value for name, value in made.items() if not name.startswith("$")},
        "properties": {"topic": {"const": topic}, **made["properties"]},
        "required": required,
        "additionalProperties": False,
    }


EVENT: Final[Schema] = {"oneOf": [_event(topic, kind) for topic, kind in EVENT_TYPES.items()]}


class EventsRequest(Struct, forbid_unknown_fields=True):
    """Events, each with its ``topic`` and the fields of that; ``ts`` (ms since 1970) may be left out for now."""

    events: Annotated[
        list[Raw],
        Meta(min_length=1, max_length=MOST_EVENTS, extra_json_schema={"items": EVENT}),
    ]


class EventError(BaseModel):
    """Why one event was not taken: ``index`` is its place in the request, ``retry`` whether to send it again."""

    index: int
    code: str
    detail: str
    retry: bool = False


class EventsAnswer(BaseModel):
    """How many events Kafka has, and what is wrong with the others."""

    accepted: int
    errors: list[EventError] = []


class UndoRequest(Shape):
    """What is taken back: a no to a content, creator or tag."""

    scope: Scope
    value: Id


class Asked(BaseModel):
    """What was asked of the workers, and when (ms)."""

    user_id: str
    ts: int
    status: str


class EntryInWords(BaseModel):
    """One entry of a list: its effect now, why, and until when (ms; null: until undone)."""

    target: str
    tier: Tier
    effect: str
    why: str
    evidence: str
    until: int | None


class KeyInWords(BaseModel):
    """Why one thing is listed, or what it lacks."""

    kind: str
    value: str
    listed: list[EntryInWords]
    said: list[str]
    missing: list[str]
    details: list[str]


class ExplainAnswer(BaseModel):
    """A list in words; ``asked`` is about the value that was asked for."""

    user_id: str
    source: Source
    entries: list[EntryInWords]
    asked: list[KeyInWords] = []


class ExportAnswer(BaseModel):
    """What is held of a user: the document in Redis, and the state that workers have saved."""

    user_id: str
    document: dict[str, object] | None
    state: dict[str, object] | None
