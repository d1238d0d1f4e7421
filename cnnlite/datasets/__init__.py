"""Data sets: real ones, in the tuples that ``keras.datasets`` returns, and made ones.

Modules with ``load_data()``:

===================  ==================================================  =======================
module               what                                                where from
===================  ==================================================  =======================
``mnist5k``          5,000 handwritten digits, 28 x 28                   bundled
``sunspots``         sunspot numbers of 309 years                        bundled
``co2``              carbon dioxide in the air in 2,284 weeks            bundled
``mnist``            70,000 handwritten digits, 28 x 28                  your files, or download
``fashion_mnist``    70,000 photographs of clothing, 28 x 28             your files, or download
``cifar10``          60,000 photographs of ten kinds of things, 32 x 32  your files
===================  ==================================================  =======================

Sets of images return ``(x_train, y_train), (x_test, y_test)``, all uint8; the
series return their times and values. Nothing is ever downloaded unless
``download=True`` asks for it. ``cnnlite.datasets.idx`` reads any other file in the
IDX format.

Functions that make a set of ``n`` samples ``(x, y)``, the same for the same ``seed``:
``two_curves``, ``disk_in_ring``, ``moons``, ``circles``, ``spirals``, ``xor`` and
``blobs`` in the plane, and ``adding_problem`` of sequences.
"""

from __future__ import annotations

from cnnlite.datasets import cifar10, co2, fashion_mnist, mnist, mnist5k, sunspots
from cnnlite.datasets.adding import adding_problem
from cnnlite.datasets.plane import blobs, circles, disk_in_ring, moons, spirals, two_curves, xor

__all__ = [
    "cifar10",
    "co2",
    "fashion_mnist",
    "mnist",
    "mnist5k",
    "sunspots",
    "two_curves",
    "disk_in_ring",
    "moons",
    "circles",
    "spirals",
    "xor",
    "blobs",
    "adding_problem",
]
