"""One operation in many ways, from plain Python loops to SIMD on all cores: ``cnnlite ladder``.

Each way is a rung.  All compute the same numbers, which is checked before any is timed; each
runs in a process of its own kind, and all take turns; the machine's limits are probed in the
same turns.  :func:`climb` measures, :mod:`.report` prints, :mod:`.explain` says what changed
from rung to rung, and :func:`cnnlite.visualization.plot_roofline` draws.

The rungs' own code is made to be read side by side: :mod:`.plain`, :mod:`.handwritten`,
:mod:`.backends`, :mod:`.pytorch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnlite.ladder.results import Ladder

__all__ = ["climb"]


def climb(operation: str, shape: str | None = None, **options: Any) -> Ladder:
    """Measure one operation on one shape, rung by rung.

    Parameters
    ----------
    operation : {"conv2d", "matmul", "maxpool2d", "batchnorm", "lstm", "softmax"}
    shape : str, optional
        As ``cnnlite ladder OPERATION --help`` explains; default: one that takes 20 to 60 seconds.
    **options
        Of :func:`cnnlite.ladder.driver.climb`: ``threads``, ``rounds``, ``only`` and so on.

    Returns
    -------
    Ladder

    Examples
    --------
    >>> from cnnlite.ladder import climb
    >>> found = climb("softmax", "32x10", rounds=1, turn=0.01, only=("reference", "numpy"))
    >>> [rung.status for rung in found.rungs]
    ['measured', 'measured']
    """
    # Here, so that a child that only has NumPy and PyTorch can import this package.
    from cnnlite.ladder import driver

    return driver.climb(operation, shape, **options)
