// A matrix packed for products with one vector after another, in float32 or bfloat16 weights.
#pragma once

#include "vectors.h"

namespace mynah {

// How weights are kept and multiplied. kDot rounds the vector to bfloat16 too, as the instruction needs it.
enum class Kind { kFloat, kHalf, kDot };

// The kind for bfloat16 weights on this processor.
Kind half_kind();

// The level of x86-64 that the loader picks: "x86-64-v4", "x86-64-v3" or "default".
const char* level();

// The most columns that a matrix may have: a rounded vector has its place on the stack.
constexpr int kMostColumns = 1 << 14;

// Rows a multiple of 16. Packed in blocks of up to 128 rows: in each, column by column (bfloat16: by pairs of
// columns), all rows of the block beside each other, so that weights are read once and in the order they lie.
class Matrix {
 public:
  Matrix() = default;
  // Throws std::invalid_argument where there are too many columns.
  Matrix(const float* weights, int rows, int columns, Kind kind);

  // y = start + W x. x has room for one more number than the columns if they are odd; `start` may be y.
  void apply(const float* x, const float* start, float* y) const;

  int rows() const { return rows_; }
  int columns() const { return columns_; }

 private:
  int rows_ = 0;
  int columns_ = 0;
  Kind kind_ = Kind::kFloat;
  Aligned<float> floats_;
  Aligned<std::uint16_t> halves_;
};

}  // namespace mynah
