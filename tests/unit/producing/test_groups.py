"""What a member of a group reads, from the bytes that its coordinator has of it."""

from __future__ import annotations

import pytest

from streamer.producing.coordinators import subscribed
from streamer.producing.groups import groups_of
from streamer.settings import Settings


def told(*topics: str, more: bytes = b"") -> bytes:
    """A subscription as Faust sends it."""
    sized = b"".join(len(topic).to_bytes(2) + topic.encode() for topic in topics)
    return b"\x00\x04" + len(topics).to_bytes(4) + sized + more


@pytest.mark.parametrize("size", [1, 127, 128, 200, 249])
def test_topics_of_any_length_are_read(size: int) -> None:
    assert subscribed(told("x" * size, "plays", more=b'\x00\x00\x00\x91{"url":"http://vm"}')) == ["x" * size, "plays"]


@pytest.mark.parametrize("metadata", [b"", b"\x00\x04", b"\x00\x04\x00\x00\x00\x09\x00\x05pla"])
def test_what_is_no_subscription_ends(metadata: bytes) -> None:
    assert len(subscribed(metadata)) <= 1


def test_a_deployment_s_groups_read_its_own_topics() -> None:
    settings = Settings(topic_prefix="try-", source_prefix="", population=True)
    read = {group.name: group.topics for group in groups_of(settings)}
    assert read == {
        "streamer": ("impressions", "plays", "dislikes", "feedback", "erasures"),
        "streamer-publisher": ("try-avoid-lists", "try-rejects"),
        "streamer-population": ("try-population",),
    }
