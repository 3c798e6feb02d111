"""Open Bandit: impressions of a fashion shop and whether they were clicked (Saito et al. 2021; CC BY 4.0).

Read from ``{policy}/{campaign}/{campaign}.csv`` with its ``item_context.csv``, for every policy (``bts``, ``random``)
and campaign (``men``, ``women``, ``all``) there is. What becomes of a row:

- an impression at ``position`` − 1, of ``media`` product, content ``<campaign>-<item_id>``. The log says that the item
  was displayed, not for how long, so ``visible_ms`` is set to 1000, just enough to pass the gate for a product:
  otherwise not one impression of the set would count.
- ``click`` 1 → feedback ``click`` at the same time.
- tags are the item's three hashed features (the fourth is a number). Each policy hashed the same features with a salt
  of its own, one to one; the hashes of one policy (``bts`` where present) serve both, so that an item has one set.

The set has no user ids: users are the tuples of four user features, so one "user" is many people of one kind.
Propensities are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final

from streamer.errors import DataSetError
from streamer.events import Event, Feedback, Impression
from streamer.replay.datasets.rows import Row, by_time, read_rows

POLICIES: Final = ("bts", "random")
CAMPAIGNS: Final = ("men", "women", "all")
COLUMNS: Final = (
    "timestamp",
    "item_id",
    "position",
    "click",
    "user_feature_0",
    "user_feature_1",
    "user_feature_2",
    "user_feature_3",
)
VISIBLE_MS: Final = 1000
"""Time in view given to every impression: the log says only that it was displayed."""

_CONTEXT: Final = "item_context.csv"
_FEATURES: Final = ("item_feature_1", "item_feature_2", "item_feature_3")
_HASH_CHARS: Final = 12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def events(path: Path) -> Iterator[tuple[str, Event]]:
    """(topic without prefix, event) of all logs together, in event-time order.

    Args:
        path: the folder that holds the policies' folders, or one log ``…/{policy}/{campaign}/{campaign}.csv``.

    Raises:
        DataSetError: no log is there, or a file is missing or not in its documented format.
    """
    return by_time(pair for log in _logs(path) for pair in _log_events(log))


def _logs(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        raise DataSetError(f"{path} does not exist: give the Open Bandit folder, or one of its logs")
    logs = [path / policy / name / f"{name}.csv" for policy in POLICIES for name in CAMPAIGNS]
    found = [log for log in logs if log.is_file()]
    if not found:
        raise DataSetError(
            f"{path} holds no log: expected {{policy}}/{{campaign}}/{{campaign}}.csv in it,"
            f" policy one of {', '.join(POLICIES)}, campaign one of {', '.join(CAMPAIGNS)}"
        )
    return found


def _tags(log: Path) -> dict[str, tuple[str, ...]]:
    """Tags by item id, from the first policy that has a context of this log's campaign."""
    contexts = [log.parent.parent.parent / policy / log.stem / _CONTEXT for policy in POLICIES]
    context = next((each for each in contexts if each.is_file()), log.parent / _CONTEXT)
    return {
        row.text("item_id"): tuple(f"{name[5:]}-{row.text(name)[:_HASH_CHARS]}" for name in _FEATURES)
        for row in read_rows(context, ("item_id", *_FEATURES))
    }


def _log_events(log: Path) -> Iterator[tuple[str, Event]]:
    tags = _tags(log)
    for row in read_rows(log, COLUMNS):
        yield from _events(row, log.stem, tags)


def _events(row: Row, campaign: str, tags: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, Event]]:
    item = row.text("item_id")
    if item not in tags:
        raise row.wrong("item_id", f"an item of {_CONTEXT}")
    user = _user(row)
    ts = _timestamp(row)
    content = f"{campaign}-{item}"
    yield (
        "impressions",
        Impression(
            user_id=user,
            ts=ts,
            tags=tags[item],
            media="product",
            content_id=content,
            position=row.integer("position", least=1) - 1,
            visible_ms=VISIBLE_MS,
        ),
    )
    if row.flag("click"):
        yield (
            "feedback",
            Feedback(user_id=user, ts=ts, tags=tags[item], media="product", kind="click", content_id=content),
        )


def _user(row: Row) -> str:
    features = "\n".join(row.text(f"user_feature_{n}") for n in range(4))
    return f"open-bandit-{blake2b(features.encode(), digest_size=6).hexdigest()}"


def _timestamp(row: Row) -> int:
    try:
        at = datetime.fromisoformat(row.text("timestamp"))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise row.wrong("timestamp", "an ISO 8601 time with its zone")
    elapsed = at - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1000 + elapsed.microseconds // 1000
