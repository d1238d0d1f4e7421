#ifndef CNN_ELEMENTWISE_H
#define CNN_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

#define CNN_ELEMENTWISE_KERNELS(X)

#endif
