"""Things bought and returned (spec §6), and one loved item against a named tag, by profile and oracle alike."""

from __future__ import annotations

import pytest

from streamer.events import DAY_MS, Event
from tests.lives import document_after, entries_of, in_days, tiers, usual_days
from tests.steps import MINUTE, NOON, SECOND, disliked, gave, played, shown

HABITS = {"nothing else": [], "a browser": usual_days(0.1, 0.0), "a viewer": usual_days(0.3, 0.3)}


def bought(day: int, item: str, *tags: str, back_after: int | None = None, found: bool = False) -> list[Event]:
    """A product looked at, clicked and bought; and sent back that many days later, if it was.

    Args:
        found: by search, so that it was not shown.
    """
    ts = NOON + day * DAY_MS
    told = {"media": "product", "creator_id": "brand"}
    events: list[Event] = [] if found else [shown(ts, item, *tags, position=0, **told)]
    events += [
        gave(ts + 9 * SECOND, item, "click", *tags, **told),
        gave(ts + MINUTE, item, "purchase", *tags, order_id=f"o-{item}", **told),
    ]
    if back_after is not None:
        events.append(gave(ts + back_after * DAY_MS, item, "return", order_id=f"o-{item}"))
    return events


@pytest.mark.parametrize("habits", HABITS)
@pytest.mark.parametrize("found", [False, True], ids=["shown", "found"])
@pytest.mark.parametrize("back_after", [0, 3])
def test_three_things_bought_and_returned_lower_what_they_share(habits: str, found: bool, back_after: int) -> None:
    life = [*HABITS[habits]]
    for n in range(3):
        life += bought(n, f"p{n}", "linen", f"own{n}", back_after=back_after, found=found)
    document = document_after(*in_days(life))
    assert tiers(document, "tag", "linen") == ["soft"] or tiers(document, "tag", "linen") == ["strong"]
    assert "returned" in entries_of(document, "tag", "linen")[0].reasons
    assert [entry.value for entry in entries_of(document, "tag") if str(entry.value).startswith("own")] == []


@pytest.mark.parametrize(("kept", "listed"), [(0, True), (3, False)])
def test_as_many_things_kept_lower_nothing(kept: int, listed: bool) -> None:
    life: list[Event] = []
    for n in range(3):
        life += bought(n, f"p{n}", "linen", f"own{n}", back_after=3)
    for n in range(kept):
        life += bought(10 + n, f"k{n}", "linen", f"kept{n}")
    assert bool(tiers(document_after(*in_days(life)), "tag", "linen")) is listed


NAMED = disliked(NOON, None, scope="tag", tag="x")


@pytest.mark.parametrize("kind", ["like", "love", "save", "share"])
def test_one_loved_item_lifts_no_named_tag(kind: str) -> None:
    ts = NOON + DAY_MS
    loved = [shown(ts, "a", "x"), played(ts + SECOND, "a", "x", played_s=100, duration_s=100)]
    loved += [gave(ts + 2 * MINUTE, "a", kind, "x")]
    assert tiers(document_after(*in_days([NAMED, *loved])), "tag", "x") == ["hard"]
