"""Forecast next week's carbon dioxide on Mauna Loa with an LSTM.

The air's carbon dioxide rises from year to year, and swings by some six parts per
million within each. The network reads 52 weeks and predicts the next; the last fifth of
the weeks (1993 to 2001) is kept for the test. It must beat last week's value and that of
52 weeks before. A linear autoregression over the same 52 weeks is printed beside it.

Two things matter more than the network. The level of the test years was never seen in
training, so the network reads and predicts differences from the last week, which look
alike in all years. And 59 weeks lack a measurement: a straight line between neighbours
would let the forecast see the future, so each takes the last measurement before it, and
only measured weeks are forecast.

Data: ``cnnlite/datasets/data/README.md``. Network: S. Hochreiter and J. Schmidhuber,
"Long short-term memory", Neural Computation 9(8), 1997.
"""

import sys

import numpy as np

import cnnlite as keras
from cnnlite import layers

WEEKS = 52  # that a forecast sees


def forecast(x, y, training, validation, seed, epochs):
    """Train on some windows, stop by others; return the forecasts of all."""
    keras.set_random_seed(seed)
    model = keras.Sequential([keras.Input((WEEKS, 1)), layers.LSTM(16), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.005), "mse")
    stop = keras.callbacks.EarlyStopping(patience=6, restore_best_weights=True)
    model.fit(
        x[training],
        y[training],
        validation_data=(x[validation], y[validation]),
        batch_size=32,
        epochs=epochs,
        callbacks=[stop],
        verbose=0,
    )
    return model.predict(x, verbose=0)[:, 0]


def main(quick=False):
    keras.set_num_threads(2)
    dates, ppm = keras.datasets.co2.load_data()
    measured = ~np.isnan(ppm)
    ppm = ppm[np.maximum.accumulate(np.where(measured, np.arange(len(ppm)), 0))]
    end = len(ppm) * 4 // 5  # of the training part, whose last five years validate
    scale = 3 * np.diff(ppm[:end]).std()

    # Row i holds weeks i to i + 51, from which week i + 52 is forecast.
    windows = np.lib.stride_tricks.sliding_window_view(ppm[:-1], WEEKS)
    last = windows[:, -1]
    x = (windows - last[:, None]) / scale
    y = (ppm[WEEKS:] - last) / scale
    week = np.arange(WEEKS, len(ppm))
    known, test = (week < end) & measured[WEEKS:], (week >= end) & measured[WEEKS:]
    training, validation = known & (week < end - 260), known & (week >= end - 260)

    def error(prediction):
        """Root of the mean squared error over the test weeks, in parts per million."""
        return float(np.sqrt(np.mean((prediction - ppm[WEEKS:])[test] ** 2)))

    with_one = np.column_stack([x[:, :-1], np.ones(len(x))])  # the last difference is 0
    weights = np.linalg.lstsq(with_one[known], y[known], rcond=None)[0]
    figures = {
        "the week before": error(last),
        "52 weeks before": error(windows[:, 0]),
        "linear autoregression": error(last + scale * (with_one @ weights)),
    }
    naive = min(figures["the week before"], figures["52 weeks before"])
    for seed in range(1 if quick else 5):
        prediction = forecast(x[..., None], y, training, validation, seed, 8 if quick else 60)
        figures[f"LSTM, seed {seed}"] = error(last + scale * prediction)

    print(f"Carbon dioxide of {dates[end]} to {dates[-1]}, one week ahead")
    print(f"{'forecast':<24}{'RMSE (ppm)':>12}")
    for name, value in figures.items():
        print(f"{name:<24}{value:>12.3f}")
    for name, value in figures.items():
        assert "LSTM" not in name or value < naive, f"{name} does not beat the naive {naive:.3f}"
    return figures


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
