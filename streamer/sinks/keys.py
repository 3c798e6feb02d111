"""Names of the Redis keys. Writers and readers both take them from here.

A default list's key is that of a user with the list's name, so these names are nobody's user id (:func:`is_reserved`).
"""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import Final

from redis.crc import key_slot

from streamer.errors import SettingsError
from streamer.events import CLAIM
from streamer.population.defaults import ALL, list_name
from streamer.redis_prefix import checked_prefix

_COHORT: Final = list_name("")
"""What the names of cohorts' lists begin with."""


def is_reserved(user_id: str) -> bool:
    """Whether a user with this id would overwrite a list that others fall back to, or be taken for an owner's claim.

    >>> is_reserved("~all"), is_reserved("u1")
    (True, False)
    """
    return user_id in (ALL, CLAIM) or user_id.startswith(_COHORT)


class Keys:
    """The names of one deployment's keys.

    Args:
        prefix: put before every name `[redis_prefix]`, so that several deployments can share one Redis.

    Attributes:
        documents: what the key of every document begins with, users' and default lists' alike.
        everybody: the list of those of whom nothing is known, not even a cohort.
        rates, tags, creators, written, as_of: the population's (:mod:`streamer.sinks.population`).
        owner: who writes here (:mod:`streamer.sinks.owner`).

    Raises:
        SettingsError: it cannot be put before names.

    >>> Keys("eu:").document("u1"), Keys().everybody
    ('eu:avoid:u1', 'avoid:~all')
    """

    def __init__(self, prefix: str = "") -> None:
        try:
            self.prefix: Final = checked_prefix(prefix)
        except ValueError as error:
            raise SettingsError([f"redis_prefix: {error}"]) from None
        self.documents: Final = f"{prefix}avoid:"
        self.everybody: Final = self.document(ALL)
        self.rates: Final = f"{prefix}population:rates"
        self.tags: Final = f"{prefix}population:tags"
        self.creators: Final = f"{prefix}population:creators"
        self.written: Final = f"{prefix}population:written"
        self.as_of: Final = f"{prefix}population:as_of"
        self.markers: Final = f"{prefix}outbox:at"
        self.owner: Final = f"{prefix}outbox:of"

    def document(self, user_id: str) -> str:
        """Where a user's document is.

        >>> Keys().document("u1")
        'avoid:u1'
        """
        return f"{self.documents}{user_id}"

    def cohort(self, cohort: str) -> str:
        """Where the document of those is of whom only the cohort is known.

        >>> Keys().cohort("de")
        'avoid:~cohort:de'
        """
        return self.document(list_name(cohort))

    def creator(self, creator_id: str) -> str:
        """Where the record of a flagged creator is.

        >>> Keys().creator("c7")
        'creator:c7'
        """
        return f"{self.prefix}creator:{creator_id}"

    def guard(self, user_id: str) -> str:
        """Where the outbox position of a user's document is: always in the Cluster slot of the document.

        A slot is hashed from what stands between the first ``{`` and the next ``}`` of a key, else from all of it. So
        the document key in braces hashes like the document key, unless the user id has a ``}``, which would end the
        braces early. Then the shortest number of the same slot stands in the braces.

        >>> Keys().guard("u1")
        '{avoid:u1}:at'
        >>> Keys().guard("{u1}")
        '{19}avoid:{u1}:at'
        """
        key = self.document(user_id)
        if "}" not in user_id:
            return f"{{{key}}}:at"
        return f"{{{number_of(key_slot(key.encode()))}}}{key}:at"

    def marker(self, slot: int | None) -> str:
        """Where markers of the outbox are.

        Args:
            slot: of a Cluster, in which they are to be; None: it is no Cluster.

        >>> Keys().marker(None), Keys("eu:").marker(0)
        ('outbox:at', '{3560}eu:outbox:at')
        """
        return self.markers if slot is None else f"{{{number_of(slot)}}}{self.markers}"

    def is_users(self, key: str) -> bool:
        """Whether a key is some user's, document or guard: not a list others fall back to, nor anybody else's key.

        >>> [Keys().is_users(key) for key in ("avoid:u1", "{avoid:u1}:at", "avoid:~all", "{x}avoid:u1:at")]
        [True, True, False, False]
        """
        if key.startswith(self.documents):
            return not is_reserved(key.removeprefix(self.documents))
        user_id = key.removeprefix("{" + self.documents).removesuffix("}:at")
        if "}" in user_id:
            user_id = key.partition("}" + self.documents)[2].removesuffix(":at")
        return key == self.guard(user_id)


def number_of(slot: int) -> int:
    """The least number that hashes to a slot of a Cluster."""
    return _numbers_by_slot()[slot]


@cache
def _numbers_by_slot(slots: int = 16_384) -> dict[int, int]:
    """Of every slot the least number that hashes to it (some 0.1 s, once, and only where it is asked for)."""
    found: dict[int, int] = {}
    for number in count():
        found.setdefault(key_slot(b"%d" % number), number)
        if len(found) == slots:
            return found
    raise AssertionError("numbers do not end")
