/* Optimizer steps: all parameters of a model in one call. */
#ifndef CNN_OPTIMIZERS_H
#define CNN_OPTIMIZERS_H

#include "parameters.h"

/* In the order of the reference's RULES. */
enum cnn_rule {
    CNN_SGD,
    CNN_RMSPROP,
    CNN_ADAGRAD,
    CNN_ADADELTA,
    CNN_ADAM,
    CNN_ADAMAX,
    CNN_NADAM,
    CNN_LION
};

/* A step.  Coefficients are rounded to float once they are computed, as in the
 * reference. */
struct cnn_update {
    const struct cnn_parameter *parameters; /* (count), none of them empty */
    ptrdiff_t count;
    enum cnn_rule rule;
    int nesterov;
    float limit; /* of the gradients' sizes: INFINITY for none */
    float rate;  /* of Adam and Adamax with its bias correction */
    float momentum, rho, rest_rho, beta_1, rest_1, beta_2, rest_2, epsilon;
    float of_m, of_g, of_v; /* Nadam's factors */
};

/* average_update; slot[0] is the average. */
struct cnn_average {
    const struct cnn_parameter *parameters; /* (count), none of them empty */
    ptrdiff_t count;
    float momentum, rest;
    int first, overwrite; /* the average starts; the weights become it */
};

/* Set the coefficients of step t (from 1). */
static inline void cnn_set_coefficients(struct cnn_update *a, double rate, double t,
                                        double momentum, double rho, double beta_1, double beta_2)
{
    a->rate = (float)rate;
    a->momentum = (float)momentum;
    a->rho = (float)rho;
    a->rest_rho = (float)(1 - rho);
    a->beta_1 = (float)beta_1;
    a->rest_1 = (float)(1 - beta_1);
    a->beta_2 = (float)beta_2;
    a->rest_2 = (float)(1 - beta_2);
    if (a->rule == CNN_ADAM)
        a->rate = (float)(rate * sqrt(1 - pow(beta_2, t)) / (1 - pow(beta_1, t)));
    if (a->rule == CNN_ADAMAX)
        a->rate = (float)(rate / (1 - pow(beta_1, t)));
    if (a->rule == CNN_NADAM) {
        double p = pow(beta_1, t), power = 1;
        for (int i = 1; i <= t && i <= 1000; i++) { /* later factors are 1 to rounding */
            power *= 0.96;
            p *= 1 - power / 2;
        }
        const double now = beta_1 * (1 - pow(0.96, t) / 2);
        const double after = beta_1 * (1 - pow(0.96, t + 1) / 2);
        a->of_m = (float)(after / (1 - p * after));
        a->of_g = (float)((1 - now) / (1 - p));
        a->of_v = (float)(1 / (1 - pow(beta_2, t)));
    }
}

/* The factor that brings gradients of this norm to clip_norm at most. */
static inline double cnn_clip_scale(double norm, double clip_norm)
{
    return norm < clip_norm ? 1.0 : clip_norm / norm;
}

#define CNN_OPTIMIZER_KERNELS(X)                                                                   \
    X(update)                                                                                      \
    X(average_update)

#endif
