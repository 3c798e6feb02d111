"""Every error Streamer raises on purpose, in one tree. Each message says what to do next.

StreamerError
├── SettingsError          the settings contradict themselves or are out of range (all problems at once)
├── InvalidEvent           an event breaks its contract (spec §1); carries the reject code
├── DependencyMissing      an optional extra is not installed; names the install command
├── Unavailable            something outside did not answer within its timeout
│   ├── BrokerUnavailable
│   └── RedisUnavailable
│       └── RedisShared    another deployment writes there under the same keys
├── DeliveryError          the broker did not take an event
├── TopicsError            topics are missing, or their partitions or policies do not fit together
├── TakenOver              another worker owns the partitions that this one believed to own
├── Stalled                a process reads nothing, though there is something to read
├── StateError             stored state cannot be read
│   ├── StateCorrupt       it does not decode
│   ├── StateTooNew        a newer Streamer wrote it
│   ├── StateForeign       it is another group's, or of another number of partitions
│   └── StoreFailed        the local state on disk cannot be used
├── DataSetError           a data set to replay is missing or not in its documented format
├── LearningError          nothing can be learned as asked
│   ├── ExportError        a folder of training examples cannot be used
│   ├── CheckpointError    a model's checkpoint cannot be used
│   └── TrainingDiverged   a number of a model in training is no number any more
└── ProcessEnded           a process that this one started ended, or stopped working, by itself
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import msgspec

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that it cannot decode: text that is no UTF-8, and what is nested too deep, by Python's
own errors.
"""

RejectCode = Literal[
    "malformed_json",
    "not_an_object",
    "missing_field",
    "wrong_type",
    "out_of_range",
    "unknown_value",
    "missing_key",
    "key_mismatch",
    "wrong_partition",
    "too_large",
    "from_the_future",
    "poison",
]
"""Why an event is rejected (spec §1)."""


class StreamerError(Exception):
    """Root of the tree: catch this to catch everything Streamer raises on purpose."""


class SettingsError(StreamerError):
    """Settings that cannot work. ``problems`` lists every one of them.

    >>> print(SettingsError(["grace: must be >= 0 s, got -1"]))
    1 setting cannot work:
      - grace: must be >= 0 s, got -1
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        count = "1 setting" if len(problems) == 1 else f"{len(problems)} settings"
        super().__init__(f"{count} cannot work:" + "".join(f"\n  - {p}" for p in problems))


class InvalidEvent(StreamerError):
    """An event that breaks its contract. ``code`` is the reject code of spec §1."""

    def __init__(self, code: RejectCode, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


class DependencyMissing(StreamerError, ImportError):
    """An optional part is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed: run  pip install 'streamer-avoid-lists[{extra}]'")


@contextmanager
def needing(extra: str, who: str) -> Iterator[None]:
    """Imports within it that fail say which extra to install.

    >>> with needing("train", "learning"):
    ...     import no_such_package
    Traceback (most recent call last):
    ...
    streamer.errors.DependencyMissing: no_such_package, which learning needs, is not installed: run  pip install ...

    Args:
        extra: its name.
        who: needs what is imported.

    Raises:
        DependencyMissing: a package is not there.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "streamer":
            raise
        raise DependencyMissing(f"{package}, which {who} needs,", extra) from None


class Unavailable(StreamerError):
    """Something outside this process did not answer within its timeout."""


class BrokerUnavailable(Unavailable):
    """No Kafka broker answered."""


RedisReason = Literal["away", "slow", "loading", "replica", "full", "denied", "shared", "refused"]
"""Why Redis did not do as asked."""


class RedisUnavailable(Unavailable):
    """Redis did not answer, or not as it should. ``reason`` is why, in a word."""

    def __init__(self, message: str, reason: RedisReason = "away") -> None:
        self.reason = reason
        super().__init__(message)


class RedisShared(RedisUnavailable):
    """Another deployment writes to the same keys."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "shared")


class DeliveryError(StreamerError):
    """The broker did not take an event; the event is not in Kafka."""


class TopicsError(StreamerError):
    """Topics are missing, or do not fit together. ``problems`` lists every one of them."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class TakenOver(StreamerError):
    """Another worker took over while this one gave no sign of life; nothing of this one's was written since."""


class Stalled(StreamerError):
    """A process reads nothing, though brokers answer and have something to read: it ends, to be started again."""


class StateError(StreamerError):
    """Stored state cannot be read."""


class StateCorrupt(StateError):
    """A stored record does not decode."""


class StateTooNew(StateError):
    """A stored record was written by a newer Streamer: upgrade this worker."""


class StateForeign(StateError):
    """The state is another group's, or was written for another number of partitions; nothing of it was touched."""


class OutboxReplaced(StateError):
    """The outbox is another log than it was: the worker ends, and writes every document again when it is restarted."""


class StoreFailed(StateError):
    """A worker's local state on disk cannot be used, or failed while it was."""


class DataSetError(StreamerError):
    """A data set to replay is missing, or not in its documented format."""


class LearningError(StreamerError):
    """Nothing can be learned as asked: the data or a setting does not allow it."""


class ExportError(LearningError):
    """A folder of training examples is no such folder, another topic's, of another version, or cannot be written."""


class CheckpointError(LearningError):
    """A model's checkpoint is none, or of another version."""


class TrainingDiverged(LearningError):
    """A number of a model in training is no number any more; the last good checkpoint is kept."""


class ProcessEnded(StreamerError):
    """A process that this one started ended, or stopped working, by itself; the message ends with its last lines."""
