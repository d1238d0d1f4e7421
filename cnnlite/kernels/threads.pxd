"""How many threads a kernel runs on: the one place that both compiled back ends ask."""

# Threads for work that takes about this many nanoseconds on one core: 1 when it
# is too small to share, else what get_num_threads() says.
cdef int team(double nanoseconds) noexcept nogil

# To be told how many threads shared an operation.
cdef void note_team(int size) noexcept nogil

# Whether nobody is to take work from another's share, so that all must come (for tests).
cdef bint even_shares() noexcept nogil

# Whether so many threads are more than the CPUs that this process may use.
cdef bint is_oversubscribed(int team) noexcept nogil
