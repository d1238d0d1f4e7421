"""Real data sets, in the tuples that ``keras.datasets`` returns.

===================  ==================================================  =============
module               what                                                where from
===================  ==================================================  =============
``mnist5k``          5,000 handwritten digits, 28 x 28                   bundled
``mnist``            70,000 handwritten digits, 28 x 28                  your own files
``fashion_mnist``    70,000 photographs of clothing, 28 x 28             your own files
===================  ==================================================  =============

Every ``load_data()`` returns ``(x_train, y_train), (x_test, y_test)``: images
``(N, 28, 28)`` uint8 and labels ``(N,)`` uint8. Nothing is ever downloaded.
``cnnlite.datasets.idx`` reads any other file in the IDX format.
"""

from __future__ import annotations

from cnnlite.datasets import fashion_mnist, mnist, mnist5k

__all__ = ["fashion_mnist", "mnist", "mnist5k"]
