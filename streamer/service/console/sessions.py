"""Who is logged in: sessions in memory, found by a random token in a cookie."""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from streamer.service.keys import Caller

LASTS_S: Final = 8 * 3600
"""Until whoever does nothing is logged out."""
_MOST: Final = 1000
"""Sessions at a time; whoever was longest away goes first."""


@dataclass
class Notice:
    """What the next page says first.

    Attributes:
        text: in words.
        lines: one for each thing that is different now.
        good: whether it went as asked.
    """

    text: str
    lines: list[str] = field(default_factory=list)
    good: bool = True


@dataclass
class Session:
    """Somebody who is logged in.

    Attributes:
        caller: whose API key it was.
        csrf: what forms must bring along: other sites cannot know it.
        until: s of the clock at which it ends.
        notice: what the next page says first; None: nothing.
    """

    caller: Caller
    csrf: str
    until: float
    notice: Notice | None = None

    def may(self, scope: str) -> bool:
        """Whether the key is good for this."""
        return scope in self.caller.scopes

    def is_genuine(self, csrf: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(csrf.encode(errors="replace"), self.csrf.encode())

    def take_notice(self) -> Notice | None:
        """What is to be said, once."""
        notice, self.notice = self.notice, None
        return notice


class Sessions:
    """All sessions of this process.

    Args:
        clock: s that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_digest: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, caller: Caller) -> str:
        """A session for a caller; its token."""
        token = secrets.token_urlsafe(32)
        self._by_digest[_digest(token)] = Session(caller, secrets.token_urlsafe(32), self._clock() + LASTS_S)
        while len(self._by_digest) > _MOST:
            self._by_digest.popitem(last=False)
        return token

    def find(self, token: str) -> Session | None:
        """Whose token this is; it lasts on from now."""
        digest = _digest(token)
        session = self._by_digest.get(digest)
        if session is None:
            return None
        if self._clock() >= session.until:
            del self._by_digest[digest]
            return None
        session.until = self._clock() + LASTS_S
        self._by_digest.move_to_end(digest)
        return session

    def end(self, token: str) -> None:
        """Logs out."""
        self._by_digest.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    """What is looked up: how long a look-up takes says nothing of the token."""
    return sha256(token.encode(errors="replace")).digest()
