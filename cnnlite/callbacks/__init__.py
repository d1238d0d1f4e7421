"""Callbacks: what training does at fixed points, besides training."""

from __future__ import annotations

from cnnlite.callbacks.backup import BackupAndRestore
from cnnlite.callbacks.base import Callback, CallbackList, History
from cnnlite.callbacks.checkpoint import ModelCheckpoint
from cnnlite.callbacks.csv_logger import CSVLogger
from cnnlite.callbacks.early_stopping import EarlyStopping
from cnnlite.callbacks.lambda_callback import LambdaCallback
from cnnlite.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from cnnlite.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
