#include "drawing.h"

#include <algorithm>

#include "vectors.h"

namespace mynah {
namespace {

// e^((logit - most) / temperature) of each, so that the largest is 1; what is below e^-80 counts as that.
MYNAH_CLONES void odds(const float* logits, int padded, float most, float coldness, float* room) {
  for (int at = 0; at < padded; at += kLane) {
    const Floats scaled = (load(logits + at) - most) * coldness;
    store(room + at, exponential(larger(smaller(scaled, all(0.0f)), all(-80.0f))));
  }
}

}  // namespace

int choose(const float* logits, int levels, double uniform, double temperature, float* room) {
  const float* most = std::max_element(logits, logits + levels);
  if (temperature == 0) return static_cast<int>(most - logits);
  const int padded = (levels + kLane - 1) / kLane * kLane;
  odds(logits, padded, *most, static_cast<float>(1 / temperature), room);
  double total = 0;
  for (int k = 0; k < levels; ++k) total += room[k];
  const double wanted = uniform * total;
  double sum = 0;
  for (int k = 0; k < levels; ++k) {
    sum += room[k];
    if (sum > wanted) return k;
  }
  return levels - 1;
}

}  // namespace mynah
