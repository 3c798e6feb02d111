"""A small world for simulations: forty articles by four creators, and users who have seen some of them."""

from __future__ import annotations

from typing import Final

from streamer.events import DAY_MS, Event, Impression, Play
from streamer.learning.responsiveness.avoiding import AvoidListed, Popular
from streamer.learning.responsiveness.state import Item, State
from streamer.learning.retriever.histories import Met
from streamer.profile import Rules
from streamer.settings import Settings
from tests.unit.learning.examples import DAY_0

RULES: Final = Rules(Settings(labels=True))
ITEMS: Final = {
    f"{creator}{n}": Item(f"{creator}{n}", creator, (f"tag-{n % 3}",), "article")
    for n in range(10)
    for creator in "abcd"
}
POPULAR: Final = Popular({name: 100 - place for place, name in enumerate(ITEMS)})
"""a0, b0, c0, d0, a1 …"""


def listed() -> AvoidListed:
    return AvoidListed(POPULAR, ITEMS, RULES)


def user(number: int, ignored: int, read: int = 60) -> State:
    """Somebody who read articles by others, and in between passed over so many by a; none of them is to come again."""
    met: list[Met] = []
    events: list[Event] = []
    for n in range(read):
        is_ignored = n % 2 == 1 and n // 2 < ignored
        creator = "a" if is_ignored else "bcd"[n % 3]
        item = Item(f"old-{n}", creator, (f"tag-{n % 3}",), "article")
        start = DAY_0 + n * DAY_MS // 4
        events += [
            Impression(user_id=f"u{number}", ts=ts, position=0, visible_ms=3000, **item.carried)
            for ts in (start, start + 20_000)
        ]
        if not is_ignored:
            events.append(Play(user_id=f"u{number}", ts=start + 20_000, played_s=60, scroll_depth=1.0, **item.carried))
            met.append(Met(item.content_id, "engaged", 0.61))
    return State(f"u{number}", tuple(met), tuple(events), DAY_0 + 20 * DAY_MS)
