/* The C interface: argument structs, and one table of kernels per SIMD level.
 *
 * csrc allocates nothing and knows nothing of Python; team.c alone starts threads.  A
 * kernel does one tile of its work; the caller runs the tiles 0..count-1 in any
 * order on any number of threads, each thread with a scratch area of its own.
 * Work is cut into tiles by shape alone, so the bits never depend on threads.
 *
 * Sizes are ptrdiff_t.  Arrays are C-contiguous, rows of the last index.
 */
#ifndef CNN_H
#define CNN_H

#include <stddef.h>
#include <stdint.h>

/* One tile of a kernel's work; args is the kernel's struct, scratch its own. */
typedef void cnn_kernel(const void *args, ptrdiff_t tile, void *scratch);

/* Functions that unary() applies; an epilogue the first four. */
enum cnn_function {
    CNN_LINEAR,
    CNN_RELU,
    CNN_SIGMOID,
    CNN_TANH,
    /* unary() alone */
    CNN_LEAKY_RELU,
    CNN_ELU,
    CNN_GELU,
    CNN_GELU_TANH,
    CNN_HARD_SIGMOID,
    CNN_SILU,
    CNN_SOFTPLUS,
    CNN_SOFTSIGN,
    CNN_EXPONENTIAL,
    CNN_LOG,
    CNN_ERF
};

/* Each family's header: its structs, what a tile is, and its list of kernels.
 */
#include "counts.h"
#include "elementwise.h"
#include "images.h"
#include "join.h"
#include "losses.h"
#include "normalization.h"
#include "optimizers.h"
#include "parameters.h"
#include "pool.h"
#include "probe.h"
#include "product.h"
#include "random.h"
#include "recurrent.h"
#include "rows.h"
#include "tensor.h"
#include "winograd.h"

#define CNN_KERNELS(X)                                                                             \
    CNN_PRODUCT_KERNELS(X)                                                                         \
    CNN_WINOGRAD_KERNELS(X)                                                                        \
    CNN_POOL_KERNELS(X)                                                                            \
    CNN_IMAGES_KERNELS(X)                                                                          \
    CNN_ELEMENTWISE_KERNELS(X)                                                                     \
    CNN_ROWS_KERNELS(X)                                                                            \
    CNN_NORMALIZATION_KERNELS(X)                                                                   \
    CNN_LOSS_KERNELS(X)                                                                            \
    CNN_RECURRENT_KERNELS(X)                                                                       \
    CNN_COUNT_KERNELS(X)                                                                           \
    CNN_RANDOM_KERNELS(X)                                                                          \
    CNN_PARAMETER_KERNELS(X)                                                                       \
    CNN_OPTIMIZER_KERNELS(X)                                                                       \
    CNN_JOIN_KERNELS(X)                                                                            \
    CNN_TENSOR_KERNELS(X)                                                                          \
    CNN_PROBE_KERNELS(X)

struct cnn_table {
    const char *level;       /* "baseline", "avx2" or "avx512" */
    ptrdiff_t vector_floats; /* floats in a vector */
#define CNN_MEMBER(name) cnn_kernel *name;
    CNN_KERNELS(CNN_MEMBER)
#undef CNN_MEMBER
};

/* The i-th level that this build holds and this CPU and its operating system
 * support, the slowest first; NULL past the last. */
const struct cnn_table *cnn_level(int i);

#endif
