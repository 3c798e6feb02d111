"""examples/als.py runs as it stands, on what a city's events leave as labels."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np
import pytest

from streamer.city import city
from streamer.settings import Settings
from streamer.testing import StreamerJob
from tests.unit.learning.examples import DAY_0, Told, example, label

SCRIPT: Final = Path(__file__).parents[3] / "examples/als.py"


@pytest.fixture(scope="module")
def als() -> ModuleType:
    spec = importlib.util.spec_from_file_location("als_example", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore:OpenBLAS")
def test_it_trains_on_what_a_citys_events_leave_as_labels(als: ModuleType, tmp_path: Path) -> None:
    job = StreamerJob(Settings(labels=True))
    job.send(*(event for _, event in city.generate(users=40, days=6, seed=5, end_ms=DAY_0)))
    job.advance(3 * 3600)
    told = Told(tmp_path)
    told.tell(*job.labels)
    assert told.export(10_000).labels == len(job.labels)
    head, *figures = als.main(tmp_path)
    assert re.match(r"\d+ examples before 2024-10-0\d, \d+ users", head)
    assert [line.split(":")[0] for line in figures] == ["ALS, Hu-Koren-Volinsky", "ALS, with IPS"]
    assert all(0 <= float(share) <= 1 for line in figures for share in re.findall(r"\d\.\d{3}", line))


def test_weights_of_a_cell_add_up_and_their_sign_is_the_preference(als: ModuleType) -> None:
    rows = {
        "user": np.array([0, 0, 1]), "item": np.array([0, 0, 1]), "weight": np.array([0.61, 0.39, -1.5]),
        "ips": np.array([1.0, 1.0, 2.0]),
    }  # fmt: skip
    assert als.confidences(rows, (2, 2), ips=False).toarray().tolist() == [[41.0, 0.0], [0.0, -61.0]]
    assert als.confidences(rows, (2, 2), ips=True).toarray().tolist() == [[41.0, 0.0], [0.0, -121.0]]


def test_too_little_to_measure_is_said(als: ModuleType, tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.export()
    assert "there are no examples" in als.main(tmp_path)[0]
    told.tell(label("u", DAY_0, example("c")))
    told.export()
    assert "two days or more" in als.main(tmp_path)[0]
    told.tell(label("u", DAY_0 + 86_400_000, example("c")))
    told.export()
    assert "nobody chose anything new" in als.main(tmp_path)[0]
