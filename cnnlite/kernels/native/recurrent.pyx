"""Recurrent networks (csrc/recurrent.h): weights packed once, then step after step.

A step is cut in blocks of units and of sequences by the shape alone, so the threads never
change a bit.
"""

cimport numpy as cnp
from libc.stdint cimport uint8_t

from cnnlite.kernels.native.dispatch cimport (
    CNN_HARD_SIGMOID, Workspace, borrow, cnn_kernel, dim, f32, function_code, release, run,
    run_phases, table, u8,
)
from cnnlite.kernels.native.product cimport (
    FLOPS_PER_NS, TILES, ceil_div, clamp, cnn_pack, packed_width, run_pack,
)

cdef extern from "cnn.h":
    ctypedef struct recurrent_kernels "const struct cnn_table":
        cnn_kernel *recurrent_pack
        cnn_kernel *recurrent_begin
        cnn_kernel *recurrent_begin_backward
        cnn_kernel *lstm_forward
        cnn_kernel *lstm_backward
        cnn_kernel *gru_forward
        cnn_kernel *gru_backward
        cnn_kernel *simple_rnn_forward
        cnn_kernel *simple_rnn_backward

cnp.import_array()

cdef extern from "recurrent.h":
    enum:
        CNN_BLOCK_VECTORS
        CNN_BLOCK_UNITS

    struct cnn_recurrent_pack:
        float *packed
        const float *b
        ptrdiff_t k, row, units, gates, vectors

    struct cnn_recurrent:
        const float *packed
        const float *bias
        const float *drop
        const uint8_t *mask
        ptrdiff_t N, T, U, S
        ptrdiff_t gates, vectors, parts
        ptrdiff_t part_gates[4]
        ptrdiff_t row_blocks, row, phase
        int activation, recurrent_activation
        bint go_backwards, zero_output, reset_after

    struct cnn_recurrent_forward:
        cnn_recurrent of
        float *gates
        float *states
        float *cells
        float *inner
        float *y
        float *h
        float *c
        const float *z
        const float *h0
        const float *c0

    struct cnn_recurrent_backward:
        cnn_recurrent of
        float *dz
        float *dr
        float *dh0
        float *dc0
        const float *dy
        const float *dh
        const float *dc
        const float *gates
        const float *states
        const float *cells
        const float *inner

    ptrdiff_t cnn_recurrent_units(ptrdiff_t units, ptrdiff_t block)
    ptrdiff_t cnn_recurrent_row(const cnn_recurrent *a, ptrdiff_t vector)
    size_t cnn_recurrent_buffers(const cnn_recurrent *a)
    void cnn_recurrent_carve(cnn_recurrent_forward *a, float *memory)
    void cnn_recurrent_carve_backward(cnn_recurrent_backward *a, float *memory)


cdef inline recurrent_kernels *kernels() noexcept:
    return <recurrent_kernels *>table


# Nanoseconds on one core to make a gate's activation, or its gradient, from its sum.
cdef double GATE_NS = 0.8
# And what a tile costs beside its work: all of it, for a unit or two of one sequence.
cdef double TILE_NS = 100
# Sequences of a tile, at least: fewer would leave the product's tiles half empty.
# At most: their states and a block's weights fit the L2 cache.
cdef enum:
    LEAST_ROWS = 12
    MOST_ROWS = 96


cdef int code_of(name) except -1:
    """The code of an activation: an epilogue's, or the hard sigmoid."""
    return CNN_HARD_SIGMOID if name == "hard_sigmoid" else function_code(name)


