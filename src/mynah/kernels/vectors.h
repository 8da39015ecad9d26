// Sixteen floats at a time in the compiler's own vector types, and the functions that gates are made of.
//
// A function marked MYNAH_CLONES is compiled once for each level of x86-64; the loader picks the best that the
// processor has. What is inlined into it is compiled with it, so nothing here may be called by itself.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__gnu_linux__)
#define MYNAH_X86 1
#define MYNAH_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MYNAH_CLONES
#endif
#define MYNAH_INLINE inline __attribute__((always_inline))

namespace mynah {

constexpr int kLane = 16;
constexpr std::size_t kAlign = 64;

using Floats = float __attribute__((vector_size(64)));
using Ints = std::int32_t __attribute__((vector_size(64)));
using Words = std::uint32_t __attribute__((vector_size(64)));

// A block of memory that vectors can be read from; zero at the start.
template <class T>
class Aligned {
 public:
  Aligned() = default;
  explicit Aligned(std::size_t size) : data_(allocate(size)), size_(size) {}
  Aligned(Aligned&& other) noexcept : data_(other.data_), size_(other.size_) { other.data_ = nullptr; }
  Aligned& operator=(Aligned&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  ~Aligned() { std::free(data_); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t place) { return data_[place]; }
  const T& operator[](std::size_t place) const { return data_[place]; }

 private:
  static T* allocate(std::size_t size) {
    const std::size_t bytes = (size * sizeof(T) / kAlign + 1) * kAlign;
    void* made = std::aligned_alloc(kAlign, bytes);
    if (made == nullptr) throw std::bad_alloc();
    return static_cast<T*>(std::memset(made, 0, bytes));
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
};

inline Aligned<float> copied(const float* from, std::size_t count) {
  Aligned<float> made(count);
  std::memcpy(made.data(), from, count * sizeof(float));
  return made;
}

MYNAH_INLINE Floats load(const float* from) { return *reinterpret_cast<const Floats*>(from); }
MYNAH_INLINE void store(float* to, Floats value) { *reinterpret_cast<Floats*>(to) = value; }
MYNAH_INLINE Floats all(float value) { return Floats{} + value; }
MYNAH_INLINE Floats smaller(Floats a, Floats b) { return a < b ? a : b; }
MYNAH_INLINE Floats larger(Floats a, Floats b) { return a > b ? a : b; }

// e^x to a few units in the last place, for |x| <= 80: x = n ln 2 + r, the series of e^r, and n into the exponent.
MYNAH_INLINE Floats exponential(Floats x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves a whole number in the low bits
  const Floats shifted = x * 1.44269504088896341f + kRound;
  const Floats n = shifted - kRound;
  const Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Floats series = all(1.0f / 5040);
  series = series * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  series = series * r + 1.0f;
  series = series * r + 1.0f;
  const Ints bits = reinterpret_cast<Ints>(series) + (reinterpret_cast<Ints>(shifted) << 23);
  return reinterpret_cast<Floats>(bits);
}

// The sigmoid, the tanh, and the sigmoid of one number times the tanh of another with one division.
MYNAH_INLINE Floats sigmoid(Floats x) {
  const Floats e = exponential(-larger(smaller(x, all(30.0f)), all(-30.0f)));
  return 1.0f / (1.0f + e);
}
MYNAH_INLINE Floats tangent(Floats x) {
  const Floats d = exponential(2.0f * larger(smaller(x, all(15.0f)), all(-15.0f)));
  return (d - 1.0f) / (d + 1.0f);
}
MYNAH_INLINE Floats sigmoid_tanh(Floats gate, Floats signal) {
  const Floats e = exponential(-larger(smaller(gate, all(30.0f)), all(-30.0f)));
  const Floats d = exponential(2.0f * larger(smaller(signal, all(15.0f)), all(-15.0f)));
  return (d - 1.0f) / ((1.0f + e) * (d + 1.0f));
}

}  // namespace mynah
