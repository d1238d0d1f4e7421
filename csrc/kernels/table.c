/* The table of one SIMD level. */
#include "../cnn.h"
#include "../simd.h"

#define CNN_STRING_(x) #x
#define CNN_STRING(x) CNN_STRING_(x)

#define CNN_DECLARE(name) cnn_kernel CNN_NAME(name);
CNN_KERNELS(CNN_DECLARE)

const struct cnn_table CNN_NAME(table) = {
    .level = CNN_STRING(CNN_LEVEL),
    .vector_floats = CNN_W,
#define CNN_ENTRY(name) .name = CNN_NAME(name),
    CNN_KERNELS(CNN_ENTRY)
};
