#include "scan.h"

#include "vectors.h"

namespace mynah {
namespace {

// Up to sixteen numbers that need not be aligned; what lies beyond `count` is zero, and is not stored.
template <bool Whole>
MYNAH_INLINE Floats take(const float* from, std::int64_t count) {
  Floats value{};
  std::memcpy(&value, from, Whole ? sizeof(Floats) : static_cast<std::size_t>(count) * sizeof(float));
  return value;
}
template <bool Whole>
MYNAH_INLINE void put(float* to, Floats value, std::int64_t count) {
  std::memcpy(to, &value, Whole ? sizeof(Floats) : static_cast<std::size_t>(count) * sizeof(float));
}

template <bool Whole>
MYNAH_INLINE void gated_step(const float* gate, const float* candidate, const float* before, float* h,
                             std::int64_t count) {
  const Floats was = take<Whole>(before, count);
  const Floats z = sigmoid(take<Whole>(gate, count));
  put<Whole>(h, was + z * (take<Whole>(candidate, count) - was), count);
}

template <bool Whole>
MYNAH_INLINE void gated_step_back(const float* gate, const float* candidate, const float* before, const float* grad,
                                  float* by_gate, float* by_candidate, float* carried, std::int64_t count) {
  const Floats z = sigmoid(take<Whole>(gate, count));
  const Floats keep = 1.0f - z;
  const Floats g = take<Whole>(grad, count) + take<Whole>(carried, count);
  const Floats through = z * g;
  put<Whole>(by_candidate, through, count);
  put<Whole>(by_gate, keep * through * (take<Whole>(candidate, count) - take<Whole>(before, count)), count);
  put<Whole>(carried, keep * g, count);
}

// Swaps real and imaginary parts.
MYNAH_INLINE Floats swapped(Floats x) {
#if defined(__clang__)
  return __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
#else
  return __builtin_shuffle(x, Ints{1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14});
#endif
}

// a x, given the real part of a twice and the imaginary one with both signs.
MYNAH_INLINE Floats rotated(Floats real, Floats imaginary, Floats x) { return real * x + imaginary * swapped(x); }

// `real` and `imaginary` as `rotated` takes them, of a or of its conjugate.
void spread(const float* a, std::int64_t units, bool conjugate, float* real, float* imaginary) {
  const float sign = conjugate ? -1.0f : 1.0f;
  for (std::int64_t unit = 0; unit < units; ++unit) {
    real[2 * unit] = real[2 * unit + 1] = a[2 * unit];
    imaginary[2 * unit] = -sign * a[2 * unit + 1];
    imaginary[2 * unit + 1] = sign * a[2 * unit + 1];
  }
}

template <bool Whole>
MYNAH_INLINE void rotated_step(const float* real, const float* imaginary, const float* b, const float* before,
                               float* h, std::int64_t count) {
  const Floats was = take<Whole>(before, count);
  put<Whole>(h, take<Whole>(b, count) + rotated(take<Whole>(real, count), take<Whole>(imaginary, count), was), count);
}

template <bool Whole>
MYNAH_INLINE void rotated_step_back(const float* real, const float* imaginary, const float* before, const float* grad,
                                    float* by_b, float* carried, float* straight, float* crossed,
                                    std::int64_t count) {
  const Floats g = take<Whole>(grad, count) + take<Whole>(carried, count);
  const Floats was = take<Whole>(before, count);
  put<Whole>(by_b, g, count);
  put<Whole>(carried, rotated(take<Whole>(real, count), take<Whole>(imaginary, count), g), count);
  put<Whole>(straight, take<Whole>(straight, count) + g * was, count);
  put<Whole>(crossed, take<Whole>(crossed, count) + swapped(g) * was, count);
}

MYNAH_CLONES void rotate(const float* real, const float* imaginary, const float* b, const float* start,
                         std::int64_t time, std::int64_t width, float* h) {
  const float* before = start;
  for (std::int64_t t = 0; t < time; ++t, b += width, before = h, h += width) {
    std::int64_t at = 0;
    for (; at + kLane <= width; at += kLane)
      rotated_step<true>(real + at, imaginary + at, b + at, before + at, h + at, kLane);
    if (at < width) rotated_step<false>(real + at, imaginary + at, b + at, before + at, h + at, width - at);
  }
}

MYNAH_CLONES void rotate_back(const float* real, const float* imaginary, const float* start, const float* h,
                              const float* grad, std::int64_t time, std::int64_t width, float* by_b, float* carried,
                              float* straight, float* crossed) {
  for (std::int64_t t = time - 1; t >= 0; --t) {
    const float* before = t ? h + (t - 1) * width : start;
    const float* g = grad + t * width;
    float* by = by_b + t * width;
    std::int64_t at = 0;
    for (; at + kLane <= width; at += kLane)
      rotated_step_back<true>(real + at, imaginary + at, before + at, g + at, by + at, carried + at, straight + at,
                              crossed + at, kLane);
    if (at < width)
      rotated_step_back<false>(real + at, imaginary + at, before + at, g + at, by + at, carried + at, straight + at,
                               crossed + at, width - at);
  }
}

}  // namespace

MYNAH_CLONES void gated_forwards(const float* gate, const float* candidate, const float* start, std::int64_t time,
                                 std::int64_t units, float* h) {
  const float* before = start;
  for (std::int64_t t = 0; t < time; ++t, gate += units, candidate += units, before = h, h += units) {
    std::int64_t at = 0;
    for (; at + kLane <= units; at += kLane)
      gated_step<true>(gate + at, candidate + at, before + at, h + at, kLane);
    if (at < units) gated_step<false>(gate + at, candidate + at, before + at, h + at, units - at);
  }
}

MYNAH_CLONES void gated_backwards(const float* gate, const float* candidate, const float* start, const float* h,
                                  const float* grad, std::int64_t time, std::int64_t units, float* by_gate,
                                  float* by_candidate, float* by_start) {
  for (std::int64_t t = time - 1; t >= 0; --t) {
    const float* before = t ? h + (t - 1) * units : start;
    const std::int64_t row = t * units;
    std::int64_t at = 0;
    for (; at + kLane <= units; at += kLane)
      gated_step_back<true>(gate + row + at, candidate + row + at, before + at, grad + row + at, by_gate + row + at,
                            by_candidate + row + at, by_start + at, kLane);
    if (at < units)
      gated_step_back<false>(gate + row + at, candidate + row + at, before + at, grad + row + at, by_gate + row + at,
                             by_candidate + row + at, by_start + at, units - at);
  }
}

void rotated_forwards(const float* a, const float* b, const float* start, std::int64_t time, std::int64_t units,
                      float* h) {
  Aligned<float> real(2 * units), imaginary(2 * units);
  spread(a, units, false, real.data(), imaginary.data());
  rotate(real.data(), imaginary.data(), b, start, time, 2 * units, h);
}

void rotated_backwards(const float* a, const float* start, const float* h, const float* grad, std::int64_t time,
                       std::int64_t units, float* by_a, float* by_b, float* by_start) {
  Aligned<float> real(2 * units), imaginary(2 * units), straight(2 * units), crossed(2 * units);
  spread(a, units, true, real.data(), imaginary.data());
  rotate_back(real.data(), imaginary.data(), start, h, grad, time, 2 * units, by_b, by_start, straight.data(),
              crossed.data());
  for (std::int64_t unit = 0; unit < units; ++unit) {  // g conj(h)
    by_a[2 * unit] = straight[2 * unit] + straight[2 * unit + 1];
    by_a[2 * unit + 1] = crossed[2 * unit] - crossed[2 * unit + 1];
  }
}

}  // namespace mynah
