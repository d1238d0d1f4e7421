"""Cases of the metrics that count."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from bench.case import Arguments, Case, roundoff


@dataclass(frozen=True, kw_only=True)
class Count(Case):
    """An update of a state by predictions of (rows, classes)."""

    rows: int
    classes: int
    weights: bool = True
    thresholds: int = 5
    top_k: int | None = None
    class_id: int | None = None
    per_label: bool = False
    clip: bool = False
    threshold: float | None = 0.5
    labels: bool = False  # of confusion_update: class numbers instead of dense targets

    @property
    def terms(self):
        return self.rows * self.classes + 1

    def _state(self) -> tuple[int, ...]:
        if self.operation == "threshold_update":
            return (2, self.thresholds + 1, self.classes if self.per_label else 1)
        if self.operation == "confusion_update":
            return (max(self.classes, 2),) * 2
        return (3 if self.operation == "class_update" else 5, self.classes)

    def arguments(self, rng, dtype, *, integers=False):
        shape = (self.rows, self.classes)
        # Multiples of 1/8 meet thresholds and each other.
        p = (rng.integers(-1, 10, shape) / 8).astype(dtype)
        target = rng.integers(0, 2, shape).astype(dtype)
        weights = rng.uniform(0.5, 2, self.rows).astype(dtype) if self.weights else None
        state = rng.uniform(1, 2, self._state())
        if self.operation == "threshold_update":
            thresholds = np.linspace(0, 1, self.thresholds).astype(dtype)
            params = {
                "top_k": self.top_k,
                "class_id": self.class_id,
                "per_label": self.per_label,
                "clip": self.clip,
            }
            return Arguments([state], [p, target, weights, thresholds], params)
        if self.operation == "class_update":
            return Arguments([state], [p, target, weights], {"threshold": self.threshold})
        if self.operation == "regression_update":
            return Arguments([state], [p, target, weights], {})
        labels = None
        if self.labels:
            labels = rng.integers(-1, self._state()[0] + 1, self.rows, dtype=np.int32)
        inputs = [p, None if self.labels else target, labels, weights]
        return Arguments([state], inputs, {"threshold": self.threshold})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        # Sums in float64 of at most so many terms, none of them negative.
        return [(self.terms + 4) * roundoff(np.float64) * np.abs(expected[0])]


_SIZES = [(0, 3), (1, 1), (7, 1), (5, 4), (9, 17)]
_FIELDS: dict[str, list[dict]] = {
    "threshold_update": [
        {},
        {"thresholds": 1},
        {"top_k": 2},
        {"top_k": 30},
        {"class_id": 0},
        {"top_k": 1, "class_id": 0, "thresholds": 1},
        {"per_label": True, "clip": True},
        {"weights": False},
    ],
    "class_update": [{}, {"threshold": None}, {"weights": False}],
    "confusion_update": [{}, {"labels": True}, {"weights": False}],
    "regression_update": [{}, {"weights": False}],
}

COUNT_EDGES: list[Case] = [
    Count(operation=operation, rows=rows, classes=classes, **fields)
    for operation, kinds in _FIELDS.items()
    for fields, (rows, classes) in product(kinds, _SIZES)
]

COUNT_SHARED: list[Case] = [
    Count(operation=operation, rows=2003, classes=40) for operation in _FIELDS
]
