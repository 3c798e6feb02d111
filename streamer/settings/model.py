"""Every knob, once: name, unit, default, range and why.

Durations are seconds unless a name says ``_ms`` or ``_days``.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from streamer.partitioning import Partitioner
from streamer.redis_prefix import checked_prefix
from streamer.settings.kafka_connection import KafkaConnection
from streamer.settings.topics import Topics

FROM_FILE: Final[ContextVar[dict[str, Any]]] = ContextVar("FROM_FILE")
"""What the settings file says, while settings are made."""


def _listed(value: object) -> object:
    """A list as the environment has it: of commas, or JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("write it as JSON, or with commas") from None
    return [part.strip() for part in value.split(",") if part.strip()]


_T = TypeVar("_T")
Listed = Annotated[tuple[_T, ...], BeforeValidator(_listed)]


def _pairs(value: object) -> object:
    """What the environment has as ``tags=32,creators=16``, or as JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("write it as JSON, or as in tags=32,creators=16") from None
    pairs = (part.partition("=") for part in value.split(",") if part.strip())
    return {name.strip(): number.strip() for name, _, number in pairs}


class TileCaps(BaseModel):
    """How many keys of each kind one user's day keeps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tags: Annotated[int, Field(ge=1, le=4096)] = 128
    creators: Annotated[int, Field(ge=1, le=4096)] = 64
    contents: Annotated[int, Field(ge=1, le=4096)] = 128


class Settings(KafkaConnection):
    """All settings of a worker, publisher, reader or tool. Frozen; build one with :func:`load`."""

    model_config = SettingsConfigDict(
        env_prefix="STREAMER_", env_nested_delimiter="__", enable_decoding=False, extra="forbid", frozen=True
    )

    # --- Kafka -------------------------------------------------------------------------------------------
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
    output_codec: Literal["gzip", "lz4", "zstd", "none"] = Field(
        "gzip",
        description="how what others read is packed (avoid-lists, labels, rejects …): every client reads gzip",
    )
    retention_days: int = Field(7, ge=1, le=3650, description="how long source topics keep events, days")
    declare_topics: bool = Field(True, description="create missing topics at start (false: embedded broker)")
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
    redis_prefix: Annotated[str, AfterValidator(checked_prefix)] = Field(
        "", max_length=32, description='put before every key in Redis, so that deployments can share one; "eu:"'
    )
    redis_timeout: float = Field(2.0, gt=0, le=60, description="s until a Redis command is an error")
    publisher_group: str = Field("streamer-publisher", min_length=1, description="consumer group of the publishers")
    population_group: str = Field(
        "streamer-population", min_length=1, description="consumer group of the population agents"
    )
    metrics_host: str = Field(
        "127.0.0.1", min_length=1, description="address the metrics are served at; 0.0.0.0: to other machines, too"
    )
    metrics_port: int = Field(0, ge=0, le=65_535, description="Prometheus port; 0: no endpoint")

    # --- HTTP service ------------------------------------------------------------------------------------
    service_host: str = Field("127.0.0.1", min_length=1, description="address of streamer serve; 0.0.0.0: everywhere")
    service_port: int = Field(8080, ge=1, le=65_535, description="port of streamer serve")
    service_keys: Path | None = Field(None, description="TOML file of its API keys (streamer api-key makes them)")
    service_rate: int = Field(1000, ge=1, le=1_000_000, description="requests a second that each API key may send")
    console_metrics_urls: Listed[Annotated[str, Field(pattern=r"^https?://\S+$")]] = Field(
        (), description="metrics endpoints of workers and publishers, for the console; http://worker:9100/metrics"
    )

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
    surface_viewable_ms: Annotated[dict[str, Annotated[int, Field(ge=0, le=600_000)]], BeforeValidator(_pairs)] = Field(
        {}, description="the same by surface, of video or not: feed=500,grid=1000; others go by viewable_ms"
    )
    trust_unverified: bool = Field(False, description="count impressions without visible_ms")
    attention_eta: float = Field(0.5, ge=0, le=5, description="attention falls as (1 + position)^-eta, to at least .1")
    attention_table: Listed[Annotated[float, Field(ge=0, le=1)]] = Field(
        (), description="attention by position, instead of the power law; past its end its last value"
    )
    surface_attention: Annotated[dict[str, Annotated[float, Field(ge=0.001, le=1)]], BeforeValidator(_pairs)] = Field(
        {},
        description="by surface, how readily items are begun there: share of that on the readiest; times attention",
    )

    # --- abandonment (spec §4) ---------------------------------------------------------------------------
    abandon_rule: Literal["sqrt", "flat"] = Field(
        "sqrt", description="sqrt: left before min(abandon_max_s, 2 sqrt(duration)); flat: before abandon_max_s"
    )
    abandon_max_s: float = Field(60.0, gt=0, le=86_400, description="s past which leaving is no abandonment")

    # --- state (spec §4, §5) -----------------------------------------------------------------------------
    explicit_cap: int = Field(512, ge=1, le=100_000, description="explicit records kept, hard ones and others each")
    tile_caps: Annotated[TileCaps, BeforeValidator(_pairs)] = Field(
        default_factory=TileCaps, description="keys a user's day keeps, per kind"
    )
    context_dimensions: Listed[Literal["daypart", "device"]] = Field(
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
        description="least share of users who are added up, by a hash of their ids; all are while they are few",
    )
    population_users: int = Field(
        10_000,
        ge=0,
        description="users counted of the tag or creator that most have, beyond which the share counted falls by half; "
        "0: it is the least from the start",
    )
    population_keys: int = Field(
        10_000, ge=0, le=1_000_000, description="tags, and creators, whose own rate a snapshot names"
    )
    population_tag_rates: float = Field(
        0.3,
        ge=0,
        le=20,
        description="how much it counts against a tag that all users engage with it less than with others, "
        "nats per nat; 8 where lists are to foresee what will not be clicked",
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
    avoid_tiers: Listed[Literal["hard", "strong", "soft"]] = Field(
        ("hard", "strong"), description="tiers whose values stand in `avoid`"
    )
    entries_max: int = Field(100, ge=1, le=10_000, description="strong and soft entries per kind")
    explore: float = Field(0.05, ge=0, le=1, description="share of (user, content, day) that pass soft and strong")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = list(self.connection_problems())
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
        return init_settings, env_settings, InitSettingsSource(settings_cls, FROM_FILE.get({}))

    @property
    def topics(self) -> Topics:
        """The names of this deployment's topics."""
        return Topics(self.topic_prefix, self.source_prefix.replace("{topic_prefix}", self.topic_prefix))
