"""What an avoid list costs a serving tier: us per request of 200 candidates.

Target (docs/performance.md): penalties ≤ 50 us.

    python -m benchmarks.serving

Each figure stands beside a floor from the same run: a plain loop over the same candidates that multiplies what three
dicts say of content, creator and tags, with no expiry, drift, duration, context, discovery or bounds. Figures are the
best of many runs, as `timeit` recommends: the rest is other programs' time.
"""

from __future__ import annotations

import itertools
import random
import timeit
from collections.abc import Callable
from functools import partial
from typing import Final

import xxhash

from benchmarks.harness import Bench, main
from streamer.events import DAY_MS
from streamer.scoring.document import SCHEMA, Avoid, Document, Entry, Evidence, Kind, Tier, decode, encode
from streamer.serving import AvoidList, Candidate

CANDIDATES: Final = 200
NOW: Final = 20_370 * DAY_MS + 12_345
LAST_DAY: Final = "2025-10-02"
EXPIRES_AT: Final = 20_463 * DAY_MS
TARGET_US: Final = 50


def a_document() -> Document:
    """A well-filled list: 20 tags, 10 creators and 20 contents, 10 of them hard, and a duration cap."""
    listed: list[tuple[Kind, str | int, Tier, float]] = [
        *(("creator", f"creator-{n}", "strong", 0.4) for n in range(10)),
        *(("tag", f"tag-{n}", "soft", 0.6) for n in range(20)),
        ("duration", 1920, "soft", 0.5),
        *(("content", f"content-{n}", "hard", 0.0) for n in range(10)),
        *(("content", f"content-{n}", "strong", 0.1) for n in range(10, 20)),
    ]
    return Document(SCHEMA, "user-1", NOW, None, Avoid(), tuple(an_entry(*target) for target in listed), {})


def an_entry(kind: Kind, value: str | int, tier: Tier, multiplier: float) -> Entry:
    """An entry with a typical amount of evidence."""
    evidence = Evidence(
        shown=40,
        ignored=40,
        sessions=9,
        expected=5.0,
        first_day="2025-09-01",
        last_day=None if tier == "hard" else LAST_DAY,
    )
    return Entry(kind, value, None, tier, multiplier, 0.3481, ("ignored",), evidence, NOW - 30 * DAY_MS, EXPIRES_AT)


def candidates(share: float, seed: int) -> list[Candidate]:
    """Candidates of which a share meets something listed."""
    order = random.Random(seed)
    items = []
    for n in range(CANDIDATES):
        tags = [f"tag-{order.randrange(100, 400)}" for _ in range(3)]
        creator, content, duration_s = (
            f"creator-{order.randrange(100, 300)}",
            f"content-{1000 + n}",
            order.uniform(20, 1900),
        )
        if order.random() < share:
            match order.randrange(4):
                case 0:
                    creator = f"creator-{order.randrange(10)}"
                case 1:
                    content = f"content-{order.randrange(20)}"
                case _:
                    tags[0] = f"tag-{order.randrange(20)}"
        items.append(Candidate(content, creator, tuple(tags), duration_s))
    return items


def expected(document: Document, item: Candidate, now_ms: int) -> float:
    """Spec §9 word for word, for one candidate."""
    penalty = 1.0
    for entry in document.entries:
        meets = {
            "content": entry.value == item.content_id,
            "creator": entry.value == item.creator_id,
            "tag": entry.value in item.tags,
            "duration": item.duration_s is not None and isinstance(entry.value, int) and item.duration_s > entry.value,
        }[entry.kind]
        if not meets or now_ms >= EXPIRES_AT:
            continue
        if entry.tier == "hard":
            return 0.0
        start = 20_363 * DAY_MS
        penalty *= 1 - (1 - entry.multiplier) * (EXPIRES_AT - now_ms) / (EXPIRES_AT - start)
    if penalty < 1 and xxhash.xxh64_intdigest(f"user-1\n{item.content_id}\n2025-10-09".encode()) % 20 == 0:
        return 1.0
    return max(0.1, penalty)


def floor(document: Document) -> Callable[[list[Candidate]], list[float]]:
    """The plain loop."""
    contents, creators, tags = (
        {entry.value: entry.multiplier for entry in document.entries if entry.kind == kind}
        for kind in ("content", "creator", "tag")
    )

    def penalties(items: list[Candidate]) -> list[float]:
        found = []
        for item in items:
            penalty = contents.get(item.content_id, 1.0) * creators.get(item.creator_id or "", 1.0)
            for tag in item.tags:
                penalty *= tags.get(tag, 1.0)
            found.append(penalty)
        return found

    return penalties


def best_us(run: Callable[[], object], runs: int = 200, calls: int = 20) -> float:
    """Least us per call."""
    run()
    return min(timeit.repeat(run, number=calls, repeat=runs)) / calls * 1e6


def run(bench: Bench) -> None:
    """Takes the figures, with a tenth (the target's case) and all of the candidates meeting an entry."""
    document = a_document()
    raw = encode(document)
    plain = floor(document)
    for share in (0.1, 1.0):
        items = candidates(share, seed=7)
        relevance = [random.Random(n).random() for n in range(CANDIDATES)]
        lists = AvoidList(document)
        found = lists.penalties(items, NOW)
        penalised = [
            pair for pair in zip(items, found, strict=True) if abs(pair[1] - expected(document, pair[0], NOW)) > 1e-12
        ]
        bench.check("penalties against the spec's words", penalised)
        scored = ((item, score * p) for item, score, p in zip(items, relevance, found, strict=True) if p)
        order = sorted(scored, key=lambda pair: -pair[1])
        bench.check("order after reranking", [] if lists.rerank(items, relevance, NOW) == order else ["another order"])
        # Every request has its own time, so nothing is left over from the one before.
        now = itertools.count(NOW).__next__
        at_floor = best_us(partial(plain, items))
        ours = best_us(lambda lists=lists, items=items, now=now: lists.penalties(items, now()))  # type: ignore[misc]
        rerank = best_us(lambda lists=lists, items=items, scores=relevance, now=now: lists.rerank(items, scores, now()))  # type: ignore[misc]
        whole = best_us(lambda items=items, now=now: AvoidList(decode(raw)).penalties(items, now()))  # type: ignore[misc]
        meet = sum(bool(lists.explain(item, NOW).matches) for item in items)
        of = f"of {CANDIDATES} candidates, {meet} listed"
        bench.figure(f"penalties {of}", "us", ours, TARGET_US if share < 1 else None)
        bench.figure(f"penalties {of}, to a plain loop", "x", ours / at_floor)
        bench.figure(f"reranking {of}", "us", rerank)
        bench.figure(f"from the document's bytes to penalties {of}", "us", whole)


if __name__ == "__main__":
    main({"serving": run}, "serving")
