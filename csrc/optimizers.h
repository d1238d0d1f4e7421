/* Optimizer steps: all parameters of a model in one call. */
#ifndef CNN_OPTIMIZERS_H
#define CNN_OPTIMIZERS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* A tile is up to so many elements of one array: 64 KB of traffic at least, so
 * finding the array costs little, and few enough to share a small model. */
enum { CNN_UPDATE_TILE = 4096 };

/* One parameter and what belongs to it, each (size). */
struct cnn_parameter {
    float *w;
    float *m; /* velocity or first moment; NULL without momentum */
    float *v; /* second moment; adam */
    const float *g;
    ptrdiff_t size;
    ptrdiff_t first_tile; /* the number of tiles in the parameters before */
};

struct cnn_sgd {
    const struct cnn_parameter *parameters; /* (count), none of them empty */
    ptrdiff_t count;
    double rate, momentum;
    int nesterov;
};

struct cnn_adam {
    const struct cnn_parameter *parameters; /* (count), none of them empty */
    ptrdiff_t count;
    double step; /* the rate with its bias correction */
    double beta_1, beta_2, epsilon;
};

/* The rate of step t (from 1), corrected for moments that started at zero. */
static inline double cnn_adam_step(double rate, double beta_1, double beta_2, double t)
{
    return rate * sqrt(1 - pow(beta_2, t)) / (1 - pow(beta_1, t));
}

#define CNN_OPTIMIZER_KERNELS(X)                                                                   \
    X(sgd_update)                                                                                  \
    X(adam_update)

#endif
