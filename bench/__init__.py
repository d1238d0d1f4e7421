"""Cases that tests and benchmark share, and the benchmark: ``python -m bench``.

Run it from the root of the source tree, after an in-place build.  It times kernels,
training steps, predictions and overheads of cnnlite, NumPy and, where ``--peers`` or
``CNNLITE_BENCH_PEERS`` names the folder that ``python -m bench peers DIR`` filled, PyTorch,
TensorFlow and onnxruntime.

- :mod:`bench.case`, :mod:`bench.cases` and the families: operations with their shapes
- :mod:`bench.suite`, :mod:`bench.goals`: the rows, and what each must reach
- :mod:`bench.driver`, :mod:`bench.worker`, :mod:`bench.job`: processes that take turns
- :mod:`bench.peers`: the peers' environments
- :mod:`bench.contestants`: how each library does the work of a row
- :mod:`bench.results`, :mod:`bench.report`: figures, table, Markdown
"""
