"""How many threads a kernel runs on: the one place that both compiled back ends ask."""

# Threads for work that takes about this many nanoseconds on one core: 1 when it
# is too small to share, else what get_num_threads() says.
cdef int team(double nanoseconds) noexcept nogil

# To be called by one thread of each parallel region with omp_get_num_threads().
cdef void note_team(int size) noexcept nogil
