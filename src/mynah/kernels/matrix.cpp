#include "matrix.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#ifdef MYNAH_X86
#include <immintrin.h>
#endif

namespace mynah {
namespace {

constexpr int kBlock = 8;          // vectors in a block: accumulators that stay in registers
constexpr int kAhead = 2048;       // bytes of weights asked for before they are needed


// The next block of at most `left` vectors: 8, 4, 2 or 1.
MYNAH_INLINE int block_of(int left) { return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1; }

template <int V>
MYNAH_INLINE const float* float_block(const float* w, const float* x, const float* start, float* y, int columns) {
  Floats sum[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) sum[v] = load(start + v * kLane);
  for (int k = 0; k < columns; ++k) {
    const float factor = x[k];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      __builtin_prefetch(w + v * kLane + kAhead / 4);
      sum[v] += load(w + v * kLane) * factor;
    }
    w += V * kLane;
  }
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) store(y + v * kLane, sum[v]);
  return w;
}

template <int V>
MYNAH_INLINE const std::uint16_t* half_block(const std::uint16_t* w, const float* x, const float* start, float* y,
                                             int pairs) {
  Floats sum[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) sum[v] = load(start + v * kLane);
  for (int k = 0; k < pairs; ++k) {
    const float first = x[2 * k], second = x[2 * k + 1];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      const Words both = *reinterpret_cast<const Words*>(w + v * 2 * kLane);
      sum[v] += reinterpret_cast<Floats>(both << 16) * first;
      sum[v] += reinterpret_cast<Floats>(both & 0xffff0000u) * second;
    }
    w += V * 2 * kLane;
  }
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) store(y + v * kLane, sum[v]);
  return w;
}

MYNAH_CLONES void multiply_floats(const float* w, const float* x, const float* start, float* y, int vectors,
                                  int columns) {
  for (int done = 0; done < vectors;) {
    const int block = block_of(vectors - done);
    const int at = done * kLane;
    switch (block) {
      case 8: w = float_block<8>(w, x, start + at, y + at, columns); break;
      case 4: w = float_block<4>(w, x, start + at, y + at, columns); break;
      case 2: w = float_block<2>(w, x, start + at, y + at, columns); break;
      default: w = float_block<1>(w, x, start + at, y + at, columns);
    }
    done += block;
  }
}

MYNAH_CLONES void multiply_halves(const std::uint16_t* w, const float* x, const float* start, float* y, int vectors,
                                  int pairs) {
  for (int done = 0; done < vectors;) {
    const int block = block_of(vectors - done);
    const int at = done * kLane;
    switch (block) {
      case 8: w = half_block<8>(w, x, start + at, y + at, pairs); break;
      case 4: w = half_block<4>(w, x, start + at, y + at, pairs); break;
      case 2: w = half_block<2>(w, x, start + at, y + at, pairs); break;
      default: w = half_block<1>(w, x, start + at, y + at, pairs);
    }
    done += block;
  }
}

#ifdef MYNAH_X86
#define MYNAH_DOT __attribute__((target("arch=x86-64-v4,avx512bf16")))

// Two numbers a lane and instruction; twice the accumulators of a small block, since one sum waits for the last.
template <int V>
MYNAH_DOT inline const std::uint16_t* dot_block(const std::uint16_t* w, const std::uint32_t* x, const float* start,
                                                float* y, int pairs) {
  __m512 sum[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) sum[v] = _mm512_load_ps(start + v * kLane);
  for (int k = 0; k < pairs; ++k) {
    const __m512bh factor = reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(x[k])));
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      __builtin_prefetch(w + v * 2 * kLane + kAhead / 2);
      const __m512bh weights = reinterpret_cast<__m512bh>(_mm512_load_si512(w + v * 2 * kLane));
      sum[v] = _mm512_dpbf16_ps(sum[v], weights, factor);
    }
    w += V * 2 * kLane;
  }
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) _mm512_store_ps(y + v * kLane, sum[v]);
  return w;
}

MYNAH_DOT void multiply_dot(const std::uint16_t* w, const float* x, const float* start, float* y, int vectors,
                            int pairs) {
  alignas(64) std::uint32_t rounded[kMostColumns / 2];
  for (int k = 0; k < pairs; k += 8) {
    const __mmask16 there = pairs - k >= 8 ? 0xffff : static_cast<__mmask16>((1u << (2 * (pairs - k))) - 1);
    const __m256bh both = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(there, x + 2 * k));
    _mm256_store_si256(reinterpret_cast<__m256i*>(rounded + k), reinterpret_cast<__m256i>(both));
  }
  for (int done = 0; done < vectors;) {
    const int block = block_of(vectors - done);
    const int at = done * kLane;
    switch (block) {
      case 8: w = dot_block<8>(w, rounded, start + at, y + at, pairs); break;
      case 4: w = dot_block<4>(w, rounded, start + at, y + at, pairs); break;
      case 2: w = dot_block<2>(w, rounded, start + at, y + at, pairs); break;
      default: w = dot_block<1>(w, rounded, start + at, y + at, pairs);
    }
    done += block;
  }
}
#endif

// The nearest bfloat16, ties to even.
std::uint16_t half_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

}  // namespace

Kind half_kind() {
#ifdef MYNAH_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
    return Kind::kDot;
#endif
  return Kind::kHalf;
}

const char* level() {
#ifdef MYNAH_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd"))
    return "x86-64-v4";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    return "x86-64-v3";
#endif
  return "default";
}

Matrix::Matrix(const float* weights, int rows, int columns, Kind kind) : rows_(rows), columns_(columns), kind_(kind) {
  if (columns > kMostColumns) throw std::invalid_argument("a matrix has too many columns");
  const int pairs = (columns + 1) / 2;
  if (kind == Kind::kFloat) {
    floats_ = Aligned<float>(static_cast<std::size_t>(rows) * columns);
  } else {
    halves_ = Aligned<std::uint16_t>(static_cast<std::size_t>(rows) * pairs * 2);
  }
  std::size_t place = 0;
  for (int done = 0; done < rows;) {
    const int block = kLane * block_of((rows - done) / kLane);
    const int steps = kind == Kind::kFloat ? columns : pairs;
    for (int k = 0; k < steps; ++k) {
      for (int row = done; row < done + block; ++row) {
        const float* line = weights + static_cast<std::size_t>(row) * columns;
        if (kind == Kind::kFloat) {
          floats_[place++] = line[k];
        } else {
          halves_[place++] = half_of(line[2 * k]);
          halves_[place++] = 2 * k + 1 < columns ? half_of(line[2 * k + 1]) : 0;
        }
      }
    }
    done += block;
  }
}

void Matrix::apply(const float* x, const float* start, float* y) const {
  const int vectors = rows_ / kLane, pairs = (columns_ + 1) / 2;
  switch (kind_) {
    case Kind::kFloat: multiply_floats(floats_.data(), x, start, y, vectors, columns_); break;
    case Kind::kHalf: multiply_halves(halves_.data(), x, start, y, vectors, pairs); break;
    case Kind::kDot:
#ifdef MYNAH_X86
      multiply_dot(halves_.data(), x, start, y, vectors, pairs);
#endif
      break;
  }
}

}  // namespace mynah
