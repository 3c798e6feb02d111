"""What stands of the explicit feedback of one session, by content: what its interactions are read with (spec §2).

A session's records are the only place that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from streamer.profile.explicit.orders import standing_purchases
from streamer.profile.explicit.records import RecordKey, SessionRecord
from streamer.signals.explicit import DISLIKE_FAMILY, POSITIVE_KINDS
from streamer.signals.interaction import SessionFeedback

_KINDS: Final = sorted({*POSITIVE_KINDS} - {"rating", "purchase", "follow"})


def feedback_in(records: Mapping[RecordKey, SessionRecord]) -> dict[str, SessionFeedback]:
    """What stands of a session's records by content; contents that nothing was said of are left out."""
    parts: dict[str, dict[str, SessionRecord]] = {}
    followed: set[str] = set()
    for (scope, target, family), part in records.items():
        if scope == "content":
            parts.setdefault(target, {})[family] = part
        elif family == "follow":
            followed.update(said.content_id for said in part.statements if said.content_id and said.ts > part.undo)
    found = {content_id: _standing(by_family) for content_id, by_family in parts.items()}
    for content_id in followed:
        known = found.get(content_id, SessionFeedback())
        found[content_id] = replace(known, kinds=tuple(sorted((*known.kinds, "follow"))))
    return found


def _standing(parts: Mapping[str, SessionRecord]) -> SessionFeedback:
    """What stands of one content.

    Args:
        parts: its records by family.
    """
    rated, bought, back = parts.get("rating"), parts.get("purchase"), parts.get("return")
    returns, returns_undone = ({}, -1) if back is None else (back.acts.returns, back.undo)
    disliked = parts.get(DISLIKE_FAMILY)
    return SessionFeedback(
        tuple(kind for kind in _KINDS if kind in parts and _acted(parts[kind])),
        rated.acts.rating if rated is not None and rated.acts.rating_at > rated.undo else None,
        0 if bought is None else len(standing_purchases(bought.acts.purchases, bought.undo, returns, returns_undone)),
        max(returns.values(), default=-1) > returns_undone,
        disliked is not None and _acted(disliked),
    )


def _acted(part: SessionRecord) -> bool:
    """Whether an action of a record stands."""
    return max(part.acts.acted.values(), default=-1) > part.undo
