"""Train in a child process that is killed at random moments, then let it end.

``python -m tests.callbacks.killed_training SCENARIO FOLDER SEED`` prints, as JSON, how often the
child was killed and what it left: weights, optimizer, history.  SEED 0 kills nobody.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import cnnlite
from cnnlite import callbacks, layers

N, EPOCHS, SIZE = 42, 5, 5
KILLS = 12  # at most


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(N, 4)).astype("float32")
    return x, (x[:, :1] * x[:, 1:2] + rng.normal(size=(N, 1))).astype("float32")


class Shuffled(cnnlite.utils.PyDataset):
    """Has an order of its own, which it changes after every epoch."""

    def __init__(self) -> None:
        super().__init__(workers=2)
        self.x, self.y = data()
        self.order, self.rng = np.arange(N), np.random.default_rng(3)

    def __len__(self) -> int:
        return N // SIZE

    def __getitem__(self, i: int) -> Any:
        samples = self.order[i * SIZE : (i + 1) * SIZE]
        return self.x[samples], self.y[samples]

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(N)


def endless(seed: int) -> Iterator[Any]:
    x, y = data()
    rng = np.random.default_rng(seed)
    while True:
        samples = rng.integers(0, N, SIZE)
        yield x[samples], y[samples]


def arguments(scenario: str) -> dict[str, Any]:
    """Return what fit is given."""
    x, y = data()
    if scenario == "dataset":
        return {"x": Shuffled(), "steps_per_epoch": 5, "validation_data": (x, y)}
    if scenario == "generators":
        return {
            "x": endless(1),
            "steps_per_epoch": 6,
            "validation_data": endless(2),
            "validation_steps": 2,
        }
    return {"x": x, "y": y, "batch_size": SIZE, "validation_split": 0.25}


def train(scenario: str, folder: Path) -> dict[str, Any]:
    """Train with everything that has a state, and return what it led to."""
    cnnlite.set_random_seed(11)
    model = cnnlite.Sequential(
        [
            cnnlite.Input((4,)),
            layers.Dense(8, "relu"),
            layers.Dropout(0.3),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mse"])
    log = folder / "log.csv"
    slow = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(0.005))
    calls = [
        callbacks.BackupAndRestore(
            folder / "backup", "epoch" if scenario == "epochs" else 3, scenario == "dataset"
        ),
        callbacks.EarlyStopping(patience=3, restore_best_weights=True),
        callbacks.ReduceLROnPlateau(patience=1, factor=0.5, min_delta=1e-2),
        callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        callbacks.ModelCheckpoint(folder / "best.safetensors", save_best_only=True),
        callbacks.CSVLogger(log),
        slow,
    ]
    history = model.fit(epochs=EPOCHS, verbose=0, callbacks=calls, **arguments(scenario))
    assert model.optimizer is not None
    return {
        "weights": hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest(),
        "model": hashlib.sha256(cnnlite.models.saving.to_bytes(model)).hexdigest(),
        "best": hashlib.sha256((folder / "best.safetensors").read_bytes()).hexdigest(),
        "step": model._clock.step,
        "epochs": history.epoch,
        "history": history.history,
        "csv": log.read_text(),
        # But for what a kill in the middle of writing leaves: a hidden file beside the target.
        "left": sorted(path.name for path in folder.iterdir() if path.name[0] != "."),
    }


def main(scenario: str, folder: Path, seed: int) -> None:
    rng, kills = random.Random(seed), 0
    result = folder.with_suffix(".json")
    while True:
        child = os.fork()
        if child == 0:
            result.write_text(json.dumps(train(scenario, folder)))
            os._exit(0)
        if seed and kills < KILLS:
            # The first three come before 30 batches of 5 ms can be done, whatever the machine.
            time.sleep(rng.random() * (0.035 if kills < 3 else rng.choice([0.05, 0.1, 0.2])))
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        if not os.WIFSIGNALED(status):
            assert status == 0
            break
        kills += 1
    print(json.dumps({"kills": kills, **json.loads(result.read_text())}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
