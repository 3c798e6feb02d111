"""The harness's contenders that are trained: what each makes of every item for every user."""

from __future__ import annotations

import numpy as np
import pytest

from lab.learning.contenders import ranked
from lab.learning.lives import study_of
from lab.learning.sources import world
from streamer.learning.retriever.options import Options
from streamer.settings import Settings

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]  # compiling takes long on a machine that others use, too
NAMES = ["none", "exclusion", "loss", "oracle"]
TINY = Options(width=8, blocks=1, heads=1, length=8, steps=3, batch=8, targets=32)


def test_the_retriever_ranks_the_whole_catalogue_for_everybody_and_not_what_they_met() -> None:
    study = study_of(world("feed", 8, 1), Settings())
    found = {each.name: each for each in ranked(study, NAMES, 0, TINY, lambda _: None)}
    for each in found.values():
        assert each.relevance.shape == (8, 2001)
        for row, case in zip(each.relevance, study.cases, strict=True):
            assert not row[list(case.met)].any()
            assert not row[0]
    plain, loss = found["none"].probability, found["loss"].probability
    assert plain is not None and loss is not None
    np.testing.assert_allclose(plain.sum(axis=1), 1, rtol=1e-4)
    assert not np.allclose(plain, loss)
    oracle, unwanted = found["oracle"], np.stack([case.truth.unwanted for case in study.cases if case.truth])
    assert oracle.probability is not None
    assert not oracle.relevance[unwanted].any()
    assert oracle.probability[unwanted].sum() < 1e-3
    np.testing.assert_allclose(oracle.probability.sum(axis=1), 1, rtol=1e-4)
    assert (oracle.relevance[~unwanted] == found["none"].relevance[~unwanted]).all()
    excluded = found["exclusion"].relevance
    assert ((excluded == found["none"].relevance) | (excluded == 0)).all()
