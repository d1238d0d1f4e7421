#ifndef CNN_ROWS_H
#define CNN_ROWS_H

#include <stddef.h>
#include <stdint.h>

#define CNN_ROWS_KERNELS(X)

#endif
