#ifndef CNN_RANDOM_H
#define CNN_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define CNN_RANDOM_KERNELS(X)

#endif
