"""Totals: what all deltas add up to (spec §10)."""

from __future__ import annotations

from streamer.population.deltas import Deltas, Key, decode, encode_sums
from streamer.population.sums import COHORT, CreatorSums, Sums
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

    def record(self, key: Key) -> bytes:
        """A key's total as the value of a record."""
        return encode_sums(self.of(key))

    def is_over(self, key: Key) -> bool:
        """Whether nobody has the key any more, so that its total can go.

        Of a creator starts and plays are counted since the beginning: when the last user has left, since then.
        """
        sums = self.of(key)
        return not any(sums.bins) if isinstance(sums, CreatorSums) else sums.empty

    def drop(self, key: Key) -> None:
        """Forgets a key's total."""
        if key.kind == TAG:
            self.tags.pop(key.value, None)
        elif key.kind == CREATOR:
            self.creators.pop(key.value, None)
        elif key.kind == COHORT:
            of_cohort = self.cohorts.get(key.cohort, {})
            of_cohort.pop(key.value, None)
            if not of_cohort:
                self.cohorts.pop(key.cohort, None)

    def of(self, key: Key) -> Sums:
        """A key's total, which there must be."""
        if key.kind == TAG:
            return self.tags[key.value]
        if key.kind == CREATOR:
            return self.creators[key.value]
        if key.kind == COHORT:
            return self.cohorts[key.cohort][key.value]
        return self.everyone
