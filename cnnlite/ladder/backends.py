"""cnnlite's own back ends: the kernels as a model's plan calls them, on arrays that are there."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnlite.errors import BackendError
from cnnlite.kernels import registry, threads
from cnnlite.ladder.job import Job, Unavailable, empty
from cnnlite.ladder.operations import EPSILON, HALVES, OPERATIONS, SAME

Arrays = dict[str, np.ndarray]
Shape = dict[str, int]


def _same(a: Any) -> Any:
    return a


@dataclass
class Kernels:
    """A back end's kernels, and how arrays get to where it computes, and back."""

    functions: dict[str, Callable[..., None]]
    place: Callable[[np.ndarray], Any] = _same
    fetch: Callable[[Any], np.ndarray] = _same

    def new(self, *shape: int, dtype: Any = np.float32) -> Any:
        """Return an output."""
        return self.place(empty(*shape, dtype=dtype))


def about() -> dict[str, Any]:
    """Return versions and settings."""
    found = {"python": platform.python_version(), "numpy": np.__version__}
    if "numba" in sys.modules:
        found["numba"] = sys.modules["numba"].__version__
    return found


def prepare(name: str, shape: Shape, arrays: Arrays, options: dict[str, Any]) -> Job:
    """Return the job of an operation.

    Parameters
    ----------
    name : str
    shape : dict
    arrays : dict
    options : dict
        ``backend``, ``threads``; for the native back end also ``level`` and ``winograd``.

    Returns
    -------
    Job

    Raises
    ------
    Unavailable
        The back end, or the operation, is not to be had here.

    Examples
    --------
    >>> x = np.zeros((1, 2), np.float32)
    >>> job = prepare("softmax", {"R": 1, "K": 2}, {"x": x}, {"backend": "native", "threads": 1})
    >>> job.run()
    >>> job.result()
    array([[0.5, 0.5]], dtype=float32)
    """
    backend = options["backend"]
    kernels = _kernels(backend, OPERATIONS[name].kernels)
    if backend == "cuda":
        return _on_device(PREPARE[name], shape, arrays, kernels)
    job = PREPARE[name](shape, arrays, kernels)
    job.before = _settings(options)
    job.before()
    if options.get("winograd"):
        _must_differ(job, options)
    return job


def _kernels(backend: str, names: tuple[str, ...]) -> Kernels:
    """Return the kernels; the fall to the reference would be another rung."""
    if backend not in registry.BACKENDS:
        raise Unavailable(f"this version of cnnlite has no {backend} back end")
    try:
        lacking = [name for name in names if not registry.offers(backend, name)]
    except BackendError as error:
        raise Unavailable(str(error)) from error
    if lacking:
        raise Unavailable(f"the {backend} back end has no {' and no '.join(lacking)}")
    float32 = np.dtype(np.float32)
    return Kernels({name: registry.kernel(name, float32, backend) for name in names})


def _on_device(make: Any, shape: Shape, arrays: Arrays, kernels: Kernels) -> Job:
    """On the GPU: inputs and outputs stay there, a run ends when the device is done.

    As in a plan, the kernels of the first run are launched again in each later one.
    """
    device = registry.device("cuda")
    kernels.place, kernels.fetch = device.copy_of, lambda a: a.copy_to_host()
    job = make(shape, {name: device.copy_of(a) for name, a in arrays.items()}, kernels)
    with device.kept_launches() as launches:
        job.run()

    def run() -> None:
        for launch in launches:
            launch()
        device.finish()

    job.run = run
    return job


def _settings(options: dict[str, Any]) -> Callable[[], None]:
    """Return what sets the threads, the SIMD level and the algorithm, before each turn."""
    if options["backend"] != "native":
        return lambda: threads.set_num_threads(options["threads"])
    from cnnlite.kernels.native import dispatch, winograd  # type: ignore[attr-defined]

    level = options.get("level") or dispatch.levels()[-1]

    def settings() -> None:
        threads.set_num_threads(options["threads"])
        dispatch.set_level(level)
        winograd.set_winograd(options.get("winograd", False))

    return settings


def _must_differ(job: Job, options: dict[str, Any]) -> None:
    """Whether a convolution is computed Winograd's way shows in its bits."""
    job.run()
    bits = job.result().copy()
    _settings(options | {"winograd": False})()
    job.run()
    if np.array_equal(bits, job.result()):
        raise Unavailable("for this shape cnnlite computes direct sums: Winograd would cost more")
    job.result()[...] = np.nan
    job.before()


def matmul(shape: Shape, arrays: Arrays, kernels: Kernels) -> Job:
    y, kernel = kernels.new(shape["M"], shape["N"]), kernels.functions["matmul"]
    a, b = arrays["a"], arrays["b"]
    return Job(lambda: kernel(y, a, b, None), result=lambda: kernels.fetch(y))


def conv2d(shape: Shape, arrays: Arrays, kernels: Kernels) -> Job:
    y = kernels.new(*OPERATIONS["conv2d"].output(shape))
    x, w, kernel = arrays["x"], arrays["w"], kernels.functions["conv2d_forward"]
    return Job(lambda: kernel(y, x, w, None, **SAME), result=lambda: kernels.fetch(y))


def maxpool2d(shape: Shape, arrays: Arrays, kernels: Kernels) -> Job:
    output, kernel = OPERATIONS["maxpool2d"].output(shape), kernels.functions["maxpool2d_forward"]
    y, places, x = kernels.new(*output), kernels.new(*output, dtype=np.uint8), arrays["x"]
    return Job(lambda: kernel(y, places, x, **HALVES), result=lambda: kernels.fetch(y))


def batchnorm(shape: Shape, arrays: Arrays, kernels: Kernels) -> Job:
    rows, channels = shape["N"] * shape["H"] * shape["W"], shape["C"]
    x, kernel = arrays["x"].reshape(rows, channels), kernels.functions["batchnorm_forward"]
    outputs = kernels.new(rows, channels), kernels.new(channels), kernels.new(channels)
    given = (x, arrays["gamma"], arrays["beta"], None)

    def run() -> None:
        kernel(*outputs, *given, epsilon=EPSILON, activation="relu")

    return Job(run, result=lambda: kernels.fetch(outputs[0]).reshape(arrays["x"].shape))


def lstm(shape: Shape, arrays: Arrays, kernels: Kernels) -> Job:
    """The inputs' product of all steps, then the recurrence."""
    n, t, f, u = (shape[k] for k in "NTFU")
    product, forward = kernels.functions["matmul"], kernels.functions["lstm_forward"]
    x, z, y = arrays["x"].reshape(n * t, f), kernels.new(n, t, 4 * u), kernels.new(n, t, u)
    rows, last_h, last_c = z.reshape(n * t, 4 * u), kernels.new(n, u), kernels.new(n, u)

    def run() -> None:
        product(rows, x, arrays["w"], arrays["bias"])
        forward(None, None, None, y, last_h, last_c, z, None, None, arrays["u"], None, None)

    return Job(run, result=lambda: kernels.fetch(y))


def softmax(shape: Shape, arrays: Arrays, kernels: Kernels) -> Job:
    y, x, kernel = (
        kernels.new(shape["R"], shape["K"]),
        arrays["x"],
        kernels.functions["softmax_forward"],
    )
    return Job(lambda: kernel(y, x), result=lambda: kernels.fetch(y))


PREPARE: dict[str, Callable[[Shape, Arrays, Kernels], Job]] = {
    function.__name__: function
    for function in (matmul, conv2d, maxpool2d, batchnorm, lstm, softmax)
}
