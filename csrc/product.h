/* Matrix products and convolutions: one micro-kernel serves them all. */
#ifndef CNN_PRODUCT_H
#define CNN_PRODUCT_H

#include <stddef.h>
#include <stdint.h>

#define CNN_PRODUCT_KERNELS(X)

#endif
