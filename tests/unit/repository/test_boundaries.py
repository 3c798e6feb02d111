"""The places where system tests crash a process exist, and are called as the tests take them to be."""

from __future__ import annotations

import inspect

import pytest

from tests.system.faults.faulty import BOUNDARIES, Boundary


@pytest.mark.parametrize("boundary", BOUNDARIES.values(), ids=BOUNDARIES)
def test_what_says_whether_a_call_counts_takes_the_arguments_of_that_method(boundary: Boundary) -> None:
    arguments = list(inspect.signature(getattr(boundary.owner, boundary.method)).parameters)[1:]
    inspect.signature(boundary.counts).bind(*arguments)
