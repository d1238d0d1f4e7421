/* Other types, one value everywhere, and rows that hold anything but one value.
 */
#include "../cnn.h"
#include "../simd.h"

/* Element i, as a double: it holds every float and int32. */
CNN_INLINE double element(int type, const void *x, ptrdiff_t i)
{
    switch (type) {
    case CNN_FLOAT32:
        return ((const float *)x)[i];
    case CNN_FLOAT64:
        return ((const double *)x)[i];
    case CNN_INT32:
        return ((const int32_t *)x)[i];
    default:
        return ((const uint8_t *)x)[i];
    }
}

/* The nearest number within low..high; NaN is 0. */
CNN_INLINE double within(double low, double x, double high)
{
    return x != x ? 0 : x < low ? low : x > high ? high : x;
}

CNN_INLINE void store(int type, void *y, ptrdiff_t i, double x)
{
    switch (type) {
    case CNN_FLOAT32:
        ((float *)y)[i] = (float)x;
        break;
    case CNN_FLOAT64:
        ((double *)y)[i] = x;
        break;
    case CNN_INT32:
        ((int32_t *)y)[i] = (int32_t)within(INT32_MIN, x, INT32_MAX);
        break;
    default:
        ((uint8_t *)y)[i] = (uint8_t)within(0, x, UINT8_MAX);
    }
}

CNN_INLINE void convert(int to, int from, const struct cnn_convert *a, ptrdiff_t i, ptrdiff_t end)
{
    for (; i < end; i++)
        store(to, a->y, i, element(from, a->x, i));
}

/* One loop for each type that is read. */
CNN_INLINE void convert_to(int to, const struct cnn_convert *a, ptrdiff_t i, ptrdiff_t end)
{
    switch (a->from) {
    case CNN_FLOAT32:
        convert(to, CNN_FLOAT32, a, i, end);
        break;
    case CNN_FLOAT64:
        convert(to, CNN_FLOAT64, a, i, end);
        break;
    case CNN_INT32:
        convert(to, CNN_INT32, a, i, end);
        break;
    default:
        convert(to, CNN_UINT8, a, i, end);
    }
}

void CNN_NAME(cast)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_convert *a = args;
    const ptrdiff_t i = tile * CNN_CHUNK, end = cnn_min(i + CNN_CHUNK, a->size);
    (void)scratch;
    switch (a->to) {
    case CNN_FLOAT32:
        convert_to(CNN_FLOAT32, a, i, end);
        break;
    case CNN_FLOAT64:
        convert_to(CNN_FLOAT64, a, i, end);
        break;
    case CNN_INT32:
        convert_to(CNN_INT32, a, i, end);
        break;
    default:
        convert_to(CNN_UINT8, a, i, end);
    }
}

void CNN_NAME(fill)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_convert *a = args;
    const ptrdiff_t n = 4 * CNN_TENSOR_TILE, rest = a->size - tile * n, count = cnn_min(n, rest);
    uint8_t *y = (uint8_t *)a->y + tile * n;
    ptrdiff_t i = 0;
    (void)scratch;
    for (; i + 8 <= count; i += 8)
        memcpy(y + i, &a->pattern, 8);
    memcpy(y + i, &a->pattern, (size_t)(count - i));
}

void CNN_NAME(differs)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_convert *a = args;
    const ptrdiff_t rows = cnn_gather_rows(a->K), end = cnn_min((tile + 1) * rows, a->size);
    (void)scratch;
    for (ptrdiff_t r = tile * rows; r < end; r++) {
        int any = 0;
        if (a->from == CNN_FLOAT32)
            for (ptrdiff_t k = 0; k < a->K; k++)
                any |= ((const float *)a->x)[r * a->K + k] != a->value;
        else if (a->from == CNN_INT32)
            for (ptrdiff_t k = 0; k < a->K; k++)
                any |= ((const int32_t *)a->x)[r * a->K + k] != (int32_t)a->value;
        else
            for (ptrdiff_t k = 0; k < a->K; k++)
                any |= ((const uint8_t *)a->x)[r * a->K + k] != (uint8_t)a->value;
        ((uint8_t *)a->y)[r] = (uint8_t)any;
    }
}
