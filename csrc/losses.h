/* What goes into losses beside the predictions: rows' weights, masks, targets.
 */
#ifndef CNN_LOSSES_H
#define CNN_LOSSES_H

#include <stddef.h>
#include <stdint.h>

/* What the factor of all rows makes of their weights. */
enum cnn_reduction { CNN_SUM_OVER_BATCH_SIZE, CNN_MEAN_WITH_SAMPLE_WEIGHT, CNN_SUM };

/* loss_weights; one tile, for a batch has but thousands of rows.  Row r has the
 * weight r / weight_rows and the element r / mask_rows of the mask. */
struct cnn_loss_weights {
    float *y;             /* (rows,) output */
    const float *weights; /* (rows / weight_rows,), or NULL: ones */
    const uint8_t *mask;  /* (rows / mask_rows,), or NULL: ones */
    ptrdiff_t rows, weight_rows, mask_rows;
    double scale;
    enum cnn_reduction reduction;
};

/* map_targets: y = scale target + shift; tile i is the elements [i *
 * CNN_MAP_TILE, ...). */
enum { CNN_MAP_TILE = 16384 };

struct cnn_map_targets {
    float *y;            /* (n,) output; may be target */
    const float *target; /* (n,) */
    ptrdiff_t n;
    float scale, shift;
};

/* targets_are_binary: *binary tells whether all elements are 0 or 1; one tile.
 */
struct cnn_binary {
    int *binary;
    const float *target; /* (n,) */
    ptrdiff_t n;
};

/* label_mask: 1 where the label is not ignore_class and the mask is not 0; one
 * tile. */
struct cnn_label_mask {
    uint8_t *y;            /* (rows,) output */
    const int32_t *labels; /* (rows,) */
    const uint8_t *mask;   /* (rows,), or NULL: ones */
    ptrdiff_t rows;
    int32_t ignore_class;
};

#define CNN_LOSS_KERNELS(X)                                                                        \
    X(loss_weights)                                                                                \
    X(map_targets)                                                                                 \
    X(targets_are_binary)                                                                          \
    X(label_mask)

#endif
