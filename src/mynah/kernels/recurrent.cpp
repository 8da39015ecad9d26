#include "recurrent.h"

#include "drawing.h"

namespace mynah {
namespace {

MYNAH_CLONES void lstm(const float* driven, int hidden, float* h, float* c) {
  for (int at = 0; at < hidden; at += kLane) {
    const Floats i = load(driven + at), f = load(driven + hidden + at);
    const Floats g = load(driven + 2 * hidden + at), o = load(driven + 3 * hidden + at);
    const Floats cell = sigmoid(f) * load(c + at) + sigmoid_tanh(i, g);
    store(c + at, cell);
    store(h + at, sigmoid_tanh(o, cell));
  }
}

MYNAH_CLONES void gru(const float* drive, const float* inner, int hidden, float* h) {
  for (int at = 0; at < hidden; at += kLane) {
    const Floats r = sigmoid(load(drive + at) + load(inner + at));
    const Floats z = sigmoid(load(drive + hidden + at) + load(inner + hidden + at));
    const Floats n = tangent(load(drive + 2 * hidden + at) + r * load(inner + 2 * hidden + at));
    store(h + at, n + z * (load(h + at) - n));
  }
}

// drive = start + W x, where W is kept column by column: for a few inputs.
MYNAH_CLONES void excite(const float* into, const float* x, int inputs, const float* start, int rows, float* drive) {
  for (int at = 0; at < rows; at += kLane) {
    Floats sum = load(start + at);
    for (int k = 0; k < inputs; ++k) sum += load(into + k * rows + at) * x[k];
    store(drive + at, sum);
  }
}

MYNAH_CLONES void sum(const float* one, const float* other, int count, float* to) {
  for (int at = 0; at < count; at += kLane) store(to + at, load(one + at) + load(other + at));
}

// y = start + W h for a few outputs: a sum along each row.
MYNAH_CLONES void project(const float* out, const float* start, const float* h, int hidden, int outputs, float* y) {
  for (int row = 0; row < outputs; ++row) {
    Floats sum{};
    for (int at = 0; at < hidden; at += kLane) sum += load(out + row * hidden + at) * load(h + at);
    float whole = start[row];
    for (int lane = 0; lane < kLane; ++lane) whole += sum[lane];
    y[row] = whole;
  }
}

}  // namespace

Recurrent::Recurrent(const RecurrentWeights& w, Kind kind)
    : cell_(w.cell),
      hidden_(w.hidden),
      inner_(w.inner, gates() * w.hidden, w.hidden, kind),
      inner_start_(copied(w.inner_start, gates() * w.hidden)),
      h_(w.hidden),
      c_(w.hidden),
      driven_(gates() * w.hidden) {}

void Recurrent::step(const float* drive) {
  if (cell_ == Cell::kLstm) {
    inner_.apply(h_.data(), drive, driven_.data());
    lstm(driven_.data(), hidden_, h_.data(), c_.data());
  } else {
    inner_.apply(h_.data(), inner_start_.data(), driven_.data());
    gru(drive, driven_.data(), hidden_, h_.data());
  }
}

RecurrentFilter::RecurrentFilter(const RecurrentWeights& w, int inputs, const float* into, const float* start,
                                 int outputs, const float* out, const float* out_start, Kind kind)
    : layer_(w, kind), inputs_(inputs), outputs_(outputs) {
  const std::size_t rows = static_cast<std::size_t>(layer_.gates()) * w.hidden;
  into_ = Aligned<float>(rows * inputs);
  for (std::size_t row = 0; row < rows; ++row)
    for (int k = 0; k < inputs; ++k) into_[k * rows + row] = into[row * inputs + k];
  start_ = copied(start, rows);
  out_ = copied(out, static_cast<std::size_t>(outputs) * w.hidden);
  out_start_ = copied(out_start, outputs);
  drive_ = Aligned<float>(rows);
}

void RecurrentFilter::run(const float* x, std::int64_t frames, float* y) {
  const int rows = layer_.gates() * layer_.hidden();
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    excite(into_.data(), x + frame * inputs_, inputs_, start_.data(), rows, drive_.data());
    layer_.step(drive_.data());
    project(out_.data(), out_start_.data(), layer_.h(), layer_.hidden(), outputs_, y + frame * outputs_);
  }
}

RecurrentSymbols::RecurrentSymbols(const RecurrentWeights& w, int symbols, const float* table, int levels,
                                   int padded_levels, const float* out, const float* out_start, Kind kind)
    : layer_(w, kind),
      symbols_(symbols),
      levels_(levels),
      out_(out, padded_levels, w.hidden, kind),
      table_(copied(table, static_cast<std::size_t>(symbols) * layer_.gates() * w.hidden)),
      given_(rows()),
      drive_(rows()),
      out_start_(copied(out_start, padded_levels)),
      logits_(padded_levels),
      room_(padded_levels) {}

void RecurrentSymbols::step(int symbol) {
  sum(table_.data() + static_cast<std::size_t>(symbol) * rows(), given_.data(), rows(), drive_.data());
  layer_.step(drive_.data());
  out_.apply(layer_.h(), out_start_.data(), logits_.data());
}

void RecurrentSymbols::condition(const float* given) { given_ = copied(given, rows()); }

int RecurrentSymbols::draw(double uniform, double temperature) {
  return choose(logits_.data(), levels_, uniform, temperature, room_.data());
}

}  // namespace mynah
