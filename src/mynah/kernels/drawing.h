// How a symbol is drawn from logits by a number given from outside; the same as `mynah.layers.next_symbol.choose`.
#pragma once

namespace mynah {

// The first of `levels` symbols whose summed probability exceeds `uniform`; temperature 0: the first most probable.
// `room` holds as many floats as the logits, rounded up to 16.
int choose(const float* logits, int levels, double uniform, double temperature, float* room);

}  // namespace mynah
