"""What users have changed in the sums over all users, and the population may not have been told yet.

Faust seam: none; no I/O.

A user's delta is in the changelog, in the record batch of the state that it follows from (header ``p`` of the head).
The next checkpoint tells all deltas of the one before, added up (``engine/population/deltas.py``), and its mark says
so. After a crash, recovery finds in the changelog what no mark says is told, and the next checkpoint tells it, perhaps
again.

What must hold for it to be right:
- What is told of a checkpoint is in the changelog, all of it, and its mark too: whoever takes the partition over finds
  the same, for its claim lets nothing more of that checkpoint in.
- It is told before a user's next records are written, for they replace those that carry it.
- What leaves the window is named by the delta that takes it out of the sums. Once that is told, the head, or its
  deletion, is written again without it: nothing that is forgotten stays readable (I7).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from streamer.errors import UNREADABLE, StateCorrupt
from streamer.population import Deltas
from streamer.population.telling import Sums
from streamer.population.user_delta import Saved, UserDelta, decode_saved, encode_saved

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[str, dict[int, Sums], dict[int, list[str]]]).decode


class Untold:
    """The deltas of one partition, by the number of their checkpoint.

    Attributes:
        lineage: of the changelog that they stand in; empty: there are none.
        told: number of the last checkpoint of which the population has been told.
        forgetting: users whose head carries, in the changelog, a delta that names what is forgotten, and that the
            checkpoint that begins tells.
    """

    def __init__(self) -> None:
        self.lineage = ""
        self.told = 0
        self.forgetting: list[str] = []
        self._by_number: dict[int, Deltas] = {}
        self._forgetting: dict[int, list[str]] = {}
        self._saving: dict[str, UserDelta] = {}

    def __iter__(self) -> Iterator[tuple[int, Deltas]]:
        """What is to be told, by the number of its checkpoint, oldest first."""
        return iter(sorted(self._by_number.items(), key=lambda item: item[0]))

    @property
    def next_number(self) -> int:
        """The number of the next checkpoint that changes anything."""
        return max(self.told, *self._by_number, 0) + 1

    # --- a checkpoint -----------------------------------------------------------------------------------------

    def take(self) -> list[tuple[int, Deltas]]:
        """What the checkpoint that begins has to tell, and its mark then says is told."""
        taken = list(self)
        self.forgetting = [user for users in self._forgetting.values() for user in users]
        self.told_to(self.next_number - 1)
        return taken

    def save(self, deltas: Mapping[str, UserDelta], forgetting: list[str]) -> list[tuple[str, bytes]]:
        """All deltas of the checkpoint that begins, by user; returns each as it is saved with the user.

        Args:
            deltas: they are told by the checkpoint after.
            forgetting: users whose deltas name what is forgotten.
        """
        if not deltas:
            return []
        number = self.next_number
        self._saving = dict(deltas)
        self._forgetting[number], self._by_number[number] = forgetting, _added(deltas.values())
        return [(user, encode_saved(Saved(self.lineage, number, delta))) for user, delta in deltas.items()]

    def refuse(self, users: Iterable[str]) -> dict[str, UserDelta]:
        """The changelog did not take these users' changes, so that nobody would find their deltas there after a crash.

        They are not told, and given back by user: they go with what the changelog takes of the user next.
        """
        number = max(self._by_number, default=0)
        refused = {user: self._saving.pop(user) for user in users if user in self._saving}
        if refused:
            self._by_number[number] = _added(self._saving.values())
            if not self._saving:
                del self._by_number[number], self._forgetting[number]
        return refused

    # --- recovery ---------------------------------------------------------------------------------------------

    def found(self, user: str, raw: bytes) -> None:
        """A user's delta was found in the changelog.

        Raises:
            StateTooNew: a newer Streamer wrote it.
            StateCorrupt: it does not decode.
        """
        self.lineage, number, delta = decode_saved(raw)
        if number > self.told:
            delta.add_to(self._by_number.setdefault(number, Deltas()))
            self._forgetting.setdefault(number, []).append(user)

    def told_to(self, number: int) -> None:
        """A mark was found that says how far the population has been told."""
        self.told = max(self.told, number)
        self._by_number = {n: deltas for n, deltas in self._by_number.items() if n > self.told}
        self._forgetting = {n: users for n, users in self._forgetting.items() if n > self.told}

    # --- kept on disk -----------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """What :meth:`load` takes."""
        if not self._by_number:
            return b""
        return _encode((self.lineage, {number: Sums.of(deltas) for number, deltas in self}, self._forgetting))

    def load(self, raw: bytes) -> None:
        """Takes what a store has kept.

        Raises:
            StateCorrupt: it does not decode.
        """
        if not raw:
            return
        try:
            self.lineage, kept, self._forgetting = _decode(raw)
        except UNREADABLE as error:
            raise StateCorrupt(f"deltas kept on disk do not decode ({error})") from None
        self._by_number = {number: sums.deltas() for number, sums in kept.items()}


def _added(deltas: Iterable[UserDelta]) -> Deltas:
    added = Deltas()
    for delta in deltas:
        delta.add_to(added)
    return added
