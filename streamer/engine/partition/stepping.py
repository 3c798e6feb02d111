"""One step of one user: apply the events, advance if due, form the document. All that may raise is in here.

Faust seam: none; no I/O.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamer.engine.partition.work import HotUser, LabelWrite, Result, Step
from streamer.profile import EventFate, Profile, Rules
from streamer.profile.labels import encode as encode_label
from streamer.profile.session import Session
from streamer.scoring.document import encode, must_write


def replay(profile: Profile, step: Step) -> tuple[list[EventFate], int | None, Sequence[Session]]:
    """Applies a step's events; what became of them, the user's deadline now, and the sessions that sealed."""
    outcomes = profile.apply_all(step.events, step.before)
    deadline, sealed = profile.deadline(), list[Session]()
    if deadline is not None and deadline <= step.after:
        sealed = profile.advance(step.after)
        deadline = profile.deadline()
    return outcomes, deadline, sealed


def attempt(hot: HotUser, step: Step, rules: Rules) -> Result:
    """Does the step, and says what is to be written; nothing but the profile has changed yet."""
    outcomes, deadline, sealed = replay(hot.profile, step)
    labels = _label_writes(hot.profile) if rules.labels else ()
    if not hot.profile.stale:
        return Result(outcomes, hot.last_written, False, None, deadline, labels, sealed)
    document = hot.profile.document()
    writes = must_write(hot.last_written, document, rules.window_ms // 2)
    raw = encode(document) if writes and document is not None else None
    return Result(outcomes, document, writes, raw, deadline, labels, sealed)


def _label_writes(profile: Profile) -> list[LabelWrite]:
    return [LabelWrite(label.user_id, label.name, encode_label(label)) for label in profile.take_labels()]
