// One layer of LSTM or GRU, a frame at a time, with torch's order of gates: i f g o, and r z n.
#pragma once

#include <cstdint>

#include "matrix.h"

namespace mynah {

enum class Cell { kLstm, kGru };

// What a layer is made of, row by row. `hidden` is a multiple of 16; padded rows and columns are zero.
struct RecurrentWeights {
  Cell cell;
  int hidden;
  const float* inner;        // (gates * hidden, hidden)
  const float* inner_start;  // (gates * hidden): of a GRU the biases within the reset; of an LSTM nothing is read
};

class Recurrent {
 public:
  Recurrent(const RecurrentWeights& weights, Kind kind);

  // `drive` (gates * hidden) is what the input and the biases add; h() is the output after it.
  void step(const float* drive);
  const float* h() const { return h_.data(); }
  int hidden() const { return hidden_; }
  int gates() const { return cell_ == Cell::kLstm ? 4 : 3; }

 private:
  Cell cell_;
  int hidden_;
  Matrix inner_;
  Aligned<float> inner_start_, h_, c_, driven_;
};

// A layer over frames with an affine output: one sample in and out for an effect.
class RecurrentFilter {
 public:
  // into (gates * hidden, inputs), start (gates * hidden), out (outputs, hidden), out_start (outputs).
  RecurrentFilter(const RecurrentWeights& weights, int inputs, const float* into, const float* start, int outputs,
                  const float* out, const float* out_start, Kind kind);
  void run(const float* x, std::int64_t frames, float* y);
  int inputs() const { return inputs_; }
  int outputs() const { return outputs_; }

 private:
  Recurrent layer_;
  int inputs_, outputs_;
  Aligned<float> into_, start_, out_, out_start_, drive_;
};

// A layer over symbols with logits for the next: the products of the input are a table.
class RecurrentSymbols {
 public:
  // table (symbols, gates * hidden), out (padded levels, hidden), out_start (padded levels).
  RecurrentSymbols(const RecurrentWeights& weights, int symbols, const float* table, int levels, int padded_levels,
                   const float* out, const float* out_start, Kind kind);
  void step(int symbol);
  // Goes on under other conditions: given (rows) is what they add to every row of the table.
  void condition(const float* given);
  const float* logits() const { return logits_.data(); }
  int draw(double uniform, double temperature);
  int levels() const { return levels_; }
  int symbols() const { return symbols_; }
  int rows() const { return layer_.gates() * layer_.hidden(); }

 private:
  Recurrent layer_;
  int symbols_, levels_;
  Matrix out_;
  Aligned<float> table_, given_, drive_, out_start_, logits_, room_;
};

}  // namespace mynah
