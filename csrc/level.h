/* Names for one SIMD level.
 *
 * Every file under kernels/ is compiled once per level with other flags and
 * with -DCNN_LEVEL=<name>; CNN_NAME(f) gives f its level's suffix, so all
 * levels link into one library.
 */
#ifndef CNN_LEVEL_H
#define CNN_LEVEL_H

#ifndef CNN_LEVEL
#error "compile with -DCNN_LEVEL=baseline, avx2 or avx512"
#endif

#define CNN_PASTE_(name, level) cnn_##name##_##level
#define CNN_PASTE(name, level) CNN_PASTE_(name, level)
#define CNN_NAME(name) CNN_PASTE(name, CNN_LEVEL)

#define CNN_INLINE static inline __attribute__((always_inline))

#endif
