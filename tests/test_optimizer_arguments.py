"""Every optimizer hands each argument that all have on to the right place."""

from __future__ import annotations

from typing import Any

import pytest

from cnnlite import optimizers

CLASSES = [
    getattr(optimizers, name)
    for name in optimizers.__all__
    if name[0].isupper() and name != "Optimizer"
]
COMMON: dict[str, Any] = {
    "learning_rate": 0.125,
    "weight_decay": 0.25,
    "clipnorm": 0.375,
    "clipvalue": 0.5,
    "global_clipnorm": 0.625,
    "use_ema": True,
    "ema_momentum": 0.75,
    "ema_overwrite_frequency": 7,
    "name": "mine",
}


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("argument", COMMON)
def test_a_common_argument_is_kept_under_its_name(cls: type, argument: str):
    """One argument at a time: it changes its own entry of the configuration and no other."""
    expected = cls().get_config() | {argument: COMMON[argument]}
    assert cls(**{argument: COMMON[argument]}).get_config() == expected


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("argument", ["loss_scale_factor", "gradient_accumulation_steps"])
def test_what_is_not_offered_is_refused_by_its_name(cls: type, argument: str):
    with pytest.raises(ValueError, match=f"{argument} is not offered. Got 3"):
        cls(**{argument: 3})


def test_all_classes_are_here():
    assert len(CLASSES) == 9