cdef int fill(
    cnn_recurrent *of, cnp.ndarray steps, cnp.ndarray y, ptrdiff_t gates, cnp.ndarray drop,
    cnp.ndarray mask, activation, recurrent_activation, bint go_backwards, bint zero_output,
    bint reset_after,
) except -1:
    """Describe a layer over ``steps`` (N, T, gates U); y is that or its gradient."""
    cdef ptrdiff_t gate
    of.N, of.T, of.U = dim(steps, 0), dim(steps, 1), dim(steps, 2) // gates
    of.S = dim(y, 1) if y is not None else of.T
    of.gates, of.drop, of.mask, of.bias = gates, f32(drop), u8(mask), NULL
    of.vectors = 1
    if gates == 1:
        of.vectors = clamp(1, ceil_div(of.U, table.vector_floats), CNN_BLOCK_VECTORS)
    if drop is not None:
        of.parts = gates
        for gate in range(gates):
            of.part_gates[gate] = 1
    elif gates == 3 and not reset_after:
        of.parts, of.part_gates[0], of.part_gates[1] = 2, 2, 1
    else:
        of.parts, of.part_gates[0] = 1, gates
    of.row, of.phase = cnn_recurrent_row(of, table.vector_floats), 0
    of.activation, of.recurrent_activation = code_of(activation), code_of(recurrent_activation)
    of.go_backwards, of.zero_output, of.reset_after = go_backwards, zero_output, reset_after
    return 0


cdef int run_steps(
    cnn_kernel *kernel, const void *args, cnn_recurrent *of, ptrdiff_t unit_blocks, bint after_all
) except -1:
    """Run a kernel phase after phase, each over all tiles, and once more after all steps."""
    cdef ptrdiff_t phases = of.T if of.gates != 3 or of.reset_after else 2 * of.T
    cdef double ns = of.gates * of.U * <double>of.N * (2.0 * of.U / FLOPS_PER_NS + GATE_NS) * of.T
    cdef ptrdiff_t tiles
    if after_all:
        phases += 1
    of.row_blocks = clamp(
        ceil_div(of.N, MOST_ROWS), ceil_div(TILES, unit_blocks), of.N // LEAST_ROWS
    )
    tiles = unit_blocks * of.row_blocks
    # One sequence reads all weights in each step.  Every other step goes through them from the
    # last to the first, so that what a cache just too small for them has kept is used: an eighth
    # faster for 256 units (the L2 cache) and for 64 (the L1).
    return run_phases(kernel, args, tiles, phases, &of.phase, ns + TILE_NS * tiles * phases,
                      0, True, of.N == 1)


cdef ptrdiff_t block_units(const cnn_recurrent *of) noexcept:
    return of.vectors * table.vector_floats


cdef int pack_gates(
    const cnn_recurrent *of, float *packed, const float *b, ptrdiff_t k
) except -1:
    """Pack k rows of weights (k, gates U), part after part, for the forward pass."""
    cdef cnn_recurrent_pack args
    cdef ptrdiff_t part, blocks = ceil_div(of.U, block_units(of))
    args.k, args.row, args.units, args.vectors = k, of.gates * of.U, of.U, of.vectors
    args.packed, args.b = packed, b
    for part in range(of.parts):
        args.gates = of.part_gates[part]
        run(kernels().recurrent_pack, &args, blocks, 0.5 * k * args.gates * of.U)
        args.packed += blocks * k * args.gates * block_units(of)
        args.b += args.gates * of.U
    return 0


cdef int pack_transposed(const cnn_recurrent *of, float *packed, const float *b) except -1:
    """Pack each part's weights, transposed, for the backward pass."""
    cdef cnn_pack args
    cdef ptrdiff_t part
    args.groups = args.taps_h = args.taps_w = 1
    args.group = args.packed_group = args.tap_h = args.tap_w = 0
    args.row, args.column, args.n = 1, of.gates * of.U, of.U
    args.block = CNN_BLOCK_UNITS
    args.packed, args.b = packed, b
    for part in range(of.parts):
        args.len = of.part_gates[part] * of.U
        run_pack(&args)
        args.packed += args.len * packed_width(of.U)
        args.b += args.len
    return 0


