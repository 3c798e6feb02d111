"""Every knob, once: name, unit, default, range and why.

Values come from, later ones winning: the defaults here, a TOML file (``--config`` or ``STREAMER_CONFIG``),
environment variables ``STREAMER_<NAME>``, keyword arguments. All problems are reported at once.
Durations are seconds unless a name says ``_ms`` or ``_days``.
"""

from __future__ import annotations

import os
import tomllib
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from streamer.errors import SettingsError
from streamer.partitioning import Partitioner

_from_file: Final[ContextVar[dict[str, Any]]] = ContextVar("_from_file")


class TileCaps(BaseModel):
    """How many keys of each kind one user's day keeps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tags: Annotated[int, Field(ge=1, le=4096)] = 128
    creators: Annotated[int, Field(ge=1, le=4096)] = 64
    contents: Annotated[int, Field(ge=1, le=4096)] = 128


class Settings(BaseSettings):
    """All settings of a worker, publisher, reader or tool. Frozen; build one with :func:`load`."""

    model_config = SettingsConfigDict(env_prefix="STREAMER_", env_nested_delimiter="__", extra="forbid", frozen=True)

    # --- Kafka -------------------------------------------------------------------------------------------
    brokers: str = Field("localhost:9092", min_length=1, description="Kafka bootstrap servers, comma-separated")
    topic_prefix: str = Field("", pattern=r"^[a-zA-Z0-9._-]*$", description="put before every topic name")
    source_prefix: str = Field(
        "{topic_prefix}",
        pattern=r"^(\{topic_prefix\})?[a-zA-Z0-9._-]*$",
        description="put before source topics and erasures; another deployment's topic_prefix to read its events",
    )
    group: str = Field("streamer", min_length=1, description="consumer group of the signals workers")
    former_group: str = Field("", description="group whose state this one takes over for good (a deployment renamed)")
    partitions: int = Field(8, ge=1, le=10_000, description="partitions of every topic keyed by user")
    partitioner: Partitioner = Field(
        "murmur2",
        description="how producers choose a user's partition: murmur2 (Java, kafkajs, this SDK), crc32 (librdkafka)",
    )
    replication: int = Field(1, ge=1, le=10, description="replicas of every topic")
    retention_days: int = Field(7, ge=1, le=3650, description="how long source topics keep events, days")
    declare_topics: bool = Field(True, description="create missing topics at start (false: embedded broker)")
    broker_timeout: float = Field(10.0, gt=0, le=300, description="s until an unreachable broker is an error")
    worker_timeout: float = Field(
        10.0, ge=1, le=300, description="s of silence after which a process counts as dead and its partitions move"
    )
    data_dir: Path = Field(Path(".streamer"), description="where a worker keeps local files")
    store: Literal["memory", "rocksdb"] = Field(
        "memory", description="where state is kept: memory, or data_dir for state beyond it (extra rocksdb)"
    )
    checkpoint_interval: float = Field(5.0, gt=0, le=300, description="s between checkpoints of state and offsets")
    buffer_events: int = Field(
        20_000, ge=100, le=10_000_000, description="events a topic may be read ahead of the slowest, per partition"
    )
    buffer_bytes: int = Field(
        8 << 20,
        ge=65_536,
        le=1 << 34,
        description="bytes of events a topic may be read ahead of the slowest, per partition, and one fetch more",
    )
    hot_users: int = Field(50_000, ge=100, le=10_000_000, description="users kept decoded, per worker")

    # --- Redis and serving -------------------------------------------------------------------------------
    redis_url: str = Field("redis://localhost:6379/0", min_length=1, description="where avoid lists are served from")
    redis_timeout: float = Field(2.0, gt=0, le=60, description="s until a Redis command is an error")
    publisher_group: str = Field("streamer-publisher", min_length=1, description="consumer group of the publishers")
    population_group: str = Field(
        "streamer-population", min_length=1, description="consumer group of the population agents"
    )
    metrics_port: int = Field(0, ge=0, le=65_535, description="Prometheus port; 0: no endpoint")

    # --- time --------------------------------------------------------------------------------------------
    clock: Literal["wall", "events"] = Field(
        "wall", description="wall: a caught-up worker follows the clock; events: only events and watermark records"
    )
    allowed_lag: float = Field(
        30.0, ge=0, le=86_400, description="s the watermark of a caught-up worker stays behind the clock"
    )
    max_future: float = Field(300.0, ge=0, le=86_400, description="s an event may be ahead of the worker's clock")

    # --- sessions (spec §2) ------------------------------------------------------------------------------
    session_gap: int = Field(1800, ge=1, le=43_200, description="s of inactivity that end a session")
    grace: int = Field(3600, ge=0, le=86_400, description="s a closed session still takes late arrivals")
    session_items: int = Field(1000, ge=1, le=100_000, description="interactions that count per session")
    min_session: float = Field(5.0, ge=0, le=3600, description="s a session must last for its exposures to count")

    # --- exposure (spec §3) ------------------------------------------------------------------------------
    viewable_ms: int = Field(1000, ge=0, le=600_000, description="ms in view of a seen item (video: twice that)")
    viewable_ratio: float = Field(0.5, ge=0, le=1, description="share of the item in view (MRC viewability)")
    trust_unverified: bool = Field(False, description="count impressions without visible_ms")
    attention_eta: float = Field(0.5, ge=0, le=5, description="attention falls as (1 + position)^-eta, to at least .1")
    attention_table: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (), description="attention by position, instead of the power law; past its end its last value"
    )

    # --- abandonment (spec §4) ---------------------------------------------------------------------------
    abandon_rule: Literal["sqrt", "flat"] = Field(
        "sqrt", description="sqrt: left before min(abandon_max_s, 2 sqrt(duration)); flat: before abandon_max_s"
    )
    abandon_max_s: float = Field(60.0, gt=0, le=86_400, description="s past which leaving is no abandonment")

    # --- state (spec §4, §5) -----------------------------------------------------------------------------
    explicit_cap: int = Field(512, ge=1, le=100_000, description="explicit records kept, hard ones and others each")
    tile_caps: TileCaps = Field(default_factory=TileCaps, description="keys a user's day keeps, per kind")
    context_dimensions: tuple[Literal["daypart", "device"], ...] = Field(
        ("daypart", "device"), description="contexts in which tags are counted separately"
    )
    window_days: int = Field(180, ge=1, le=3650, description="days evidence is kept")
    half_life_days: float = Field(90.0, gt=0, le=3650, description="days after which evidence weighs half")

    # --- population (spec §10) ---------------------------------------------------------------------------
    population: bool = Field(
        False, description="add sealed sessions to sums over all users, and judge users by the rates they give"
    )
    population_interval: float = Field(60.0, ge=1, le=86_400, description="s between snapshots of those rates")
    population_share: float = Field(
        0.25,
        gt=0,
        le=1,
        description="share of users who are added up, by a hash of their ids; 1 below some 10,000 users",
    )
    population_keys: int = Field(
        10_000, ge=0, le=1_000_000, description="tags, and creators, whose own rate a snapshot names"
    )

    # --- training data (spec §4) -------------------------------------------------------------------------
    labels: bool = Field(False, description="write what every sealed session says of its items to the topic labels")
    weight_abandoned: float = Field(
        -0.40, ge=-5, le=0, description="what it adds to a label's weight to have left early"
    )
    weight_ignored: float = Field(
        -0.02, ge=-5, le=0, description="what it adds to a label's weight to have seen an item and done nothing"
    )
    hkv_alpha: float = Field(
        40.0, ge=0, le=10_000, description="confidence of a label is 1 + hkv_alpha |weight| (Hu, Koren, Volinsky 2008)"
    )
    ips_clip: float = Field(
        20.0, ge=1, le=10_000, description="a click's inverse propensity weight at most, to bound the variance"
    )

    # --- the document (spec §7, §9) ----------------------------------------------------------------------
    avoid_tiers: tuple[Literal["hard", "strong", "soft"], ...] = Field(
        ("hard", "strong"), description="tiers whose values stand in `avoid`"
    )
    entries_max: int = Field(100, ge=1, le=10_000, description="strong and soft entries per kind")
    explore: float = Field(0.05, ge=0, le=1, description="share of (user, content, day) that pass soft and strong")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = []
        if self.retention_days * 86_400 < self.session_gap + self.grace:
            problems.append("retention_days: source topics must outlive session_gap + grace; raise it")
        if self.window_days * 86_400 <= self.session_gap + self.grace:
            problems.append("window_days: the window must be longer than session_gap + grace; raise it")
        if self.window_days > 200 * self.half_life_days:
            problems.append(
                "half_life_days: evidence would vanish long before window_days; raise it or shorten the window"
            )
        if self.publisher_group == self.group:
            problems.append("publisher_group: must differ from group, or workers and publishers starve each other")
        if self.population_group in (self.group, self.publisher_group):
            problems.append("population_group: must differ from group and publisher_group, or they starve each other")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from, earlier ones winning, name by name also within ``tile_caps``."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, _from_file.get({}))

    @property
    def topics(self) -> Topics:
        """The names of this deployment's topics."""
        return Topics(self.topic_prefix, self.source_prefix.replace("{topic_prefix}", self.topic_prefix))


