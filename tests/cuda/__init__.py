"""The cuda back end, on a GPU or in Numba's simulator.

``NUMBA_ENABLE_CUDASIM=1 pytest tests/cuda`` runs all of it in the simulator, in a process of
its own, for Numba decides at its import; without the variable and without a GPU, nothing here
runs.  tests/test_cuda.py starts it so.
"""
