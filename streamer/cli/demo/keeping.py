"""The demo left running: what to type elsewhere, until Ctrl-C."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console

from streamer.cli.demo.deployment import Deployment, differing
from streamer.scoring.document import Document


def keep_running(console: Console, deployment: Deployment, shown: Document | None) -> None:
    """Lets the wall clock move time, says how to send events and look around, and waits for Ctrl-C.

    Args:
        console: to say it on.
        deployment: whose city is through.
        shown: the list that was shown last; None: nobody has one.

    Raises:
        ProcessEnded: one of the agents has ended.
    """
    deployment.go_live()
    name = program()
    user, entry = ("ann", None) if shown is None else (shown.user_id, shown.entries[0])
    lines = [f"export {variable}={shlex.quote(text)}" for variable, text in differing(deployment.settings).items()]
    lines += [f"{name} emit dislike {user} action=not_interested scope=tag tag=yoga", f"{name} inspect {user}"]
    if entry is not None:
        lines.append(f"{name} explain {user} {shlex.quote(str(entry.value))}")
    console.print(
        "\nIt is left running, and time goes by the clock now. In another terminal:",
        *(f"  {line}" for line in lines),
        sep="\n",
        soft_wrap=True,
        markup=False,
    )
    console.print("Ctrl-C ends it. The demo's broker and Redis keep nothing: for trying out only.")
    try:
        while True:
            for agent in deployment.agents:
                agent.counters()
            time.sleep(1)
    except KeyboardInterrupt:
        console.print()


def program() -> str:
    """How the reader's shell calls this program."""
    called = Path(sys.argv[0])
    if called.name != "streamer":
        return "python -m streamer.cli"
    found = shutil.which("streamer")
    if found is not None and Path(found).samefile(called):
        return "streamer"
    here = Path.cwd()
    return str(called.relative_to(here) if called.is_relative_to(here) else called)
