"""What is named or complained about and then engaged with again (spec §4, §7): the profile equals the oracle."""

from __future__ import annotations

from hypothesis import event, given, settings
from hypothesis import strategies as st

from lab.oracle.oracle import Oracle, same
from streamer.events import DAY_MS, Dislike, Event, Feedback, Impression, Play
from streamer.profile import Profile, Rules
from streamer.settings import Settings
from tests.property.driving import Saved, reloaded, take, watermark_at
from tests.property.worlds import BASE_DAY

NARROW = Settings(window_days=8, half_life_days=4)
"""A window that what takes a statement back can leave before the statement ends."""

Deed = tuple[str, str, int]
"""What is done, the tag, how often."""

deeds = st.one_of(
    st.tuples(st.just("watch"), st.sampled_from(["x", "y"]), st.integers(1, 3)),
    st.tuples(st.just("watch"), st.just("x"), st.integers(1, 3)),
    st.tuples(st.just("pass"), st.sampled_from(["x", "y"]), st.integers(1, 12)),
    st.tuples(st.sampled_from(["name", "hide", "block", "complain", "undo", "like"]), st.sampled_from(["x", "y"]),
              st.just(1)),
)  # fmt: skip
lives = st.lists(st.lists(deeds, max_size=3), min_size=4, max_size=14)
"""What is done on each day."""


def events_of(deed: Deed, ts: int) -> list[Event]:
    what, tag, times = deed
    found: list[Event] = []
    for n in range(times):
        at, content = ts + n * 120_000, f"{tag}-{ts}-{n}"
        if what in ("watch", "pass"):
            found.append(Impression(user_id="u", ts=at, content_id=content, tags=(tag,), visible_ms=2_000))
        if what == "watch":
            found.append(Play(user_id="u", ts=at + 60_000, content_id=content, tags=(tag,), played_s=60, duration_s=60))
        if what == "complain":
            found.append(Dislike(user_id="u", ts=at, content_id=content, tags=(tag, "z"), action="dislike"))
        if what == "like":
            found.append(Feedback(user_id="u", ts=at, content_id=content, tags=(tag,), kind="like"))
        if what in ("name", "hide", "block", "undo"):
            action = "dislike" if what == "name" else what
            found.append(Dislike(user_id="u", ts=at, action=action, scope="tag", tag=tag))  # type: ignore[arg-type]
    return found


@settings(deadline=None, max_examples=40)
@given(life=lives, narrow=st.booleans())
def test_the_profile_equals_the_oracle_whatever_is_named_and_engaged_with_again(
    life: list[list[Deed]], narrow: bool
) -> None:
    constants = NARROW if narrow else Settings()
    profile, truth, saved = Profile("u", Rules(constants)), Oracle(constants).run([]), Saved()
    for day, done in enumerate(life):
        steps: list[Event | int] = []
        for number, deed in enumerate(done):
            steps += events_of(deed, (BASE_DAY + day) * DAY_MS + (6 + 2 * number) * 3_600_000)
        for step in [*steps, watermark_at(24 * day + 20)]:
            take(profile, step)
            truth.step(step)
            assert same(profile.document(), truth.document()) == []
        saved.save(profile)
        profile = reloaded(profile, saved)
    hard = {
        key.target for key, entry in profile.standing.hard.items() if key.scope == "tag" and entry.live(profile.newest)
    }
    document = profile.document()
    there = set() if document is None else {e.value for e in document.entries if (e.kind, e.tier) == ("tag", "hard")}
    event(f"named tags taken back: {len(hard - there)}")
