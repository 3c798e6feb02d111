"""Totals: what all deltas add up to (spec §10)."""

from __future__ import annotations

from streamer.population.deltas import Deltas, Key, decode, encode_sums
from streamer.population.sums import COHORT, Sums
from streamer.scoring.counts import CREATOR, TAG


class Totals(Deltas):
    """Sums over all users by key; whoever keeps them stores a key's record anew when it has changed.

    >>> from streamer.population.sums import TagSums
    >>> deltas, totals = Deltas(), Totals()
    >>> deltas.add(Key("tag", "gore"), TagSums(users=1))
    >>> records = deltas.take()
    >>> [totals.take_in(key, value) for key, value in records * 2]
    [Key(kind='tag', value='gore', cohort=''), Key(kind='tag', value='gore', cohort='')]
    >>> totals.tags["gore"].users
    2
    """

    __slots__ = ()

    def take_in(self, key: bytes, value: bytes) -> Key:
        """Adds a delta record of the topic ``population``, or a stored total; returns its key.

        Raises:
            StateTooNew: a newer Streamer wrote it.
            StateCorrupt: it does not decode; nothing was added.
        """
        of, sums = decode(key, value)
        self.add(of, sums)
        return of

    def record(self, key: Key) -> bytes | None:
        """A key's total as the value of a record; None if it is nothing, so that the record can go."""
        sums = self.of(key)
        return None if sums is None or sums.empty else encode_sums(sums)

    def of(self, key: Key) -> Sums | None:
        """A key's total; None if there is none."""
        if key.kind == TAG:
            return self.tags.get(key.value)
        if key.kind == CREATOR:
            return self.creators.get(key.value)
        if key.kind == COHORT:
            return self.cohorts.get(key.cohort, {}).get(key.value)
        return self.everyone
