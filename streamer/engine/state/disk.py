"""Local state of one partition on disk (RocksDB): for state that outgrows memory, and restarts that read little.

Faust seam: none; takes the place of ``faust.stores.rocksdb``, which writes a key at a time, before the changelog has
it, and its offset apart from the data.

What was put is read from an overlay until the changelog has it; then parts, deadlines, mark and ``changelog_end`` go
into one write batch. So whenever the process ends, what is on disk is the state at some offset of the changelog, and a
restart reads on from there. The journal's records stay in memory: they are few, and read again.

What must hold for it to be right:
- ``saved`` and ``applied`` are called only with what the changelog has.
- A tombstone outlives in the changelog every store that lacks it: a store older than a day is given up
  (``engine/state/stores.py``).

Keys: ``m`` the meta record, ``d`` + user the deadline (8 bytes; none: empty) of every user with parts, ``e`` + user the
erasure mark again, as an index, ``p`` + length and bytes of user + name a part, ``s`` + the beginning of an erased
user's parts while their files are not written anew (``engine/state/scrubbing.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from rocksdict import DBCompressionType, Options, Rdict, WriteBatch

from streamer.clock import wall_ms
from streamer.engine.state.scrubbing import Scrubber
from streamer.engine.state.store import DAMAGED, ERASED, Mark, StoreIndexes, UserChange, decode_mark, encode_mark
from streamer.errors import StoreFailed

FORMAT: Final = 1
_META: Final = b"m"
_DEADLINE: Final = b"d"
_ERASED: Final = b"e"
_PART: Final = b"p"
_SCRUB: Final = b"s"
_OPEN_FILES: Final = 128


class Meta(Struct, array_like=True, frozen=True):
    """What a database says of itself. ``saved_ms``: when it was last written, ms since 1970; ``untold``: see there."""

    version: int
    changelog_end: int
    saved_ms: int
    mark: bytes | None
    untold: bytes = b""


class DiskStore(StoreIndexes):
    """A partition's parts in a directory. See ``PartitionStore`` for the methods.

    Args:
        folder: made if it is not there.

    Raises:
        Exception: RocksDB's own; the directory is held by another process, or damaged.
        TooNewHere: a newer Streamer wrote it.
        StateTooNew: a newer Streamer wrote its mark.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open()
        try:
            self._load()
        except BaseException:
            self._db.close()
            raise
        self._scrubber.scrub(key[1:] for key, _ in self._range(_SCRUB))

    def _open(self) -> None:
        self._db = Rdict(str(self._folder), _options())
        self._scrubber = Scrubber(self._db, self._scrubbed)
        self._reset()

    def _reset(self) -> None:
        self.reset_indexes()
        self.saved_ms: int | None = None
        self._users: set[str] = set()
        self._overlay: dict[str, dict[str, bytes | None]] = {}

    def _load(self) -> None:
        raw = self._db.get(_META)
        if raw is None:
            return
        meta = msgspec.msgpack.decode(raw, type=Meta)
        if meta.version > FORMAT:
            raise TooNewHere(f"format {meta.version}, this worker reads up to {FORMAT}")
        self.changelog_end, self.saved_ms = meta.changelog_end, meta.saved_ms
        self.untold.load(meta.untold)
        if meta.mark is not None:
            self.mark = decode_mark(meta.mark)
            self.untold.told_to(self.mark.told)
        for key, value in self._range(_DEADLINE):
            user = key[1:].decode()
            self._users.add(user)
            if value:
                self.deadlines[user] = int.from_bytes(value, signed=True)
        for key, value in self._range(_ERASED):
            self.erased[key[1:].decode()] = int.from_bytes(value)

    # --- reading --------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Bytes of all parts, as RocksDB estimates them, and journal records."""
        estimate: int | None = self._guard(self._db.property_int_value, "rocksdb.estimate-live-data-size")
        return (estimate or 0) + self.journal.size

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[str]:
        yield from self._users
        yield from (user for user in self.journal if user not in self._users)

    def parts(self, user: str) -> Mapping[str, bytes]:
        """All parts of a user."""
        if user not in self._users:
            return {}
        prefix = _part_key(user, "")
        found = {key[len(prefix) :].decode(): value for key, value in self._range(prefix)}
        for name, value in self._overlay.get(user, {}).items():
            if value is None:
                found.pop(name, None)
            else:
                found[name] = value
        return found

    def part(self, user: str, name: str) -> bytes | None:
        """One part of a user."""
        changed = self._overlay.get(user, {})
        if name in changed:
            return changed[name]
        value: bytes | None = self._guard(self._db.get, _part_key(user, name))
        return value

    def _range(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        cursor = self._guard(self._db.iter)
        self._guard(cursor.seek, prefix)
        while cursor.valid():
            key: bytes = cursor.key()
            if not key.startswith(prefix):
                return
            yield key, cursor.value()
            cursor.next()
        self._guard(cursor.status)

    # --- changes --------------------------------------------------------------------------------------------

    def put(self, user: str, name: str, value: bytes | None) -> None:
        """Keeps one part in the overlay until the changelog has it."""
        if name == ERASED:
            self.set_erased(user, value)
        if value is not None:
            self._users.add(user)
        self._overlay.setdefault(user, {})[name] = value

    def saved(self, changes: Iterable[UserChange], end: int, mark: Mark) -> None:
        """Writes what the changelog has. What was put since the changes were taken stays in the overlay."""
        self.changelog_end, self.mark = end, mark
        self._write(changes)

    def applied(self, end: int) -> None:
        """Writes everything that was put."""
        self.changelog_end = end
        self._write([UserChange(user, dict(parts), self.deadlines.get(user)) for user, parts in self._overlay.items()])

    def _write(self, changes: Iterable[UserChange]) -> None:
        batch = WriteBatch(raw_mode=True)
        erased = []
        for change in changes:
            if change.parts:
                if change.parts.get(ERASED) is not None and self._is_on_disk(change.user):
                    erased.append(change.user)
                self._add(batch, change)
        self.saved_ms = wall_ms()
        mark = None if self.mark is None else encode_mark(self.mark)
        meta = Meta(FORMAT, self.changelog_end, self.saved_ms, mark, self.untold.dump())
        batch.put(_META, msgspec.msgpack.encode(meta))
        scrub = [_part_key(user, "") for user in erased]
        for prefix in scrub:
            batch.put(_SCRUB + prefix, b"")
        self._guard(self._db.write, batch)
        self._scrubber.scrub(scrub)

    def _scrubbed(self, prefixes: Iterable[bytes]) -> None:
        """Called by another thread."""
        batch = WriteBatch(raw_mode=True)
        for prefix in prefixes:
            batch.delete(_SCRUB + prefix)
        self._db.write(batch)

    def _add(self, batch: WriteBatch, change: UserChange) -> None:
        user, parts = change.user, change.parts
        overlay = self._overlay.get(user, {})
        for name, value in parts.items():
            _set(batch, _part_key(user, name), value)
            if name == ERASED:
                _set(batch, _ERASED + user.encode(), value)
            if name in overlay and overlay[name] is value:
                del overlay[name]
        if not overlay:
            self._overlay.pop(user, None)
        deadline = b"" if change.deadline is None else change.deadline.to_bytes(8, signed=True)
        _set(batch, _DEADLINE + user.encode(), deadline if self._has_parts(user, parts) else None)

    def _is_on_disk(self, user: str) -> bool:
        return self._guard(self._db.get, _DEADLINE + user.encode()) is not None

    def _has_parts(self, user: str, changed: Mapping[str, bytes | None]) -> bool:
        """Whether a user has parts on disk once these changes are; if none at all, forgets the name."""
        if any(value is not None for value in changed.values()):
            return True
        prefix = _part_key(user, "")
        if any(key[len(prefix) :].decode() not in changed for key, _ in self._range(prefix)):
            return True
        if not any(value is not None for value in self._overlay.get(user, {}).values()):
            self._users.discard(user)
        return False

    # --- the whole ------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Empties the directory."""
        self.close()
        Rdict.destroy(str(self._folder), _options())
        self._open()

    def close(self) -> None:
        """Closes the database; another process may then open it."""
        self._scrubber.close()
        self._db.close()

    def _guard(self, call: Callable[..., Any], *args: object) -> Any:
        """Calls RocksDB; what fails must not pass for a fault of the event or user at hand."""
        try:
            return call(*args)
        except Exception as error:
            if "orrupt" in str(error):
                self._folder.joinpath(DAMAGED).touch()
            raise StoreFailed(
                f"the local state in {self._folder} failed ({error}): check the disk and restart the worker; "
                "a damaged state is recovered from the changelog"
            ) from error


class TooNewHere(Exception):
    """A newer Streamer wrote this directory; the changelog may still be readable."""


def _options() -> Options:
    options = Options(raw_mode=True)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_max_open_files(_OPEN_FILES)
    options.set_keep_log_file_num(2)
    return options


def _part_key(user: str, name: str) -> bytes:
    raw = user.encode()
    return _PART + len(raw).to_bytes(4) + raw + name.encode()


def _set(batch: WriteBatch, key: bytes, value: bytes | None) -> None:
    if value is None:
        batch.delete(key)
    else:
        batch.put(key, value)
