"""What the population agent announces: versions move only with the rates, documents only with what they say."""

from __future__ import annotations

from msgspec.structs import replace

from streamer.engine.population.announcement import Announcement, announce
from streamer.events import DAY_MS
from streamer.population import Key, Totals, health
from streamer.population.sums import CohortSums, CreatorSums, TagSums
from streamer.scoring import document
from streamer.settings import Settings

SETTINGS = Settings()
NOW = 1_760_000_000_000


def totals() -> Totals:
    """Everybody passes `gore` over, and `news` only those of `de`; `bait` draws people in and loses them."""
    found = Totals()
    found.add(Key("tag", "gore"), TagSums(users=200, dislikes=40, o=10_000_000, e=100_000_000))
    found.add(Key("tag", "fun"), TagSums(users=2000, dislikes=10, o=900_000_000, e=1_000_000_000))
    found.add(Key("tag", "news"), TagSums(users=500, o=200_000_000, e=200_000_000))
    found.add(Key("cohort", "news", "de"), CohortSums(0, 60_000_000))
    found.add(Key("creator", "bait"), CreatorSums([0] * 8 + [60, 0, 0, 0], 130, 100_000_000, 140, 70, 50_000_000))
    return found


def test_rates_lists_and_flags_follow_from_the_totals() -> None:
    made = announce(totals(), Announcement(), NOW, SETTINGS)
    assert (made.priors.version, made.priors.as_of) == (NOW // 1000, NOW)
    assert made.priors.tags["gore"] > 0.04 > made.priors.tags["fun"]
    assert made.priors.creators["bait"] > 0.2
    everybody, germans = (document.decode(made.lists[name]) for name in (b"~all", b"~cohort:de"))
    assert [(e.value, e.tier, e.reasons) for e in everybody.entries] == [("gore", "soft", ("cohort",))]
    assert [(e.value, e.multiplier) for e in germans.entries] == [("news", 0.3)]
    assert {creator: health.decode(raw).flags for creator, raw in made.health.items()} == {b"bait": ("hook",)}


def test_what_says_the_same_stays_as_it_was_but_for_the_time_of_the_snapshot() -> None:
    first = announce(totals(), Announcement(), NOW, SETTINGS)
    again = announce(totals(), first, NOW + 60_000, SETTINGS)
    assert again.priors == replace(first.priors, as_of=NOW + 60_000)
    assert (again.lists, again.health) == (first.lists, first.health)


def test_a_rate_that_moves_makes_a_new_version() -> None:
    first = announce(totals(), Announcement(), NOW, SETTINGS)
    more = totals()
    more.add(Key("tag", "gore"), TagSums(users=4000))
    assert announce(more, first, NOW, SETTINGS).priors.version == NOW // 1000 + 1


def test_an_empty_population_is_announced_with_the_constants() -> None:
    made = announce(Totals(), Announcement(), NOW, SETTINGS)
    assert (made.priors.start_rate, made.priors.tags, made.lists, made.health) == (0.1, {}, {}, {})


def test_a_default_list_is_written_again_the_next_day_so_that_it_does_not_expire() -> None:
    first = announce(totals(), Announcement(), NOW, SETTINGS)
    later = announce(totals(), first, NOW + DAY_MS, SETTINGS)
    assert later.lists[b"~all"] != first.lists[b"~all"]


def test_the_number_of_keys_named_is_a_setting() -> None:
    made = announce(totals(), Announcement(), NOW, Settings(population_keys=1))
    assert list(made.priors.tags) == ["fun"]
