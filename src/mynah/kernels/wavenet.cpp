#include "wavenet.h"

#include <cstring>

#include "drawing.h"

namespace mynah {
namespace {

MYNAH_CLONES void gate(const float* driven, int residual, float* z) {
  for (int at = 0; at < residual; at += kLane)
    store(z + at, sigmoid_tanh(load(driven + residual + at), load(driven + at)));
}

MYNAH_CLONES void add(const float* from, int count, float* to) {
  for (int at = 0; at < count; at += kLane) store(to + at, load(to + at) + load(from + at));
}

MYNAH_CLONES void rectify(float* values, int count) {
  for (int at = 0; at < count; at += kLane) store(values + at, larger(load(values + at), Floats{}));
}

}  // namespace

WaveNet::WaveNet(const WaveNetWeights& w, Kind kind)
    : residual_(w.residual), skip_(w.skip), levels_(w.levels), symbols_(w.symbols) {
  const std::size_t layers = w.dilations.size(), r = w.residual;
  for (std::size_t n = 0; n < layers; ++n) {
    Layer layer;
    layer.gates = Matrix(w.gates + n * 4 * r * r, 2 * w.residual, 2 * w.residual, kind);
    if (n + 1 < layers) layer.onward = Matrix(w.onward + n * r * r, w.residual, w.residual, kind);
    layer.ring = Aligned<float>(w.dilations[n] * r);
    layer.dilation = w.dilations[n];
    layer.place = 0;
    layers_.push_back(std::move(layer));
  }
  skips_ = Matrix(w.skips, w.skip, static_cast<int>(layers * r), kind);
  hidden_ = Matrix(w.hidden, w.skip, w.skip, kind);
  out_ = Matrix(w.out, w.padded_levels, w.skip, kind);
  table_ = copied(w.table, w.symbols * r);
  gates_start_ = copied(w.gates_start, layers * 2 * r);
  onward_start_ = copied(w.onward_start, layers * r);
  skips_start_ = copied(w.skips_start, w.skip);
  hidden_start_ = copied(w.hidden_start, w.skip);
  out_start_ = copied(w.out_start, w.padded_levels);
  taps_ = Aligned<float>(2 * r);
  driven_ = Aligned<float>(2 * r);
  z_ = Aligned<float>(layers * r);
  sum_ = Aligned<float>(w.skip);
  inner_ = Aligned<float>(w.skip);
  logits_ = Aligned<float>(w.padded_levels);
  room_ = Aligned<float>(w.padded_levels);
}

void WaveNet::step(int symbol) {
  const std::size_t r = residual_, bytes = r * sizeof(float);
  float* x = taps_.data() + r;  // the near tap; the far one lies before it
  std::memcpy(x, table_.data() + symbol * r, bytes);
  for (std::size_t n = 0; n < layers_.size(); ++n) {
    Layer& layer = layers_[n];
    float* far = layer.ring.data() + layer.place * r;
    std::memcpy(taps_.data(), far, bytes);
    std::memcpy(far, x, bytes);
    layer.place = layer.place + 1 == layer.dilation ? 0 : layer.place + 1;
    float* z = z_.data() + n * r;
    layer.gates.apply(taps_.data(), gates_start_.data() + n * 2 * r, driven_.data());
    gate(driven_.data(), residual_, z);
    if (n + 1 < layers_.size()) {
      add(onward_start_.data() + n * r, residual_, x);
      layer.onward.apply(z, x, x);
    }
  }
  skips_.apply(z_.data(), skips_start_.data(), sum_.data());
  rectify(sum_.data(), skip_);
  hidden_.apply(sum_.data(), hidden_start_.data(), inner_.data());
  rectify(inner_.data(), skip_);
  out_.apply(inner_.data(), out_start_.data(), logits_.data());
}

void WaveNet::condition(const float* gates_start) {
  gates_start_ = copied(gates_start, layers_.size() * 2 * static_cast<std::size_t>(residual_));
}

int WaveNet::draw(double uniform, double temperature) {
  return choose(logits_.data(), levels_, uniform, temperature, room_.data());
}

}  // namespace mynah
