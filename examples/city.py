"""Training examples without a broker: those of a generated city, as `streamer labels export` would write them.

python examples/city.py FOLDER [--users 200] [--days 30] [--seed 0]
"""

from __future__ import annotations

import argparse
import asyncio
from collections import defaultdict
from pathlib import Path

from streamer.city.city import City
from streamer.engine.kafka.producer import NewRecord
from streamer.events import DAY_MS, Event
from streamer.learning.examples.export import Export
from streamer.profile import Rules, lived
from streamer.profile.labels import encode
from streamer.settings import Settings
from streamer.testing.broker import MemoryBroker, MemoryScanner

END_MS = 20_000 * DAY_MS
SETTINGS = Settings(labels=True, partitions=1)


def write(folder: Path, users: int, days: int, seed: int) -> int:
    """Writes the examples of a city to a new folder; returns how many there are."""
    lives: defaultdict[str, list[Event]] = defaultdict(list)
    for _, event in City(users, days, seed, END_MS).events():
        lives[event.user_id].append(event)
    broker, rules = MemoryBroker(), Rules(SETTINGS)
    for user_id, events in lives.items():
        profile = lived(user_id, events, rules)
        profile.advance(END_MS + DAY_MS)
        records = [NewRecord(user_id.encode(), encode(label), ()) for label in profile.take_labels()]
        broker.append(SETTINGS.topics.labels, records)
    return asyncio.run(Export(SETTINGS, folder).run(MemoryScanner(broker))).examples


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a new one")
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(f"{write(args.folder, args.users, args.days, args.seed):,} examples in {args.folder}")


if __name__ == "__main__":
    main()
