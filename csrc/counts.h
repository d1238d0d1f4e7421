/* Metrics that count: what each adds to its state, an array of doubles. */
#ifndef CNN_COUNTS_H
#define CNN_COUNTS_H

#include <stddef.h>
#include <stdint.h>

/* The updates; one tile each, as they add to one state in one order.  A kernel reads
 * the members that its reference function has. */
struct cnn_counts {
    double *state;
    const float *x;          /* (rows, K) predictions */
    const float *target;     /* (rows, K), or NULL where there are labels */
    const int32_t *labels;   /* (rows,), or NULL */
    const float *weights;    /* (rows,), or NULL: ones */
    const float *thresholds; /* (T,) ascending */
    ptrdiff_t rows, K, T;
    ptrdiff_t top_k;    /* 0: all count */
    ptrdiff_t class_id; /* -1: all columns */
    ptrdiff_t classes;  /* of a confusion matrix */
    float threshold;
    int by_maximum; /* a row's maximum is positive, instead of what exceeds the threshold */
    int per_label;  /* the columns count apart */
    int clip;       /* predictions to [0, 1] */
};

#define CNN_COUNT_KERNELS(X)                                                                       \
    X(threshold_update)                                                                            \
    X(class_update)                                                                                \
    X(confusion_update)                                                                            \
    X(regression_update)

#endif
