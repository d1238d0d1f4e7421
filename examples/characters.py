"""Learn to write Python from the standard library's source, one character at a time.

An LSTM reads the characters so far and predicts the next one. Its loss, in bits, is what
a character costs if it is coded by that prediction. Two numbers from counting say how
much that is worth: the entropy of single characters, and that of a character when the
one before it is known. The network must need far less than both, on modules that it has
not read.

Data: the source of this Python's own standard library (PSF licence). Idea: A. Karpathy,
"The unreasonable effectiveness of recurrent neural networks", 2015. Counting: C. E.
Shannon, "Prediction and entropy of printed English", 1951.
"""

import string
import sys
import sysconfig
from pathlib import Path

import numpy as np

import cnnlite as keras
from cnnlite import layers

TRAINING = ("argparse", "configparser", "datetime", "difflib", "optparse", "pathlib", "shutil",
            "socket", "tarfile", "threading", "zipfile")  # fmt: skip
HELD_OUT = ("csv", "calendar", "textwrap")
STEPS = 64  # characters in a sequence


def read(modules):
    """Return the text of some modules as places in string.printable."""
    library = Path(sysconfig.get_path("stdlib"))
    paths = [library / f"{name}.py" for name in modules]
    # Some versions of Python have a package where others have a module.
    paths = [path if path.exists() else path.with_suffix("") / "__init__.py" for path in paths]
    text = "".join(path.read_text("utf-8") for path in paths)
    return np.array([string.printable.index(c) for c in text if c in string.printable], np.int32)


def sequences(text):
    """Cut a text in rows; the targets are the same characters, one later."""
    rows = (len(text) - 1) // STEPS
    cut = rows * STEPS
    return text[:cut].reshape(rows, STEPS), text[1 : cut + 1].reshape(rows, STEPS)


def entropies(text):
    """Bits per character: alone, and given the one before it."""
    pairs = np.zeros((100, 100))
    np.add.at(pairs, (text[:-1], text[1:]), 1)

    def bits(counts):
        p = counts[counts > 0] / counts.sum()
        return float(-(p * np.log2(p)).sum())

    return bits(pairs.sum(0)), bits(pairs) - bits(pairs.sum(1))


def write(model, text, count, rng):
    """Go on from a text: draw each character from the model's prediction."""
    text = list(text)
    for _ in range(count):
        p = model.predict(np.array([text[-STEPS:]]), verbose=0)[0, -1].astype(np.float64)
        p = p**1.5  # a little bolder than the prediction
        text.append(rng.choice(100, p=p / p.sum()))
    return "".join(string.printable[i] for i in text[-count:])


def main(quick=False):
    keras.set_num_threads(2)
    keras.set_random_seed(0)
    training, held_out = read(TRAINING[-4:] if quick else TRAINING), read(HELD_OUT)
    one, two = entropies(training)

    model = keras.Sequential(
        [
            keras.Input((STEPS,), dtype="int32"),
            layers.Embedding(100, 32),
            layers.LSTM(64 if quick else 128, return_sequences=True),
            layers.Dense(100, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(*sequences(training), batch_size=32, epochs=3, verbose=0)
    bits = model.evaluate(*sequences(held_out), verbose=0) / np.log(2)

    print(f"{len(training):,} characters read, {len(held_out):,} predicted")
    print(f"{'bits per character':<36}")
    print(f"{'single characters, counted':<36}{one:>6.2f}")
    print(f"{'given the character before, counted':<36}{two:>6.2f}")
    print(f"{'LSTM, on modules it has not read':<36}{bits:>6.2f}")
    print("\nWhat it writes:")
    print(write(model, held_out[:STEPS], 100 if quick else 400, np.random.default_rng(0)))
    bar = 1 if quick else 0.8
    assert bits < bar * two < one, f"{bits:.2f} bits are not well below {two:.2f}"
    return {"characters": one, "pairs": two, "LSTM": bits}


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
