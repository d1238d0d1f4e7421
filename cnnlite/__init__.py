"""cnnlite: a deep-learning engine for CPUs that reads like Keras.

>>> import cnnlite as keras
>>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
>>> model.count_params()
10
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public names by the module that holds them, imported on first use, so that
# `import cnnlite` costs nothing that the program does not need.
_NAMES = {
    "cnnlite.config_report": ("show_config",),
    "cnnlite.gradient_check": ("check_gradients",),
    "cnnlite.initializers": ("Initializer",),
    "cnnlite.kernels.native.winograd": ("get_winograd", "set_winograd"),
    "cnnlite.kernels.registry": ("compile_ahead", "get_backend", "set_backend", "using_backend"),
    "cnnlite.kernels.threads": ("get_num_threads", "set_num_threads", "threads"),
    "cnnlite.layers": ("Input", "Layer"),
    "cnnlite.losses": ("Loss",),
    "cnnlite.metrics": ("Metric",),
    "cnnlite.models": ("Model", "Sequential", "load_model", "save_model"),
    "cnnlite.optimizers": ("Optimizer",),
    "cnnlite.random_state": ("set_random_seed",),
    "cnnlite.regularizers": ("Regularizer",),
}
_MODULES = (
    "activations",
    "applications",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "errors",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "regularizers",
    "saving",
    "schedules",
    "utils",
    "visualization",
)
_OPTIONAL = ("sklearn",)  # raises ImportError without its package, so no list names it
_WHERE = {name: module for module, names in _NAMES.items() for name in names}

__all__ = ["__version__", *_MODULES, *_WHERE]

if TYPE_CHECKING:
    from cnnlite import (
        activations,
        applications,
        callbacks,
        config,
        constraints,
        datasets,
        errors,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        regularizers,
        saving,
        schedules,
        utils,
        visualization,
    )
    from cnnlite.config_report import show_config
    from cnnlite.gradient_check import check_gradients
    from cnnlite.initializers import Initializer
    from cnnlite.kernels.native.winograd import get_winograd, set_winograd
    from cnnlite.kernels.registry import (
        compile_ahead,
        get_backend,
        set_backend,
        using_backend,
    )
    from cnnlite.kernels.threads import get_num_threads, set_num_threads, threads
    from cnnlite.layers import Input, Layer
    from cnnlite.losses import Loss
    from cnnlite.metrics import Metric
    from cnnlite.models import Model, Sequential, load_model, save_model
    from cnnlite.optimizers import Optimizer
    from cnnlite.random_state import set_random_seed
    from cnnlite.regularizers import Regularizer


def __getattr__(name: str) -> Any:
    if name in _MODULES or name in _OPTIONAL:
        return importlib.import_module(f"cnnlite.{name}")
    if name in _WHERE:
        value = getattr(importlib.import_module(_WHERE[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'cnnlite' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
