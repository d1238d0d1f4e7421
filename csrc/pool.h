#ifndef CNN_POOL_H
#define CNN_POOL_H

#include <stddef.h>
#include <stdint.h>

#define CNN_POOL_KERNELS(X)

#endif