class Topics:
    """Topic names of one deployment.

    >>> Topics("dev-").impressions
    'dev-impressions'
    >>> Topics("try-", "dev-").impressions, Topics("try-", "dev-").state
    ('dev-impressions', 'try-streamer-state')

    Args:
        prefix: put before every name.
        source_prefix: put before those of sources and erasures instead; None: it is not.
    """

    __slots__ = (
        "avoid_lists", "creator_health", "default_lists", "dislikes", "erasures", "feedback", "impressions", "journal",
        "labels", "plays", "population", "rejects", "snapshots", "sources", "state", "totals",
    )  # fmt: skip

    def __init__(self, prefix: str = "", source_prefix: str | None = None) -> None:
        sources = prefix if source_prefix is None else source_prefix
        self.impressions = sources + "impressions"
        self.plays = sources + "plays"
        self.dislikes = sources + "dislikes"
        self.feedback = sources + "feedback"
        self.erasures = sources + "erasures"
        self.avoid_lists = prefix + "avoid-lists"
        self.labels = prefix + "labels"
        self.rejects = prefix + "rejects"
        self.state = prefix + "streamer-state"
        self.journal = prefix + "streamer-journal"
        self.population = prefix + "population"
        self.totals = prefix + "streamer-totals"
        self.snapshots = prefix + "population-snapshots"
        self.default_lists = prefix + "default-lists"
        self.creator_health = prefix + "creator-health"
        self.sources = (self.impressions, self.plays, self.dislikes, self.feedback)

    @property
    def source_prefix(self) -> str:
        """What stands before the names of sources and erasures."""
        return self.impressions.removesuffix("impressions")


