"""Which two layers Bidirectional takes together."""

from __future__ import annotations

import pytest

from cnnlite import layers


@pytest.mark.parametrize("option", ["stateful", "return_sequences", "return_state"])
def test_two_layers_that_differ_are_refused(option: str):
    other = layers.GRU(3, go_backwards=True)
    with pytest.raises(ValueError, match=f"differ in {option}. Got True and False"):
        layers.Bidirectional(layers.LSTM(3, **{option: True}), backward_layer=other)


def test_two_layers_of_one_direction_are_refused():
    with pytest.raises(ValueError, match="same direction, go_backwards=False"):
        layers.Bidirectional(layers.LSTM(3), backward_layer=layers.GRU(3))


def test_two_layers_of_other_kinds_go_together():
    both = layers.Bidirectional(layers.LSTM(3), backward_layer=layers.GRU(2, go_backwards=True))
    assert both(layers.Input((4, 5))).shape == (None, 5)
