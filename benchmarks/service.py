"""What the HTTP service adds to a reader: CPU ms per request of 200 candidates, all of it in one run.

Target (docs/service.md): at most three times the in-process reader plus a bare FastAPI round trip of the same bodies.

    python -m benchmarks.service

Two servers answer the same requests, one after the other, over one connection: the service, and a FastAPI route that
reads the body and answers with the same bytes. The reader fetches from the same Redis, scores and explains in
this process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import httpx
import orjson
from redis import Redis

from benchmarks.harness import Bench, main
from benchmarks.processes import cpu
from benchmarks.serving import a_document, candidates
from streamer.embedded.child import Child
from streamer.scoring.document import encode
from streamer.service.keys import new_key
from streamer.serving import AvoidListReader
from streamer.sinks.keys import Keys
from tests.backends.ports import free_port
from tests.processes import environment_of, wait_for

REQUESTS: Final = 1_000
TARGET: Final = 3.0
_BARE: Final = """
import sys, uvicorn
from fastapi import FastAPI, Request, Response
answer = open(sys.argv[2], "rb").read()
app = FastAPI()

@app.post("/score")
async def score(request: Request) -> Response:
    await request.body()
    return Response(answer, media_type="application/json")

@app.get("/livez")
async def livez() -> dict[str, str]:
    return {}

uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
"""


def run(bench: Bench) -> None:
    """Takes the figures, with a tenth of the candidates meeting an entry."""
    settings = bench.settings(redis_url=bench.redis.url)
    document = a_document()
    items = candidates(0.1, seed=7)
    with Redis.from_url(bench.redis.url) as client:
        client.set(Keys().document(document.user_id), encode(document))
    key, lines = new_key("benchmark", ["read"])
    file = bench.logs / "keys.toml"
    file.write_text(lines)
    told = [
        {name: getattr(item, name) for name in ("content_id", "creator_id", "tags", "duration_s")} for item in items
    ]
    body = orjson.dumps({"candidates": told, "relevance": [1.0] * len(items)})
    path = f"/v1/users/{document.user_id}/score"
    settings = settings.model_copy(
        update={"service_keys": file, "service_port": free_port(), "service_rate": 1_000_000}
    )
    log = bench.logs / "serve.log"
    served = Child([sys.executable, "-m", "streamer.cli", "serve"], log=log, environment=environment_of(settings))
    with _answering(served, settings.service_port, key) as http:
        answer = http.post(path, content=body)
        ours = _cpu_ms(served, lambda: http.post(path, content=body).raise_for_status())
    (bench.logs / "answer.json").write_bytes(answer.content)
    port = free_port()
    arguments = ["-c", _BARE, str(port), str(bench.logs / "answer.json")]
    bare = Child([sys.executable, *arguments], log=bench.logs / "bare.log", environment=environment_of(settings))
    with _answering(bare, port, key) as http:
        round_trip = _cpu_ms(bare, lambda: http.post("/score", content=body).raise_for_status())
    with AvoidListReader(settings.redis_url) as reader:

        def score() -> None:
            avoid = reader.get(document.user_id)
            penalties = avoid.penalties(items)
            for item, penalty in zip(items, penalties, strict=True):
                if penalty < 1.0:
                    str(avoid.explain(item))

        score()
        began = time.process_time()
        for _ in range(REQUESTS):
            score()
        in_process = (time.process_time() - began) / REQUESTS * 1000
    found = answer.json()["items"]
    bench.check("one answer for each candidate", [] if len(found) == len(items) else ["another number"])
    bench.figure("service, of 200 candidates", "CPU ms", ours)
    bench.figure("bare FastAPI round trip of the same bodies", "CPU ms", round_trip)
    bench.figure("reader in process, with reasons", "CPU ms", in_process)
    bench.figure("service, to reader and bare round trip", "x", ours / (in_process + round_trip), TARGET)


def _cpu_ms(child: Child, request: Callable[[], object]) -> float:
    """CPU ms of a request; the first hundred are not counted."""
    for _ in range(100):
        request()
    began = cpu(child)
    for _ in range(REQUESTS):
        request()
    return (cpu(child) - began) / REQUESTS * 1000


@contextmanager
def _answering(child: Child, port: int, key: str) -> Iterator[httpx.Client]:
    """A client of a server, once it answers; then the server is ended."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:

        def answers() -> bool:
            try:
                return client.get("/livez").is_success
            except httpx.TransportError:
                return False

        try:
            wait_for("it answers", answers, child)
            yield client
        finally:
            child.stop(10)


if __name__ == "__main__":
    main({"service": run}, "service")