cdef int run_forward(
    cnn_kernel *kernel, cnn_recurrent_forward *args, cnp.ndarray weights, cnp.ndarray bias
) except -1:
    cdef cnn_recurrent *of = &args.of
    cdef ptrdiff_t columns = of.gates * cnn_recurrent_units(of.U, block_units(of))
    cdef ptrdiff_t packed = columns * (of.U + 1)
    cdef Workspace workspace
    if of.N == 0 or of.U == 0:
        return 0
    workspace = borrow(sizeof(float) * (packed + cnn_recurrent_buffers(of)))
    try:
        of.packed = <float *>workspace.data
        pack_gates(of, <float *>workspace.data, f32(weights), of.U)
        if bias is not None:
            of.bias = of.packed + columns * of.U
            pack_gates(of, <float *>workspace.data + columns * of.U, f32(bias), 1)
        cnn_recurrent_carve(args, <float *>workspace.data + packed)
        run(kernels().recurrent_begin, args, of.N, of.U * of.N)
        run_steps(kernel, args, of, ceil_div(of.U, block_units(of)), False)
    finally:
        release(workspace)
    return 0


cdef int run_backward(
    cnn_kernel *kernel, cnn_recurrent_backward *args, cnp.ndarray weights
) except -1:
    cdef cnn_recurrent *of = &args.of
    cdef ptrdiff_t packed = of.gates * of.U * packed_width(of.U) + 16
    cdef Workspace workspace
    if of.N == 0 or of.U == 0:
        return 0
    workspace = borrow(sizeof(float) * (packed + cnn_recurrent_buffers(of)))
    try:
        of.packed = <float *>workspace.data
        pack_transposed(of, <float *>workspace.data, f32(weights))
        cnn_recurrent_carve_backward(args, <float *>workspace.data + packed)
        run(kernels().recurrent_begin_backward, args, of.N, of.U * of.N)
        run_steps(kernel, args, of, ceil_div(of.U, CNN_BLOCK_UNITS), True)
    finally:
        release(workspace)
    return 0


def lstm_forward(
    cnp.ndarray gates, cnp.ndarray states, cnp.ndarray cells, cnp.ndarray y, cnp.ndarray h,
    cnp.ndarray c, cnp.ndarray z, cnp.ndarray h0, cnp.ndarray c0, cnp.ndarray recurrent_kernel,
    cnp.ndarray drop, cnp.ndarray mask, *, activation="tanh", recurrent_activation="sigmoid",
    go_backwards=False, zero_output_for_mask=False,
):
    cdef cnn_recurrent_forward a
    fill(&a.of, z, y, 4, drop, mask, activation, recurrent_activation, go_backwards,
         zero_output_for_mask, False)
    a.gates, a.states, a.cells, a.inner = f32(gates), f32(states), f32(cells), NULL
    a.y, a.h, a.c, a.z, a.h0, a.c0 = f32(y), f32(h), f32(c), f32(z), f32(h0), f32(c0)
    zero_without_steps(&a.of, y)
    run_forward(kernels().lstm_forward, &a, recurrent_kernel, None)


def lstm_backward(
    cnp.ndarray dz, cnp.ndarray dh0, cnp.ndarray dc0, cnp.ndarray dy, cnp.ndarray dh,
    cnp.ndarray dc, cnp.ndarray gates, cnp.ndarray cells, cnp.ndarray recurrent_kernel,
    cnp.ndarray drop, cnp.ndarray mask, *, activation="tanh", recurrent_activation="sigmoid",
    go_backwards=False, zero_output_for_mask=False,
):
    cdef cnn_recurrent_backward a
    fill(&a.of, dz, dy, 4, drop, mask, activation, recurrent_activation, go_backwards,
         zero_output_for_mask, False)
    a.dz, a.dr, a.dh0, a.dc0 = f32(dz), NULL, f32(dh0), f32(dc0)
    a.dy, a.dh, a.dc = f32(dy), f32(dh), f32(dc)
    a.gates, a.states, a.cells, a.inner = f32(gates), NULL, f32(cells), NULL
    run_backward(kernels().lstm_backward, &a, recurrent_kernel)


