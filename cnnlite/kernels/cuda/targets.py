"""What goes into losses beside the predictions: targets, masks, and rows' weights."""

from __future__ import annotations

import numpy as np
from numba import cuda, float64

from cnnlite.kernels.cuda.launching import (
    BLOCK,
    blocks_over,
    device_function,
    kernel,
    operation,
)
from cnnlite.kernels.cuda.memory import flat, given, scratch
from cnnlite.kernels.cuda.rows import row_sum

__all__ = ["label_mask", "loss_weights", "map_targets"]


@kernel
def _find_others(found, target):
    """Say of each block whether it has met an element other than 0 and 1."""
    other = 0
    for i in range(cuda.grid(1), target.size, cuda.gridsize(1)):
        if target[i] != 0 and target[i] != 1:
            other = 1
    of_block = cuda.syncthreads_or(other)
    if cuda.threadIdx.x == 0:
        found[cuda.blockIdx.x] = of_block


@kernel
def _map_targets(y, target, found, scale, shift):
    other = 0
    for i in range(cuda.threadIdx.x, found.size, cuda.blockDim.x):
        other |= found[i]
    stays = cuda.syncthreads_or(other)
    for i in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        y[i] = target[i] if stays else scale * target[i] + shift


@operation(outputs=1)
def map_targets(y, target, *, scale, shift, only_binary):
    y, target = flat(y), flat(target)
    found = None
    if only_binary:
        found = scratch(blocks_over(target.size), np.int32)
        _find_others.over(target.size, found, target)
    number = target.dtype.type
    _map_targets.over(y.size, y, target, given(found, np.int32), number(scale), number(shift))


@kernel
def _label_mask(y, labels, mask, ignore_class):
    for row in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        used = not mask.size or mask[row] != 0
        y[row] = used and labels[row] != ignore_class


@operation(outputs=1)
def label_mask(y, labels, mask, *, ignore_class):
    _label_mask.over(y.size, y, labels, given(mask, np.uint8), ignore_class)


@device_function
def _is_used(mask, row, mask_rows):
    return 1.0 if not mask.size or mask[row // mask_rows] else 0.0


@device_function
def _weight_of(weights, row, weight_rows):
    return float64(weights[row // weight_rows]) if weights.size else 1.0


@kernel
def _loss_weights(y, weights, mask, weight_rows, mask_rows, is_sum, by_weight, scale):
    shared = cuda.shared.array(BLOCK, float64)
    own = 0.0
    for row in range(cuda.threadIdx.x, y.size, cuda.blockDim.x):
        used = _is_used(mask, row, mask_rows)
        own += used * _weight_of(weights, row, weight_rows) if by_weight else used
    total = row_sum(shared, own)
    factor = 0.0
    if is_sum:
        factor = scale * y.size
    elif total != 0:
        factor = y.size / total * scale
    for row in range(cuda.threadIdx.x, y.size, cuda.blockDim.x):
        weight = _is_used(mask, row, mask_rows) * _weight_of(weights, row, weight_rows)
        y[row] = weight * factor


@operation(outputs=1)
def loss_weights(y, weights, mask, *, reduction, scale):
    weights, mask = given(weights, y.dtype), given(mask, np.uint8)
    weight_rows, mask_rows = y.size // max(weights.size, 1), y.size // max(mask.size, 1)
    is_sum, by_weight = reduction == "sum", reduction == "mean_with_sample_weight"
    # One block, whose sum all rows wait for: a batch has but thousands of rows.
    if y.size:
        _loss_weights.launch(
            1, BLOCK, y, weights, mask, weight_rows, mask_rows, is_sum, by_weight, float(scale)
        )
