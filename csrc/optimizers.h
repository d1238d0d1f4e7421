/* Optimizer steps: all parameters of a model in one call. */
#ifndef CNN_OPTIMIZERS_H
#define CNN_OPTIMIZERS_H

#include "parameters.h"

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