def gru_forward(
    cnp.ndarray gates, cnp.ndarray states, cnp.ndarray inner, cnp.ndarray y, cnp.ndarray h,
    cnp.ndarray z, cnp.ndarray h0, cnp.ndarray recurrent_kernel, cnp.ndarray recurrent_bias,
    cnp.ndarray drop, cnp.ndarray mask, *, reset_after=True, activation="tanh",
    recurrent_activation="sigmoid", go_backwards=False, zero_output_for_mask=False,
):
    cdef cnn_recurrent_forward a
    fill(&a.of, z, y, 3, drop, mask, activation, recurrent_activation, go_backwards,
         zero_output_for_mask, reset_after)
    a.gates, a.states, a.cells, a.inner = f32(gates), f32(states), NULL, f32(inner)
    a.y, a.h, a.c, a.z, a.h0, a.c0 = f32(y), f32(h), NULL, f32(z), f32(h0), NULL
    zero_without_steps(&a.of, y)
    run_forward(kernels().gru_forward, &a, recurrent_kernel, recurrent_bias)


def gru_backward(
    cnp.ndarray dz, cnp.ndarray dr, cnp.ndarray dh0, cnp.ndarray dy, cnp.ndarray dh,
    cnp.ndarray gates, cnp.ndarray states, cnp.ndarray inner, cnp.ndarray recurrent_kernel,
    cnp.ndarray drop, cnp.ndarray mask, *, reset_after=True, activation="tanh",
    recurrent_activation="sigmoid", go_backwards=False, zero_output_for_mask=False,
):
    cdef cnn_recurrent_backward a
    fill(&a.of, dz, dy, 3, drop, mask, activation, recurrent_activation, go_backwards,
         zero_output_for_mask, reset_after)
    a.dz, a.dr, a.dh0, a.dc0 = f32(dz), f32(dr), f32(dh0), NULL
    a.dy, a.dh, a.dc = f32(dy), f32(dh), NULL
    a.gates, a.states, a.cells, a.inner = f32(gates), f32(states), NULL, f32(inner)
    run_backward(kernels().gru_backward, &a, recurrent_kernel)


def simple_rnn_forward(
    cnp.ndarray gates, cnp.ndarray states, cnp.ndarray y, cnp.ndarray h, cnp.ndarray z,
    cnp.ndarray h0, cnp.ndarray recurrent_kernel, cnp.ndarray drop, cnp.ndarray mask, *,
    activation="tanh", go_backwards=False, zero_output_for_mask=False,
):
    cdef cnn_recurrent_forward a
    fill(&a.of, z, y, 1, drop, mask, activation, None, go_backwards, zero_output_for_mask, False)
    a.gates, a.states, a.cells, a.inner = f32(gates), f32(states), NULL, NULL
    a.y, a.h, a.c, a.z, a.h0, a.c0 = f32(y), f32(h), NULL, f32(z), f32(h0), NULL
    zero_without_steps(&a.of, y)
    run_forward(kernels().simple_rnn_forward, &a, recurrent_kernel, None)


def simple_rnn_backward(
    cnp.ndarray dz, cnp.ndarray dh0, cnp.ndarray dy, cnp.ndarray dh, cnp.ndarray gates,
    cnp.ndarray recurrent_kernel, cnp.ndarray drop, cnp.ndarray mask, *, activation="tanh",
    go_backwards=False, zero_output_for_mask=False,
):
    cdef cnn_recurrent_backward a
    fill(&a.of, dz, dy, 1, drop, mask, activation, None, go_backwards, zero_output_for_mask, False)
    a.dz, a.dr, a.dh0, a.dc0 = f32(dz), NULL, f32(dh0), NULL
    a.dy, a.dh, a.dc = f32(dy), f32(dh), NULL
    a.gates, a.states, a.cells, a.inner = f32(gates), NULL, NULL, NULL
    run_backward(kernels().simple_rnn_backward, &a, recurrent_kernel)


cdef int zero_without_steps(const cnn_recurrent *of, cnp.ndarray y) except -1:
    """No step writes y (N, 1, U) where there are none."""
    if of.T == 0:
        y.fill(0)
    return 0
