#ifndef CNN_OPTIMIZERS_H
#define CNN_OPTIMIZERS_H

#include <stddef.h>
#include <stdint.h>

#define CNN_OPTIMIZER_KERNELS(X)

#endif
