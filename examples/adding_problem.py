"""Remember over a hundred steps: where a simple recurrent network fails, an LSTM does not.

Each sequence has 100 random numbers, two of them marked; the answer, given at the end,
is their sum. Always answering with the mean has an error of the targets' variance, about
1/6. A SimpleRNN hardly gets below it: through each step the gradient shrinks, and the
marks lie 50 steps back and more. The LSTM's cell carries what its forget gate lets pass.

How much it lets pass at first decides how long training takes: with Keras's initial bias
of 1 the gate passes 0.73, and 0.73 ** 50 is nothing. Biases for which the cells' memories
last between 1 and 100 steps cure that. Both LSTMs are shown.

Source of the problem: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural
Computation 9(8), 1997, section 5.4. Of the biases: C. Tallec and Y. Ollivier, "Can
recurrent neural networks warp time?", ICLR 2018, section 3.
"""

import sys
import time

import numpy as np

import cnnlite as keras
from cnnlite import layers

UNITS = 32


class MemoriesUpTo(keras.initializers.Initializer):
    """Biases of an LSTM (gates i, f, c, o) whose cells remember for 1 to ``steps`` steps."""

    def __init__(self, steps, seed=0):
        self.steps, self.seed = steps, seed

    def __call__(self, shape, dtype=None):
        bias = np.zeros((4, shape[0] // 4), dtype)
        span = np.random.default_rng(self.seed).uniform(1, self.steps - 1, shape[0] // 4)
        bias[1] = np.log(span)  # sigmoid(log s) = 1 - 1 / (s + 1): a memory of s steps
        bias[0] = -bias[1]
        return bias.ravel()


def main(quick=False):
    keras.set_num_threads(2)
    steps = 30 if quick else 100
    x, y = keras.datasets.adding_problem(10_000 if quick else 20_000, steps, seed=1)
    x_test, y_test = keras.datasets.adding_problem(2000, steps, seed=2)
    y, y_test = 2 * y, 2 * y_test  # the sum of two numbers, each of 0 to 1
    baseline = float(y_test.var())
    figures = {"always the mean": baseline}
    kinds = {
        "SimpleRNN": layers.SimpleRNN(UNITS),
        "LSTM, forget bias 1": layers.LSTM(UNITS),
        f"LSTM, memories up to {steps}": layers.LSTM(
            UNITS, unit_forget_bias=False, bias_initializer=MemoriesUpTo(steps)
        ),
    }
    print(f"Adding problem, {steps} steps, {len(x):,} sequences")
    print(f"{'network':<26}{'test error':>11}{'seconds':>9}")
    print(f"{'always the mean':<26}{baseline:>11.5f}")
    for name, layer in kinds.items():
        keras.set_random_seed(0)
        model = keras.Sequential([keras.Input((steps, 2)), layer, layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.003, clipnorm=1.0), "mse")
        start = time.perf_counter()
        model.fit(x, y, batch_size=50, epochs=3 if quick else 6, verbose=0)
        seconds = time.perf_counter() - start
        figures[name] = model.evaluate(x_test, y_test, verbose=0)
        print(f"{name:<26}{figures[name]:>11.5f}{seconds:>9.1f}")

    _, simple, _, lstm = figures.values()
    assert quick or simple > 0.8 * baseline, "the SimpleRNN learned it"
    assert lstm < (0.5 if quick else 0.02) * baseline, "the LSTM did not learn it"
    return figures


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
