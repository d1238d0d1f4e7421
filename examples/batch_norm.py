"""Train a deep network at a rate at which it diverges without batch normalization.

A gradient step is right for one layer while the others stand still, but all layers move
at once. The deeper the network and the larger the rate, the worse the error. Batch
normalization keeps the scale of every layer's output, whatever the layers below do.

The same network of ten hidden layers, with and without it, is trained at three rates.
At a small rate both learn. At the largest, without it the loss becomes NaN or stays that
of guessing (accuracy 0.1; 0 where the outputs are NaN), and with it the network learns
more than either does at the small rate.

Data: 5,000 MNIST digits (``cnnlite/datasets/data/README.md``). Source: S. Ioffe and C.
Szegedy, "Batch normalization", ICML 2015.
"""

import sys

import cnnlite as keras
from cnnlite import layers

RATES = (0.02, 0.1, 0.5)


def network(normalized, depth=10):
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten()])
    for _ in range(depth):
        model.add(layers.Dense(64, kernel_initializer="he_normal"))
        if normalized:
            model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
    model.add(layers.Dense(10, activation="softmax"))
    return model


def main(quick=False):
    keras.set_num_threads(2)
    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist5k.load_data()
    x_train, x_test = x_train / 255, x_test / 255

    def accuracy(normalized, rate, seed):
        """Train for a few epochs; return the accuracy on the test digits."""
        keras.set_random_seed(seed)
        model = network(normalized)
        model.compile(
            keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        model.fit(x_train, y_train, batch_size=64, epochs=2 if quick else 4, verbose=0)
        return model.evaluate(x_test, y_test, verbose=0)[1]

    seeds = range(1) if quick else range(3)
    figures = {}
    print("Test accuracy of ten hidden layers, for each seed")
    print(f"{'rate':>6}  {'without':<24}with batch normalization")
    for rate in RATES[-1:] if quick else RATES:
        row = ""
        for normalized in (False, True):
            found = [accuracy(normalized, rate, seed) for seed in seeds]
            row += f"{'  '.join(f'{value:.3f}' for value in found):<24}"
            for seed, value in zip(seeds, found, strict=True):
                figures[rate, normalized, seed] = value
        print(f"{rate:>6}  {row}")

    for seed in seeds:
        without, with_it = figures[RATES[-1], False, seed], figures[RATES[-1], True, seed]
        assert without < 0.2, f"seed {seed}: it learned without batch normalization: {without}"
        assert with_it > 0.75, f"seed {seed}: it did not learn with it: {with_it}"
        if not quick:
            assert figures[RATES[0], False, seed] > 0.6, "at a small rate it should learn without"
    return figures


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
