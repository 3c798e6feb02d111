"""What requests and answers look like, for checking the former and documenting both (OpenAPI)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from streamer.events import EVENT_TYPES, Scope
from streamer.events.schemas import RULES, Schema, schema_of

Id = Annotated[str, Field(min_length=1, max_length=256)]
Tag = Annotated[str, Field(max_length=256)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Context = Annotated[dict[Id, Id], Field(max_length=16)]
MOST_CANDIDATES = 10_000
MOST_USERS = 1_000


class Shape(BaseModel):
    """A JSON object without other fields than these."""

    model_config = ConfigDict(extra="forbid", strict=False)


class CandidateIn(Shape):
    """An item that could be recommended."""

    content_id: Id
    creator_id: Id | None = None
    tags: Annotated[list[Tag], Field(max_length=64)] = []
    duration_s: Annotated[float, Field(gt=0, le=1e9)] | None = None
    context: Context | None = None


class Scoring(Shape):
    """What to score, and where it would be shown."""

    candidates: Annotated[list[CandidateIn], Field(max_length=MOST_CANDIDATES)]
    relevance: Annotated[list[Finite], Field(max_length=MOST_CANDIDATES)] | None = Field(
        None, description="the recommender's scores, in the order of the candidates; without them all are 1"
    )
    context: Context | None = Field(None, description='for example {"daypart": "morning", "device": "tv"}')
    explore: bool = Field(True, description="false: without discovery, for example to explain or to test")
    reasons: bool = Field(True, description="false: without reasons, which is cheaper")


class ScoreRequest(Scoring):
    """Of one user."""

    cohort: Id | None = Field(None, description="of somebody of whom nothing else is known")


class UserIn(Shape):
    """One of many users."""

    user_id: Id
    cohort: Id | None = None


class ManyScoresRequest(Scoring):
    """The same candidates for many users."""

    users: Annotated[list[UserIn], Field(max_length=MOST_USERS)]


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
    source: Literal["user", "cohort", "default", "none"]
    items: list[Scored]
    order: list[int]


class ManyScoresAnswer(BaseModel):
    """One answer for each user, in their order."""

    users: list[ScoreAnswer]


class ListAnswer(BaseModel):
    """A user's list; ``document`` is as in docs/spec.md §9, null if nothing is known."""

    user_id: str
    source: Literal["user", "cohort", "default", "none"]
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


EventIn = Annotated[
    dict[str, object], WithJsonSchema({"oneOf": [_event(topic, kind) for topic, kind in EVENT_TYPES.items()]})
]


class EventsRequest(Shape):
    """Events, each with its ``topic`` and the fields of that; ``ts`` (ms since 1970) may be left out for now."""

    events: Annotated[list[EventIn], Field(min_length=1, max_length=1_000)]


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
    tier: Literal["hard", "strong", "soft"]
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
    source: Literal["user", "cohort", "default", "none"]
    entries: list[EntryInWords]
    asked: list[KeyInWords] = []


class ExportAnswer(BaseModel):
    """All that is held of a user: the document in Redis, and the state that workers have saved."""

    user_id: str
    document: dict[str, object] | None
    state: dict[str, object] | None
