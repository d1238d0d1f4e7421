"""What errors advise where predictions have more axes or values than the targets."""

from __future__ import annotations

_POOLING = {
    3: "Flatten, GlobalAveragePooling1D or a recurrent layer with return_sequences=False",
    4: "Flatten or GlobalAveragePooling2D",
}


def advice(targets: tuple[int, ...], predictions: tuple[int, ...], loss: str, sparse: bool) -> str:
    """Return a mend as a sentence after a space, or nothing where none is known.

    Parameters
    ----------
    targets, predictions : tuple of int
        Their shapes.
    loss : str
        The name of the loss's class.
    sparse : bool
        Whether it takes class numbers.

    Examples
    --------
    >>> advice((64,), (64, 3), "BinaryCrossentropy", False)
    ' Make the last layer Dense(1), or use "sparse_categorical_crossentropy" for class numbers.'
    """
    missing = len(predictions) - len(targets)
    if sparse and missing == 0:
        return ' One-hot targets need "categorical_crossentropy".'
    if not sparse and missing == 1 and targets == predictions[:-1]:
        if "Categorical" in loss:
            return ' Targets that are class numbers need "sparse_categorical_crossentropy".'
        if "Binary" in loss:
            return (
                " Make the last layer Dense(1), "
                'or use "sparse_categorical_crossentropy" for class numbers.'
            )
        return " Make the last layer Dense(1), or the targets as wide." * (len(predictions) == 2)
    if missing > sparse and len(predictions) > 2:
        layer = _POOLING.get(len(predictions), "Flatten")
        return f" Put {layer} before the last Dense."
    return ""