def load(config: Path | None = None, **overrides: object) -> Settings:
    """The settings of this process.

    Args:
        config: a TOML file; None: the one named by ``STREAMER_CONFIG``, if set.
        overrides: values that win over file and environment.

    Raises:
        SettingsError: naming every problem at once.
    """
    named = os.environ.get("STREAMER_CONFIG")
    path = config or (Path(named) if named else None)
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text())
        except OSError as error:
            raise SettingsError([f"config file {path}: {error.strerror}"]) from None
        except tomllib.TOMLDecodeError as error:
            raise SettingsError([f"config file {path} is not TOML: {error}"]) from None
    known = {f"STREAMER_{name}".upper() for name in Settings.model_fields} | {"STREAMER_CONFIG"}
    nested = "STREAMER_TILE_CAPS__"
    problems = [
        f"environment variable {name}: there is no such setting (see docs/settings.md)"
        for name in sorted(os.environ)
        if name.startswith("STREAMER_") and name not in known and not name.startswith((nested, "STREAMER_TEST_"))
    ]
    token = _from_file.set(values)
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        for item in error.errors():
            where = ".".join(str(part) for part in item["loc"])
            text = item["msg"].removeprefix("Value error, ")
            if item["type"] == "extra_forbidden":
                text = "there is no such setting (see docs/settings.md)"
            elif where:
                text = f"{text}, got {item['input']!r}"
            problems += [f"{where}: {line}" if where else line for line in text.splitlines()]
        raise SettingsError(problems) from None
    finally:
        _from_file.reset(token)
    if problems:
        raise SettingsError(problems)
    return settings
