"""A generator without a number of steps that has nothing left for the next pass over it."""

from __future__ import annotations

import warnings

import pytest

from cnnlite.errors import CnnliteWarning
from tests.models.streams import X, Y, batches, make


def test_training_data():
    """The training ends after the one epoch that had batches, and says why."""
    with pytest.warns(CnnliteWarning, match=r"^fit: the generator ended in an earlier epoch.*"):
        history = make().fit(batches(), epochs=5, verbose=0)
    assert history.epoch == [0]


def test_validation_data():
    with pytest.warns(CnnliteWarning, match=r"^fit: validation_data: the generator ended"):
        make().fit(X, Y, epochs=2, validation_data=batches(), verbose=0)


def test_one_pass_is_no_matter_for_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make().fit(batches(), epochs=1, validation_data=batches(), verbose=0)
