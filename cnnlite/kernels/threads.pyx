"""The number of threads, and what a forked child may do.

An explicit number is obeyed as given, above the number of cores too.  Otherwise
it is the least of OpenMP's own number (so ``OMP_NUM_THREADS`` and threadpoolctl
count), the CPUs this process may run on, and the container's CPU quota.

Results never depend on it: work is cut by shape, and sums have a fixed order.
"""

import os
from contextlib import contextmanager

cimport openmp

from cnnlite import config

cdef extern from *:
    """
    #include <pthread.h>
    /* Worker threads do not survive fork(); a child that asks OpenMP for them waits for
     * ever.  So a child runs on one thread. */
    static volatile int cnn_is_forked_child = 0;
    static void cnn_after_fork_in_child(void) { cnn_is_forked_child = 1; }
    static int cnn_watch_forks(void) {
        return pthread_atfork(NULL, NULL, cnn_after_fork_in_child);
    }
    """
    int cnn_is_forked_child
    int cnn_watch_forks()

cdef int explicit_threads = 0  # 0: not set
cdef int cpu_limit = 1
cdef int last_team = 1
cdef bint even = False

# Work below this, by the kernels' own estimates (about twice what it takes), stays on one thread.
# Meeting a worker that is awake costs about half a microsecond, but one that the system puts
# aside in the middle of a tile may cost far more.  Measured on two Zen 4 cores: a product of 64 x
# 64 x 64 takes 8.0 us on one and 6.2 us on two; the layers of LeNet-5 on one image, somewhat
# smaller, gained nothing, and lost where other programs ran.
cdef double SMALLEST_SHARED_NS = 10e3

if cnn_watch_forks() != 0:
    raise OSError("cnnlite: pthread_atfork failed")


cdef int team(double nanoseconds) noexcept nogil:
    if nanoseconds < SMALLEST_SHARED_NS or cnn_is_forked_child:
        return 1
    if explicit_threads:
        return explicit_threads
    return max(1, min(cpu_limit, openmp.omp_get_max_threads()))


cdef void note_team(int size) noexcept nogil:
    global last_team
    last_team = size


cdef bint even_shares() noexcept nogil:
    return even


cdef bint is_oversubscribed(int team) noexcept nogil:
    return team > cpu_limit


def set_even_shares(wanted):
    """Whether each thread computes its share of the native kernels' tiles and no other (for tests).

    Otherwise who is early takes from who is late, and a small operation may be over before a
    thread that slept has come.  Back ends in Python then share out small work too.
    """
    global even
    even = wanted


def set_num_threads(n):
    """Run kernels on ``n`` threads from now on, in the whole process.

    Parameters
    ----------
    n : int or None
        At least 1, obeyed as given.  None goes back to the automatic number.

    Raises
    ------
    ValueError
        If ``n`` is not a positive integer.

    Examples
    --------
    >>> import cnnlite
    >>> cnnlite.set_num_threads(2)
    >>> cnnlite.get_num_threads()
    2
    >>> cnnlite.set_num_threads(None)
    """
    global explicit_threads
    if n is None:
        explicit_threads = 0
        return
    explicit_threads = config.checked_thread_count(n, "set_num_threads: n")


def get_num_threads():
    """Return the number of threads that a large operation runs on.

    Examples
    --------
    >>> import cnnlite
    >>> cnnlite.get_num_threads() >= 1
    True
    """
    return team(1e300)


@contextmanager
def threads(n):
    """Context manager: run kernels on ``n`` threads inside, in the whole process.

    Examples
    --------
    >>> import cnnlite
    >>> with cnnlite.threads(1):
    ...     cnnlite.get_num_threads()
    1
    """
    before = explicit_threads
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before or None)


def explain_num_threads():
    """Return one sentence: how many threads, and why that many."""
    n = get_num_threads()
    if cnn_is_forked_child:
        return f"{n} (a forked child has no worker threads)"
    if explicit_threads:
        return f"{n} (set explicitly)"
    reasons = config.cpu_limits() | {"OpenMP's maximum": openmp.omp_get_max_threads()}
    return f"{n} (least of " + ", ".join(f"{why} {k}" for why, k in reasons.items()) + ")"


def team_for(double nanoseconds, double smallest):
    """Return the threads for work of about so many nanoseconds: 1 where that is under ``smallest``.

    For back ends in Python, whose price of sharing is another than that of the C kernels.
    """
    return 1 if nanoseconds < smallest and not even else team(1e300)


def note_team_size(int size):
    """Be told how many threads shared an operation."""
    note_team(size)


def last_team_size():
    """Return how many threads the last shared operation really ran on (for tests)."""
    return last_team


def _start():
    global cpu_limit, explicit_threads
    cpu_limit = min(config.cpu_limits().values())
    asked = os.environ.get("CNNLITE_NUM_THREADS")
    if asked:
        explicit_threads = config.checked_thread_count(asked, "CNNLITE_NUM_THREADS")


_start()
