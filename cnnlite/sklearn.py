"""Networks as scikit-learn estimators: for pipelines, grid searches, cross-validation.

Needs scikit-learn, which the extra ``sklearn`` installs. Not imported by
``import cnnlite``: write ``from cnnlite.sklearn import CnnliteClassifier``.

>>> from sklearn.model_selection import cross_val_score
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> from cnnlite import datasets
>>> from cnnlite.sklearn import CnnliteClassifier
>>> x, y = datasets.moons(300, noise=0.1, seed=0)
>>> network = CnnliteClassifier((16,), epochs=30, learning_rate=0.02, random_state=0)
>>> bool(cross_val_score(make_pipeline(StandardScaler(), network), x, y, cv=3).min() > 0.9)
True
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlite import layers, losses, optimizers
from cnnlite.errors import ShapeError
from cnnlite.models import Model, Sequential
from cnnlite.optional import require
from cnnlite.random_state import seeded
from cnnlite.shapes import is_int
from cnnlite.signatures import ConstructorSignature, check_signature

require("sklearn", "sklearn", "cnnlite.sklearn")

from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin  # noqa: E402
from sklearn.utils import check_random_state  # noqa: E402
from sklearn.utils.multiclass import check_classification_targets  # noqa: E402
from sklearn.utils.validation import (  # noqa: E402
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

__all__ = ["CnnliteClassifier", "CnnliteRegressor"]

_PREDICT_BATCH = 256


class _Network(BaseEstimator):
    """What the classifier and the regressor share: their parameters, and training."""

    _activation: str | None  # of the last layer
    _loss: str
    __signature__ = ConstructorSignature()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        check_signature(cls, args, kwargs, cls.__name__)
        return super().__new__(cls)

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        activation: str = "relu",
        *,
        model: Any = None,
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        loss: Any = None,
        epochs: int = 100,
        batch_size: int = 32,
        shuffle: bool = True,
        validation_split: float = 0.0,
        callbacks: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.model = model
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.loss = loss
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def _train(
        self, x: NDArray[np.float32], y: NDArray[Any], outputs: int, sample_weight: Any
    ) -> None:
        """Make the model and train it; sets ``model_`` and ``history_``."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with seeded(seed):
            model = self._model(x.shape[1:], outputs)
            if model.loss is None:
                model.compile(self._optimizer(), self._loss_for(model))
            history = model.fit(
                x,
                y,
                batch_size=self.batch_size,
                epochs=self.epochs,
                verbose=self.verbose,
                callbacks=copy.deepcopy(self.callbacks),
                validation_split=self.validation_split,
                shuffle=self.shuffle,
                sample_weight=sample_weight,
            )
        self.model_, self.history_ = model, history.history

    def _weights(self, sample_weight: Any, x: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Return checked weights of mean 1, so that their size does not act as a learning rate."""
        if sample_weight is None:
            return None
        weights = _check_sample_weight(sample_weight, x, dtype=np.float32, ensure_non_negative=True)
        total = float(weights.sum(dtype=np.float64))
        if not total:
            raise ValueError(f"{type(self).__name__}: every sample_weight is zero.")
        scaled: NDArray[np.float32] = weights * np.float32(len(weights) / total)
        return scaled

    def _model(self, sample: tuple[int, ...], outputs: int) -> Model:
        """Return a model of its own for this training."""
        where = f"{type(self).__name__}: model"
        if self.model is None:
            return self._perceptron(sample, outputs)
        if isinstance(self.model, Model):
            model = copy.deepcopy(self.model)
        elif callable(self.model):
            model = self.model(sample, outputs)
        else:
            model = self.model
        if not isinstance(model, Model):
            raise TypeError(
                f"{where} must be a Model, or a function that returns one. Got {model!r}. "
                "The function is called with the shape of one sample and the number of outputs."
            )
        if not model.built:
            model.build((None, *sample))
        wanted = (None, outputs)
        if model.output_shape != wanted and not self._fits(model.output_shape, outputs):
            raise ShapeError(
                f"{where} does not fit the targets. Its output is {model.output_shape}. "
                f"Make it {wanted}."
            )
        return model

    def _fits(self, shape: Any, outputs: int) -> bool:
        """Return whether an output of a model of the user's serves in another way."""
        return False

    def _perceptron(self, sample: tuple[int, ...], outputs: int) -> Model:
        """Return dense layers of ``hidden_layer_sizes``."""
        sizes = self.hidden_layer_sizes
        if not isinstance(sizes, Sequence) or not all(is_int(n) and n > 0 for n in sizes):
            raise ValueError(
                f"{type(self).__name__}: hidden_layer_sizes must be positive integers in a tuple. "
                f"Got {sizes!r}."
            )
        stack: list[Any] = [layers.Input(sample)]
        stack += [layers.Flatten()] if len(sample) > 1 else []
        stack += [layers.Dense(n, activation=self.activation) for n in sizes]
        if outputs == 1 and self._activation == "softmax":  # one class: 1, as it should be
            return Sequential([*stack, layers.Dense(1), layers.Softmax()])
        return Sequential([*stack, layers.Dense(outputs, activation=self._activation)])

    def _optimizer(self) -> optimizers.Optimizer:
        """Return an optimizer of its own for this training."""
        optimizer = copy.deepcopy(optimizers.get(self.optimizer))
        if self.learning_rate is not None:
            optimizer.learning_rate = self.learning_rate
        return optimizer

    def _loss_for(self, model: Model) -> Any:
        return self._loss if self.loss is None else self.loss

    def _predictions(self, x: Any) -> NDArray[np.float32]:
        check_is_fitted(self)
        x = validate_data(self, x, reset=False, **self._checks())
        return self.model_.predict(x, batch_size=_PREDICT_BATCH, verbose=0)

    def _checks(self) -> dict[str, Any]:
        """Return how scikit-learn is to check inputs: a model of the user's may take images."""
        return {"dtype": np.float32, "allow_nd": self.model is not None}


class CnnliteClassifier(ClassifierMixin, _Network):
    """A network that classifies.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int
        Units of each hidden dense layer; ``()`` gives logistic regression.
    activation : str
        Of the hidden layers.
    model : Model, or callable, optional
        Takes the place of the dense layers: a model, of which each ``fit`` trains a
        copy that starts from the weights it has; or a function that is called as
        ``model(input_shape, outputs)``, with the shape of one sample and the number
        of classes, and returns a new model. It must end in one probability for each
        class (softmax), or, with two classes, in that of the second (one unit, sigmoid).
        If it is compiled, its optimizer and its loss are used.
    optimizer : str or Optimizer
    learning_rate : float, optional
        Without it, the optimizer's own.
    loss : str or Loss, optional
        Without it, the cross-entropy. Targets are class numbers, 0 to K - 1.
    epochs : int
    batch_size : int
    shuffle : bool
        Whether each epoch takes the samples in another order.
    validation_split : float
        Share of the samples, the last ones, whose loss the callbacks are told.
    callbacks : list of Callback, optional
        Each ``fit`` uses copies.
    random_state : int, RandomState or None
        Of the weights, the order and dropout. None takes it from NumPy's generator,
        which ``cnnlite.set_random_seed`` seeds too.
    verbose : {0, 1, 2}
        As in ``Model.fit``.

    Attributes
    ----------
    classes_ : (K,) array
    model_ : Model
        The trained one.
    history_ : dict
        Loss of each epoch.
    n_features_in_ : int

    Notes
    -----
    Inputs become float32. An estimator is copied and pickled through the bytes of a
    model file, so it can travel to joblib's processes; a ``model`` with layers of the
    user's own classes cannot, a function that makes one can.

    Examples
    --------
    >>> from cnnlite import datasets
    >>> from cnnlite.sklearn import CnnliteClassifier
    >>> x, y = datasets.blobs(90, seed=0)
    >>> network = CnnliteClassifier((8,), epochs=20, learning_rate=0.05, random_state=0)
    >>> network.fit(x, y).score(x, y)
    1.0
    """

    _activation = "softmax"
    _loss = "sparse_categorical_crossentropy"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> CnnliteClassifier:
        """Train a new network.

        Parameters
        ----------
        X : (N, features) array
        y : (N,) array
            Classes: numbers or text.
        sample_weight : (N,) array, optional
            Only their ratios count.

        Returns
        -------
        self
        """
        X, y = validate_data(self, X, y, **self._checks())
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        sample_weight = self._weights(sample_weight, X)
        self._train(X, numbers.astype(np.int32), len(self.classes_), sample_weight)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the probabilities of the classes, (N, K), in the order of ``classes_``."""
        p = self._predictions(X)
        return np.hstack([1 - p, p]) if p.shape[1] < len(self.classes_) else p

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class of each sample, (N,)."""
        p = self.predict_proba(X)
        classes: NDArray[Any] = self.classes_[p.argmax(axis=1)]
        return classes

    def _fits(self, shape: Any, outputs: int) -> bool:
        return outputs == 2 and shape == (None, 1)

    def _loss_for(self, model: Model) -> Any:
        if self.loss is None and model.output_shape == (None, 1) and len(self.classes_) == 2:
            return losses.BinaryCrossentropy()
        return super()._loss_for(model)


class CnnliteRegressor(RegressorMixin, _Network):
    """A network that predicts numbers, one or several for each sample.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int
        Units of each hidden dense layer; ``()`` gives linear regression.
    activation : str
        Of the hidden layers.
    model : Model, or callable, optional
        As in :class:`CnnliteClassifier`, with one output for each target.
    loss : str or Loss, optional
        Without it, the mean squared error.
    **others
        As in :class:`CnnliteClassifier`.

    Attributes
    ----------
    model_ : Model
        The trained one.
    history_ : dict
        Loss of each epoch.
    n_features_in_ : int

    Notes
    -----
    Scale targets that are large or small against 1, with scikit-learn's
    ``TransformedTargetRegressor``, say: the first weights make predictions of that size.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite.sklearn import CnnliteRegressor
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> network = CnnliteRegressor((32,), epochs=200, learning_rate=0.01, random_state=0)
    >>> network.fit(x, x[:, 0] ** 2).score(x, x[:, 0] ** 2) > 0.95
    True
    """

    _activation = None
    _loss = "mean_squared_error"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> CnnliteRegressor:
        """Train a new network.

        Parameters
        ----------
        X : (N, features) array
        y : (N,) or (N, targets) array
        sample_weight : (N,) array, optional
            Only their ratios count.

        Returns
        -------
        self
        """
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, **self._checks())
        y = np.asarray(y, np.float32)
        self._flat = y.ndim == 1
        sample_weight = self._weights(sample_weight, X)
        targets = y.reshape(len(y), -1)
        self._train(X, targets, targets.shape[1], sample_weight)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predictions, float64 of the shape that the targets of ``fit`` had."""
        y = self._predictions(X).astype(np.float64)
        return y[:, 0] if self._flat else y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
