"""Forecast the next year's sunspot number with an LSTM.

Sunspots come and go in cycles of about eleven years. The network reads 22 years and
predicts the next; the last fifth of the years (1947 to 2008) is kept for the test. It
must beat two forecasts that learn nothing: the year before, and the year eleven years
before. A linear autoregression over the same 22 years is printed beside it: on so
short a series it is hard to beat.

Numbers are predicted on the scale of their square roots, where the spread is about the
same at the bottom of a cycle as at its top. Mean and spread come from the training part
alone.

Data: yearly mean sunspot numbers, 1700 to 2008 (``cnnlite/datasets/data/README.md``).
Network: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation
9(8), 1997.
"""

import sys

import numpy as np

import cnnlite as keras
from cnnlite import layers

STEPS = 22  # years that a forecast sees: two cycles
CYCLE = 11


def forecast(x, y, training, validation, seed):
    """Train on some windows, stop by others; return the forecasts of all."""
    keras.set_random_seed(seed)
    model = keras.Sequential([keras.Input((STEPS, 1)), layers.LSTM(16), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    stop = keras.callbacks.EarlyStopping(patience=20, restore_best_weights=True)
    model.fit(
        x[training],
        y[training],
        validation_data=(x[validation], y[validation]),
        batch_size=16,
        epochs=300,
        callbacks=[stop],
        verbose=0,
    )
    return model.predict(x, verbose=0)[:, 0]


def main(quick=False):
    keras.set_num_threads(2)
    years, numbers = keras.datasets.sunspots.load_data()
    end = len(numbers) * 4 // 5  # of the training part, whose last 40 years validate
    roots = np.sqrt(numbers)
    mean, spread = roots[:end].mean(), roots[:end].std()
    z = (roots - mean) / spread

    # Row i holds years i to i + 21, and its target is year i + 22.
    x = np.lib.stride_tricks.sliding_window_view(z[:-1], STEPS)
    y = z[STEPS:]
    year = np.arange(STEPS, len(z))
    known, test = year < end, year >= end
    training, validation = year < end - 40, known & (year >= end - 40)

    def error(prediction):
        """Root of the mean squared error over the test years, in sunspots."""
        return float(np.sqrt(np.mean((prediction - numbers[end:]) ** 2)))

    def unscaled(prediction):
        return np.maximum(prediction[test] * spread + mean, 0) ** 2

    with_one = np.column_stack([x, np.ones(len(x))])
    weights = np.linalg.lstsq(with_one[known], y[known], rcond=None)[0]
    figures = {
        "the year before": error(numbers[end - 1 : -1]),
        "11 years before": error(numbers[end - CYCLE : -CYCLE]),
        "linear autoregression": error(unscaled(with_one @ weights)),
    }
    naive = min(figures["the year before"], figures["11 years before"])
    for seed in range(1 if quick else 5):
        prediction = forecast(x[..., None], y, training, validation, seed)
        figures[f"LSTM, seed {seed}"] = error(unscaled(prediction))

    print(f"Sunspots of {years[end]} to {years[-1]}, one year ahead")
    print(f"{'forecast':<24}{'RMSE':>8}")
    for name, value in figures.items():
        print(f"{name:<24}{value:>8.2f}")
    for name, value in figures.items():
        assert "LSTM" not in name or value < naive, f"{name} does not beat the naive {naive:.2f}"
    return figures


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
