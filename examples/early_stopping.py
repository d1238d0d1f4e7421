"""Stop when the validation loss stops falling, and take the best weights back.

A network large enough to learn 500 digits by heart is trained on them. Its loss on
other digits falls, then rises again while the loss in training goes to zero: from there
on it learns the digits and not the task. EarlyStopping ends the training a few epochs
after the smallest validation loss and restores the weights of that epoch, so that the
model evaluates to exactly the figures of the best epoch and not of the last.

Data: 5,000 MNIST digits (``cnnlite/datasets/data/README.md``). Source: I. Goodfellow,
Y. Bengio and A. Courville, Deep Learning, 2016, section 7.8.
"""

import sys

import numpy as np

import cnnlite as keras
from cnnlite import layers


def main(quick=False):
    keras.set_num_threads(2)
    keras.set_random_seed(0)
    (x, y), _ = keras.datasets.mnist5k.load_data()
    x = x / 255
    validation = (x[500:1500], y[500:1500])
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Flatten(),
            layers.Dense(64 if quick else 256, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    history = model.fit(
        x[:500],
        y[:500],
        validation_data=validation,
        batch_size=32,
        epochs=200,
        callbacks=[stop],
        verbose=0,
    ).history

    restored = model.evaluate(*validation, verbose=0, return_dict=True)
    best, last = int(np.argmin(history["val_loss"])), len(history["val_loss"]) - 1
    print(f"Stopped after epoch {last + 1} of 200; the best was epoch {best + 1}")
    print(f"{'epoch':>8}{'loss':>10}{'val_loss':>10}{'val_accuracy':>14}")
    for epoch in sorted({0, best // 2, best, last}):
        loss, val_loss, accuracy = (history[k][epoch] for k in ("loss", "val_loss", "val_accuracy"))
        print(f"{epoch + 1:>8}{loss:>10.4f}{val_loss:>10.4f}{accuracy:>14.4f}")
    print(f"{'restored':>8}{'':>10}{restored['loss']:>10.4f}{restored['accuracy']:>14.4f}")

    assert last == best + 5 < 199, "training did not stop 5 epochs after the best one"
    assert history["loss"][last] < history["loss"][best], "the training loss did not fall on"
    assert restored["loss"] == history["val_loss"][best], "the best weights are not back"
    assert restored["accuracy"] == history["val_accuracy"][best]
    return {"best": history["val_loss"][best], "last": history["val_loss"][last], **restored}


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
