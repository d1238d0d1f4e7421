"""The value with which pad_sequences fills up."""

from __future__ import annotations

import pytest

from cnnlite.utils import pad_sequences


def test_an_array_of_objects_holds_any_value():
    padded = pad_sequences([["a"], ["b", "c"]], dtype=object, value=None)
    assert padded.tolist() == [[None, "a"], ["b", "c"]]


@pytest.mark.parametrize("dtype", ["int32", "float32", "U3"])
@pytest.mark.parametrize("value", [None, [0], {}])
def test_other_arrays_hold_numbers_or_text(dtype: str, value: object):
    with pytest.raises(TypeError, match=r"^pad_sequences: value must be a number, or text\. Got"):
        pad_sequences([[1], [2, 3]], dtype=dtype, value=value)
