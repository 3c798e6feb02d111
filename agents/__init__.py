"""The Faust agents: wiring only, no rule lives here."""

from agents.app import build_publisher, build_worker, run_publisher, run_worker

__all__ = ["build_publisher", "build_worker", "run_publisher", "run_worker"]
