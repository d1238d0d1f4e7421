"""Dropout and L2 each narrow the gap between training and validation.

A network with 200,000 weights learns 500 digits by heart: in training its loss goes to
zero, on other digits it does not. The gap between the two is what it learned about the
500 digits and not about digits. Dropout trains with half of the hidden units and a
fifth of the pixels missing, L2 charges for large weights; either way the gap shrinks,
and the validation loss with it.

The losses are cross-entropies alone, without the penalty, and without dropout.

Data: 5,000 MNIST digits (``cnnlite/datasets/data/README.md``). Sources: N. Srivastava et
al., "Dropout", JMLR 15, 2014; I. Goodfellow, Y. Bengio and A. Courville, Deep Learning,
2016, section 7.1.
"""

import sys

import numpy as np

import cnnlite as keras
from cnnlite import layers


def network(dropout=0.0, l2=0.0):
    penalty = keras.regularizers.L2(l2) if l2 else None
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Flatten(),
            layers.Dropout(0.4 * dropout),  # of the inputs fewer
            layers.Dense(256, activation="relu", kernel_regularizer=penalty),
            layers.Dropout(dropout),
            layers.Dense(10, activation="softmax", kernel_regularizer=penalty),
        ]
    )


def main(quick=False):
    keras.set_num_threads(2)
    (x, y), _ = keras.datasets.mnist5k.load_data()
    x = x / 255
    training, validation = (x[:500], y[:500]), (x[500:2500], y[500:2500])
    kinds = {"neither": {}, "dropout 0.5": {"dropout": 0.5}, "L2 of 0.003": {"l2": 0.003}}
    seeds = range(1) if quick else range(3)

    figures = {}
    print(f"500 digits to learn, 2,000 to validate; means of {len(seeds)} seeds")
    print(f"{'':<14}{'training loss':>14}{'validation loss':>17}{'gap':>8}{'accuracy':>10}")
    for name, options in kinds.items():
        found = []
        for seed in seeds:
            keras.set_random_seed(seed)
            model = network(**options)
            model.compile(
                keras.optimizers.Adam(0.001),
                "sparse_categorical_crossentropy",
                metrics=["accuracy", "sparse_categorical_crossentropy"],
            )
            model.fit(*training, batch_size=32, epochs=20 if quick else 40, verbose=0)
            _, _, loss = model.evaluate(*training, verbose=0)
            _, accuracy, val_loss = model.evaluate(*validation, verbose=0)
            found.append((loss, val_loss, val_loss - loss, accuracy))
            figures[name, seed] = val_loss - loss
        loss, val_loss, gap, accuracy = np.mean(found, axis=0)
        print(f"{name:<14}{loss:>14.4f}{val_loss:>17.4f}{gap:>8.4f}{accuracy:>10.4f}")

    for (name, seed), gap in figures.items():
        plain = figures["neither", seed]
        if name != "neither":
            assert gap < 0.95 * plain, f"{name}, seed {seed}: gap {gap:.3f}, without {plain:.3f}"
    return figures


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
