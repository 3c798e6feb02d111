"""The demo's city with the console before it, as it is an hour into its life: lists, traffic, some broken records."""

from __future__ import annotations

import json
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from rich.console import Console
from rich.progress import Progress

from streamer.city.city import City
from streamer.cli.demo.deployment import Deployment, environment
from streamer.cli.demo.traffic import Traffic, documents
from streamer.cli.options import Options
from streamer.clock import wall_ms
from streamer.embedded.child import Child
from streamer.events import Dislike, Impression
from streamer.partitioning import partition_of
from streamer.producing import SignalProducer
from streamer.producing.connection import open_producer
from streamer.scoring.document import Document
from streamer.service.keys import SCOPES, new_key
from streamer.settings import Settings

_PORT: Final = 18_080
_STARTS_S: Final = 60.0
_STOPS_S: Final = 30.0
_ROW: Final = 3
_EVENTS_A_TIME: Final = 40
_BROKEN: Final[tuple[tuple[str, Mapping[str, object]], ...]] = (
    ("plays", {"user_id": "user-00003", "played_s": 12.5, "creator_id": "creator-0004"}),
    ("impressions", {"user_id": "user-00005", "content_id": "content-00017", "visible_ms": "2400"}),
    ("feedback", {"user_id": "user-00008", "content_id": "content-00017", "kind": "adore"}),
)


class Inhabited(NamedTuple):
    """A city that is through.

    Attributes:
        url: of the service.
        key: that opens everything.
        user: whose list shows most.
    """

    url: str
    key: str
    user: str


@contextmanager
def inhabited(console: Console, events: int) -> Iterator[Inhabited]:
    """The city, with somebody sending events until the end.

    Args:
        console: told how it goes.
        events: how many it makes.
    """
    with Deployment(Options(None, ())) as deployment:
        settings = deployment.settings
        settle_ms = round(1000 * (settings.session_gap + settings.grace + 1))
        city = City.of_size(events, end_ms=wall_ms() - settle_ms, seed=7, days=45, users=None)
        with SignalProducer(settings, linger=0.1) as producer, Progress(console=console) as progress:
            Traffic(deployment, city, progress).run(producer, settled_ms=city.end_ms + settle_ms)
        deployment.go_live()
        settings = deployment.settings
        _break(settings)
        key, lines = new_key("pictures", SCOPES)
        file = Path(settings.data_dir) / "keys.toml"
        file.write_text(lines)
        ending = threading.Event()
        passing_by = threading.Thread(target=_passing_by, args=(settings, ending), daemon=True)
        passing_by.start()
        child = _served(settings, file)
        try:
            yield Inhabited(f"http://127.0.0.1:{_PORT}", key, _most_telling(documents(settings)))
        finally:
            ending.set()
            passing_by.join()
            child.stop(_STOPS_S)


def _served(settings: Settings, keys: Path) -> Child:
    given = settings.model_copy(update={"service_keys": keys, "service_port": _PORT})
    log = keys.with_name("serve.log")
    child = Child([sys.executable, "-m", "streamer.cli", "serve"], log=log, environment=environment(given))
    pause = threading.Event()
    for _ in range(round(_STARTS_S * 5)):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{_PORT}/readyz", timeout=5):
                return child
        except (urllib.error.URLError, OSError):
            pause.wait(0.2)
    raise RuntimeError(f"the service did not start: {child.tail()}")


def _passing_by(settings: Settings, ending: threading.Event) -> None:
    """Somebody is shown something, some twenty times a second."""
    random = Random(7)
    with SignalProducer(settings) as producer:
        while not ending.wait(1.0):
            for _ in range(random.randrange(1, _EVENTS_A_TIME)):
                item = f"content-{random.randrange(5000):05}"
                ts = wall_ms()
                producer.send(Impression(user_id=f"visitor-{random.randrange(500)}", ts=ts, content_id=item))
            loud = f"visitor-{random.randrange(500)}"
            producer.send(Dislike(user_id=loud, ts=wall_ms(), action="hide", content_id=item))


def _break(settings: Settings) -> None:
    producer = open_producer(settings, 30, auto_create=True)
    for topic, fields in _BROKEN:
        user = str(fields["user_id"])
        home = partition_of(user, settings.partitions, settings.partitioner)
        value = json.dumps({"ts": wall_ms(), **fields}).encode()
        producer.send(settings.topics.source_prefix + topic, value, user.encode(), partition=home)
    producer.flush()
    producer.close()


def _most_telling(found: Mapping[str, Document]) -> str:
    """Whose list has few mere noes, all strengths, and most kinds."""

    def telling(document: Document) -> tuple[bool, int, int, str]:
        entries = document.entries
        noes = sum(entry.tier == "hard" for entry in entries)
        likely = sum(entry.tier == "strong" for entry in entries)
        return 0 < noes <= _ROW, min(likely, _ROW), len({entry.kind for entry in entries}), document.user_id

    return max(found.values(), key=telling).user_id
