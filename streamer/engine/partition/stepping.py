"""One step of one user: apply the events, advance if due, form the document. All that may raise is in here.

Faust seam: none; no I/O.
"""

from __future__ import annotations

from streamer.engine.partition.work import HotUser, LabelWrite, Result, Step
from streamer.profile import EventFate, Profile, Rules
from streamer.profile.labels import encode as encode_label
from streamer.scoring.document import encode, must_write


def replay(profile: Profile, step: Step) -> tuple[list[EventFate], int | None]:
    """Applies a step's events; what became of them, and the user's deadline now."""
    outcomes = profile.apply_all(step.events, step.before)
    deadline = profile.deadline()
    if deadline is not None and deadline <= step.after:
        profile.advance(step.after)
        deadline = profile.deadline()
    return outcomes, deadline


def attempt(hot: HotUser, step: Step, rules: Rules) -> Result:
    """Does the step, and says what is to be written; nothing but the profile has changed yet."""
    outcomes, deadline = replay(hot.profile, step)
    labels = _label_writes(hot.profile) if rules.labels else ()
    if not hot.profile.stale:
        return Result(outcomes, hot.last_written, False, None, deadline, labels)
    document = hot.profile.document()
    writes = must_write(hot.last_written, document, rules.window_ms // 2)
    raw = encode(document) if writes and document is not None else None
    return Result(outcomes, document, writes, raw, deadline, labels)


def _label_writes(profile: Profile) -> list[LabelWrite]:
    return [LabelWrite(label.user_id, label.name, encode_label(label)) for label in profile.take_labels()]
