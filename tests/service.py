"""The HTTP service in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from streamer.service.keys import SCOPES, Scope, new_key
from streamer.settings import Settings
from tests.backends.ports import free_port
from tests.processes import HANGS_AFTER_S, running, start, wait_for


class Service(NamedTuple):
    """A running service, its keys, by their one scope and that good for everything, and a client with the latter."""

    settings: Settings
    url: str
    keys: dict[Scope, str]
    everything: str
    full: httpx.Client

    def client(self, scope: Scope) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.keys[scope]}"}, timeout=30)


@contextmanager
def serving(settings: Settings, folder: Path, *, alone: bool = False) -> Iterator[Service]:
    """A service, if it is not to be alone with a worker and a publisher behind it; logs and keys are in ``folder``."""
    made = {scope: new_key(f"only {scope}", [scope]) for scope in SCOPES}
    everything, lines = new_key("everything", SCOPES)
    file = folder / "keys.toml"
    file.write_text("\n".join([lines, *(each for _, each in made.values())]))
    port = free_port()
    more = {"clock": "wall", "service_keys": file, "service_port": port, "checkpoint_interval": 0.5}
    settings = settings.model_copy(update=more)
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        if not alone:
            stack.enter_context(running("worker", settings, folder / "worker.log"))
            stack.enter_context(running("publisher", settings, folder / "publisher.log"))
        child = start("publisher", settings, folder / "serve.log", ["-m", "streamer.cli", "serve"])
        stack.callback(child.stop, HANGS_AFTER_S)
        full = stack.enter_context(
            httpx.Client(base_url=url, headers={"Authorization": f"Bearer {everything}"}, timeout=30)
        )
        wait_for("the service is ready", lambda: _ready(full), child)
        yield Service(settings, url, {scope: key for scope, (key, _) in made.items()}, everything, full)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
