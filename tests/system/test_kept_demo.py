"""`streamer demo --keep`: every command works on what it leaves running."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.demo import ROOT, Demo


def test_a_kept_demo_takes_events_of_ones_own_and_can_be_looked_into_and_changed(
    folder: Path, demos: list[Demo]
) -> None:
    demo = Demo(folder, "--events", "5000", "--keep")
    demos.append(demo)
    demo.wait_for("Ctrl-C ends it")
    exported = demo.exports()
    assert exported.keys() >= {"STREAMER_BROKERS", "STREAMER_REDIS_URL", "STREAMER_POPULATION", "STREAMER_DATA_DIR"}
    assert "STREAMER_CLOCK" not in exported  # time goes by the wall clock, as it does by default
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STREAMER_")} | exported | {"COLUMNS": "120"}
    user = re.findall(r"What (user-\d+) is", demo.text())[0]

    def streamer(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "streamer.cli", *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment,
            timeout=60,
            check=False,
        )

    checked = streamer("check")
    assert checked.returncode == 0, checked.stdout
    before = streamer("inspect", user, "--json").stdout
    assert f'"user_id":"{user}"' in before
    said = streamer("emit", "dislike", "ann", "action=block", "scope=tag", "tag=Yoga")
    assert said.returncode == 0, said.stderr
    assert re.search(r"New on the list.*tag yoga +hard +excluded +they said so +undone", said.stdout, re.DOTALL)
    once = streamer("emit", "impression", "ann", "content_id=c1", "tags=cats,dogs", "visible_ms=2400", "position=0")
    assert (once.returncode, "ann's list is as it was. Being shown" in once.stdout) == (0, True), once.stderr
    undone = streamer("emit", "dislike", "ann", "action=undo", "scope=tag", "tag=yoga")
    assert "no more on the list: tag yoga" in undone.stdout, undone.stderr
    value = re.findall(r'"kind":"(?:tag|creator)","value":"([^"]+)","context":null,"tier":"(?:soft|strong)"', before)[0]
    assert "listed: " in streamer("explain", user, value).stdout
    assert "0 written to Redis" in streamer("rebuild-redis").stdout
    assert "Redis: deleted" in streamer("erase", user).stdout
    assert streamer("inspect", user).returncode == 1
    demo.end()
