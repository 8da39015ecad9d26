// WaveNet, a sample at a time: one ring of past inputs a layer, all products of the skip connections in one.
#pragma once

#include <cstdint>
#include <vector>

#include "matrix.h"

namespace mynah {

// What a WaveNet is made of, row by row; residual, skip and padded levels are multiples of 16, padding is zero.
struct WaveNetWeights {
  int residual, skip, levels, padded_levels, symbols;
  std::vector<int> dilations;
  const float* table;        // (symbols, residual): the embedding
  const float* gates;        // (layers, 2 residual, 2 residual): rows tanh then sigmoid; columns far tap then near
  const float* gates_start;  // (layers, 2 residual): biases, and what the conditions add
  const float* onward;       // (layers, residual, residual); of the last nothing is read
  const float* onward_start;
  const float* skips;  // (skip, layers * residual)
  const float* skips_start;
  const float* hidden;  // (skip, skip)
  const float* hidden_start;
  const float* out;  // (padded levels, skip)
  const float* out_start;
};

class WaveNet {
 public:
  WaveNet(const WaveNetWeights& weights, Kind kind);

  // Takes `symbol` as the last and leaves the logits of the next in `logits()`.
  void step(int symbol);
  // Goes on under other conditions: gates_start as in the weights.
  void condition(const float* gates_start);
  const float* logits() const { return logits_.data(); }
  int draw(double uniform, double temperature);
  int levels() const { return levels_; }
  int layers() const { return static_cast<int>(layers_.size()); }
  int residual() const { return residual_; }
  int symbols() const { return symbols_; }

 private:
  struct Layer {
    Matrix gates, onward;
    Aligned<float> ring;
    int dilation, place;
  };

  int residual_, skip_, levels_, symbols_;
  std::vector<Layer> layers_;
  Matrix skips_, hidden_, out_;
  Aligned<float> table_, gates_start_, onward_start_, skips_start_, hidden_start_, out_start_;
  Aligned<float> taps_, driven_, z_, sum_, inner_, logits_, room_;
};

}  // namespace mynah
