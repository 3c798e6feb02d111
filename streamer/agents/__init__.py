"""The Faust agents: wiring only, no rule lives here."""

from streamer.agents.app import (
    build_population,
    build_publisher,
    build_worker,
    run_population,
    run_publisher,
    run_worker,
)

__all__ = [
    "build_population",
    "build_publisher",
    "build_worker",
    "run_population",
    "run_publisher",
    "run_worker",
]
