"""Points in the plane, in classes of several shapes: what small networks are shown on.

Each function returns ``x``, (n, 2) float32, and ``y``, (n,) int32, in random
order. The classes are equally large, the first ones by one point larger where n
cannot be divided. Every point is moved by normal noise of standard deviation
``noise`` in both coordinates. The same ``seed`` gives the same points with every
version of NumPy; None takes the next seed of ``cnnlite.set_random_seed``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlite.arguments import number
from cnnlite.datasets.draws import Points, count_of, generator, noise_of, shuffled
from cnnlite.errors import ShapeError
from cnnlite.shapes import is_int

__all__ = ["blobs", "circles", "disk_in_ring", "moons", "spirals", "two_curves", "xor"]


def two_curves(n: int, noise: float = 0.0, seed: int | None = None) -> Points:
    """Return points on two interleaved curves, which no line separates.

    With t uniform in [-2.5, 2.5], class 0 is ``(t, 0.8 cos(1.2 t) + 0.35)`` and
    class 1 ``(t, 0.8 cos(1.2 t) - 0.35)``.

    Parameters
    ----------
    n : int
        Number of points in all.
    noise : float
        Standard deviation of what moves each coordinate.
    seed : int, optional
        0 <= seed < 2^32. None: the next of ``cnnlite.set_random_seed``.

    Returns
    -------
    x : (n, 2) float32
    y : (n,) int32
        0 or 1.

    Raises
    ------
    ShapeError, ValueError
        ``n``, or ``noise`` or ``seed`` is out of range.

    Notes
    -----
    Source: after C. Olah, "Neural networks, manifolds, and topology", 2014.

    Examples
    --------
    >>> from cnnlite import datasets
    >>> x, y = datasets.two_curves(4, seed=0)
    >>> x.shape, y
    ((4, 2), array([1, 1, 0, 0], dtype=int32))
    """
    n, noise = count_of(n, "two_curves: n"), noise_of(noise, "two_curves")
    rng, y = generator(seed, "two_curves"), _classes(n, 2)
    t = rng.uniform(-2.5, 2.5, n)
    x = np.stack([t, 0.8 * np.cos(1.2 * t) + np.where(y == 0, 0.35, -0.35)], 1)
    return shuffled(x, y, noise, rng)


def disk_in_ring(n: int, noise: float = 0.0, seed: int | None = None) -> Points:
    """Return points of a disk and of a ring around it.

    Class 0 has a radius below 1/3, class 1 one between 2/3 and 1; each is
    uniform over its area. No network of layers of two units, with tanh, sigmoid or
    ReLU, separates them all, however deep it is; a layer of three units does.

    Parameters
    ----------
    n, noise, seed
        As in :func:`two_curves`.

    Returns
    -------
    x : (n, 2) float32
    y : (n,) int32
        0 or 1.

    Notes
    -----
    Source: C. Olah, "Neural networks, manifolds, and topology", 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import datasets
    >>> x, y = datasets.disk_in_ring(100, seed=0)
    >>> radius = np.hypot(x[:, 0], x[:, 1])
    >>> bool(np.all(radius[y == 0] < 1 / 3)), bool(np.all(radius[y == 1] > 2 / 3))
    (True, True)
    """
    n, noise = count_of(n, "disk_in_ring: n"), noise_of(noise, "disk_in_ring")
    rng, y = generator(seed, "disk_in_ring"), _classes(n, 2)
    u = rng.uniform(0, 1, n)
    # Uniform over an area: the square of the radius is uniform.
    r = np.sqrt(np.where(y == 0, u / 9, 4 / 9 + u * (1 - 4 / 9)))
    return shuffled(_polar(r, rng.uniform(0, 2 * np.pi, n)), y, noise, rng)


def moons(n: int, noise: float = 0.0, seed: int | None = None) -> Points:
    """Return points on two half circles that reach into each other.

    With t uniform in [0, pi], class 0 is ``(cos t, sin t)`` and class 1
    ``(1 - cos t, 1/2 - sin t)``.

    Parameters
    ----------
    n, noise, seed
        As in :func:`two_curves`.

    Returns
    -------
    x : (n, 2) float32
    y : (n,) int32
        0 or 1.

    Notes
    -----
    Source: the curves of scikit-learn's ``make_moons``; there, t is evenly spaced.

    Examples
    --------
    >>> from cnnlite import datasets
    >>> x, y = datasets.moons(100, noise=0.1, seed=0)
    >>> x.shape, y.sum()
    ((100, 2), np.int64(50))
    """
    n, noise = count_of(n, "moons: n"), noise_of(noise, "moons")
    rng, y = generator(seed, "moons"), _classes(n, 2)
    x = _polar(np.ones(n), rng.uniform(0, np.pi, n))
    return shuffled(np.where(y[:, None] == 0, x, [1, 0.5] - x), y, noise, rng)


def circles(n: int, noise: float = 0.0, seed: int | None = None, factor: float = 0.5) -> Points:
    """Return points on two circles about the origin.

    Class 0 has radius 1, class 1 radius ``factor``; the angle is uniform.

    Parameters
    ----------
    n, noise, seed
        As in :func:`two_curves`.
    factor : float
        Radius of the inner circle, 0 <= factor < 1.

    Returns
    -------
    x : (n, 2) float32
    y : (n,) int32
        0 or 1.

    Raises
    ------
    ValueError
        ``factor`` is not in [0, 1).

    Notes
    -----
    Source: scikit-learn's ``make_circles``; there, the angles are evenly spaced and
    ``factor`` is 0.8.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import datasets
    >>> x, y = datasets.circles(4, seed=0)
    >>> np.round(np.hypot(x[:, 0], x[:, 1]), 3)[np.argsort(y)]
    array([1. , 1. , 0.5, 0.5], dtype=float32)
    """
    n, noise = count_of(n, "circles: n"), noise_of(noise, "circles")
    if not isinstance(factor, int | float | np.number) or not 0 <= factor < 1:
        raise ValueError(f"circles: factor must lie in [0, 1). Got {factor!r}.")
    rng, y = generator(seed, "circles"), _classes(n, 2)
    r = np.where(y == 0, 1.0, factor)
    return shuffled(_polar(r, rng.uniform(0, 2 * np.pi, n)), y, noise, rng)


def spirals(
    n: int,
    noise: float = 0.0,
    seed: int | None = None,
    classes: int = 2,
    turns: float = 1.5,
) -> Points:
    """Return points on spirals that wind about each other.

    With t uniform in [0, 1], class k of K has radius ``(1 + 12 t) / 13`` at the
    angle ``2 pi (turns t + k / K)``.

    Parameters
    ----------
    n, noise, seed
        As in :func:`two_curves`.
    classes : int
        Number of spirals, at least 2.
    turns : float
        Times that each winds about the origin. The more, the harder.

    Returns
    -------
    x : (n, 2) float32
    y : (n,) int32
        0 to ``classes - 1``.

    Raises
    ------
    ShapeError, ValueError
        ``classes``, or ``turns`` is out of range.

    Notes
    -----
    Source: K. Lang and M. Witbrock, "Learning to tell two spirals apart",
    Connectionist Models Summer School, 1988. ``turns=3`` gives their spirals,
    scaled to radius 1; they placed 97 points on each, evenly in angle.

    Examples
    --------
    >>> from cnnlite import datasets
    >>> x, y = datasets.spirals(9, classes=3, seed=0)
    >>> sorted(y.tolist())
    [0, 0, 0, 1, 1, 1, 2, 2, 2]
    """
    n, noise = count_of(n, "spirals: n"), noise_of(noise, "spirals")
    classes = count_of(classes, "spirals: classes", 2)
    turns = number(turns, "spirals: turns", 0, np.inf, open_ends="()")
    rng, y = generator(seed, "spirals"), _classes(n, classes)
    t = rng.uniform(0, 1, n)
    x = _polar((1 + 12 * t) / 13, 2 * np.pi * (turns * t + y / classes))
    return shuffled(x, y, noise, rng)


def xor(n: int, noise: float = 0.0, seed: int | None = None) -> Points:
    """Return points of a square, in class 1 where the signs of their coordinates differ.

    The points are uniform over [-1, 1] x [-1, 1]; class 0 is the two quarters
    where both coordinates have one sign, class 1 the two others. The noise comes
    after the classes.

    Parameters
    ----------
    n, noise, seed
        As in :func:`two_curves`.

    Returns
    -------
    x : (n, 2) float32
    y : (n,) int32
        0 or 1.

    Notes
    -----
    Source: the exclusive or of M. Minsky and S. Papert, "Perceptrons", 1969, as a
    set of points.

    Examples
    --------
    >>> from cnnlite import datasets
    >>> x, y = datasets.xor(100, seed=0)
    >>> bool(((x[:, 0] * x[:, 1] < 0) == y).all())
    True
    """
    n, noise = count_of(n, "xor: n"), noise_of(noise, "xor")
    rng, y = generator(seed, "xor"), _classes(n, 2)
    # 1 - u lies in (0, 1]: never 0, whose sign would say nothing.
    size = 1 - rng.uniform(0, 1, (n, 2))
    sign = np.where(rng.uniform(0, 1, n) < 0.5, -1.0, 1.0)
    x = size * np.stack([sign, np.where(y == 0, sign, -sign)], 1)
    return shuffled(x, y, noise, rng)


def blobs(n: int, noise: float = 1.0, seed: int | None = None, centers: Any = 3) -> Points:
    """Return points that are normally distributed about a centre for each class.

    Parameters
    ----------
    n, seed
        As in :func:`two_curves`.
    noise : float
        Standard deviation of a class in each coordinate.
    centers : int, or (K, D) array
        The number K of classes, whose centres then lie evenly on a circle of radius
        5, the first at (5, 0); or the centres themselves, of any dimension D.

    Returns
    -------
    x : (n, 2) or (n, D) float32
    y : (n,) int32
        0 to K - 1.

    Raises
    ------
    ShapeError
        ``centers`` is neither a positive integer nor a matrix.

    Notes
    -----
    Source: as scikit-learn's ``make_blobs``; there, the centres are random.

    Examples
    --------
    >>> from cnnlite import datasets
    >>> x, y = datasets.blobs(6, noise=0, centers=[[0, 0], [1, 2]], seed=0)
    >>> x[y == 1]
    array([[1., 2.], [1., 2.], [1., 2.]], dtype=float32)
    """
    n, noise = count_of(n, "blobs: n"), noise_of(noise, "blobs")
    if is_int(centers):
        k = count_of(centers, "blobs: centers", 1)
        middles = _polar(np.full(k, 5.0), 2 * np.pi * np.arange(k) / k)
    else:
        middles = np.asarray(centers)
        if middles.dtype.kind not in "fiu" or middles.ndim != 2 or not middles.size:
            raise ShapeError(
                f"blobs: centers must be an integer or a (K, D) array of numbers. Got {centers!r}."
            )
    rng, y = generator(seed, "blobs"), _classes(n, len(middles))
    return shuffled(middles[y].astype(np.float64), y, noise, rng)


def _classes(n: int, classes: int) -> NDArray[np.intp]:
    """Return n labels in order, as equal in number as can be."""
    return np.sort(np.arange(n) % classes)


def _polar(radius: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
