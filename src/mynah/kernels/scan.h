// Linear recurrences over time: all units of a step side by side, forwards and backwards.
#pragma once

#include <cstdint>

namespace mynah {

// h_t = h_{t-1} + z_t (candidate_t - h_{t-1}), z = sigmoid(gate). Arrays (time, units), start (units).
void gated_forwards(const float* gate, const float* candidate, const float* start, std::int64_t time,
                    std::int64_t units, float* h);

// Its gradients, of those by h and by the last step on top. `by_start` (units) begins as the latter.
void gated_backwards(const float* gate, const float* candidate, const float* start, const float* h,
                     const float* grad, std::int64_t time, std::int64_t units, float* by_gate,
                     float* by_candidate, float* by_start);

// h_t = a h_{t-1} + b_t, all complex, real and imaginary parts in turn; a (units) is the same at all times.
// Arrays (time, 2 units), the others (2 units).
void rotated_forwards(const float* a, const float* b, const float* start, std::int64_t time, std::int64_t units,
                      float* h);

// Its gradients by a (2 units), by b and by the start, which begins as that by the last step on top.
void rotated_backwards(const float* a, const float* start, const float* h, const float* grad, std::int64_t time,
                       std::int64_t units, float* by_a, float* by_b, float* by_start);

}  // namespace mynah
