"""Names of the Redis keys. Writers and readers both take them from here.

A default list's key is that of a user with the list's name, so these names are nobody's user id (:func:`is_reserved`).
"""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import Final

from redis.crc import key_slot

from streamer.events import CLAIM
from streamer.population.defaults import ALL, list_name

PREFIX: Final = "avoid:"
"""What the key of every document begins with, users' and default lists' alike."""

_COHORT: Final = list_name("")
"""What the names of cohorts' lists begin with."""


def document_key(user_id: str) -> str:
    """Where a user's document is.

    >>> document_key("u1")
    'avoid:u1'
    """
    return f"{PREFIX}{user_id}"


EVERYBODY_KEY: Final = document_key(ALL)
"""The list of those of whom nothing is known, not even a cohort."""


def cohort_key(cohort: str) -> str:
    """Where the document of those is of whom only the cohort is known.

    >>> cohort_key("de")
    'avoid:~cohort:de'
    """
    return document_key(list_name(cohort))


def creator_key(creator_id: str) -> str:
    """Where the record of a flagged creator is.

    >>> creator_key("c7")
    'creator:c7'
    """
    return f"creator:{creator_id}"


def is_reserved(user_id: str) -> bool:
    """Whether a user with this id would overwrite a list that others fall back to, or be taken for an owner's claim.

    >>> is_reserved("~all"), is_reserved("u1")
    (True, False)
    """
    return user_id in (ALL, CLAIM) or user_id.startswith(_COHORT)


def guard_key(user_id: str) -> str:
    """Where the outbox position of a user's document is: always in the Cluster slot of the document.

    A slot is hashed from what stands between the first ``{`` and the next ``}`` of a key, else from all of it. So
    the document key in braces hashes like the document key, unless the user id has a ``}``, which would end the
    braces early. Then the shortest number of the same slot stands in the braces.

    >>> guard_key("u1")
    '{avoid:u1}:at'
    >>> guard_key("{u1}")
    '{19}avoid:{u1}:at'
    """
    key = document_key(user_id)
    if "}" not in user_id:
        return f"{{{key}}}:at"
    return f"{{{_numbers_by_slot()[key_slot(key.encode())]}}}{key}:at"


def is_users(key: str) -> bool:
    """Whether a key is some user's, document or guard: not a list others fall back to, nor anybody else's key.

    >>> is_users("avoid:u1"), is_users("{avoid:u1}:at"), is_users("avoid:~all"), is_users("{x}avoid:u1:at")
    (True, True, False, False)
    """
    if key.startswith(PREFIX):
        return not is_reserved(key.removeprefix(PREFIX))
    user_id = key.removeprefix("{" + PREFIX).removesuffix("}:at")
    if "}" in user_id:
        user_id = key.partition("}" + PREFIX)[2].removesuffix(":at")
    return key == guard_key(user_id)


@cache
def _numbers_by_slot(slots: int = 16_384) -> dict[int, int]:
    """Of every slot the least number that hashes to it (some 0.1 s, once, and only where ids have braces)."""
    found: dict[int, int] = {}
    for number in count():
        found.setdefault(key_slot(b"%d" % number), number)
        if len(found) == slots:
            return found
    raise AssertionError("numbers do not end")
