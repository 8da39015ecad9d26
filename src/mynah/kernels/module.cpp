// What Python sees: mynah.kernels._native.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>

#include "recurrent.h"
#include "scan.h"
#include "wavenet.h"

namespace nb = nanobind;
using namespace mynah;

namespace {

template <int Dims>
using Array = nb::ndarray<const float, nb::ndim<Dims>, nb::c_contig, nb::device::cpu>;
using Symbols = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Uniforms = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Logits = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Drawn = nb::ndarray<std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void must(bool held, const char* what) {
  if (!held) throw std::invalid_argument(std::string("the arrays do not fit: ") + what);
}

// "float32", "bfloat16" as this processor multiplies it best, or "bfloat16-portable".
Kind kind_of(const std::string& precision) {
  if (precision == "float32") return Kind::kFloat;
  if (precision == "bfloat16") return half_kind();
  if (precision == "bfloat16-portable") return Kind::kHalf;
  throw std::invalid_argument("no such precision: " + precision);
}

WaveNet make_wavenet(int levels, const std::vector<int>& dilations, Array<2> table, Array<3> gates,
                     Array<2> gates_start, Array<3> onward, Array<2> onward_start, Array<2> skips,
                     Array<1> skips_start, Array<2> hidden, Array<1> hidden_start, Array<2> out, Array<1> out_start,
                     const std::string& precision) {
  const std::size_t r = table.shape(1), layers = dilations.size(), s = skips.shape(0), padded = out.shape(0);
  must(r % kLane == 0 && s % kLane == 0 && padded % kLane == 0, "widths must be multiples of 16");
  must(layers > 0 && levels > 0 && static_cast<std::size_t>(levels) <= padded, "no layer, or too many levels");
  for (const int dilation : dilations) must(dilation > 0, "a dilation is at least 1");
  must(gates.shape(0) == layers && gates.shape(1) == 2 * r && gates.shape(2) == 2 * r, "gates");
  must(gates_start.shape(0) == layers && gates_start.shape(1) == 2 * r, "start of the gates");
  must(onward.shape(0) == layers && onward.shape(1) == r && onward.shape(2) == r, "onward");
  must(onward_start.shape(0) == layers && onward_start.shape(1) == r, "start of onward");
  must(skips.shape(1) == layers * r && skips_start.shape(0) == s, "skips");
  must(hidden.shape(0) == s && hidden.shape(1) == s && hidden_start.shape(0) == s, "hidden");
  must(out.shape(1) == s && out_start.shape(0) == padded, "out");
  must(layers * r <= kMostColumns && 2 * r <= kMostColumns && s <= kMostColumns, "too wide");
  const WaveNetWeights weights{static_cast<int>(r),  static_cast<int>(s),   levels,
                               static_cast<int>(padded), static_cast<int>(table.shape(0)), dilations,
                               table.data(),         gates.data(),          gates_start.data(),
                               onward.data(),        onward_start.data(),   skips.data(),
                               skips_start.data(),   hidden.data(),         hidden_start.data(),
                               out.data(),           out_start.data()};
  return WaveNet(weights, kind_of(precision));
}

RecurrentWeights recurrent_weights(const std::string& cell, Array<2> inner, Array<1> inner_start) {
  must(cell == "lstm" || cell == "gru", "the cell is lstm or gru");
  const std::size_t gates = cell == "lstm" ? 4 : 3, hidden = inner.shape(1);
  must(hidden > 0 && hidden % kLane == 0 && hidden <= kMostColumns, "units must be a multiple of 16");
  must(inner.shape(0) == gates * hidden && inner_start.shape(0) == gates * hidden, "inner");
  return {cell == "lstm" ? Cell::kLstm : Cell::kGru, static_cast<int>(hidden), inner.data(), inner_start.data()};
}

RecurrentFilter make_filter(const std::string& cell, Array<2> into, Array<1> start, Array<2> inner,
                            Array<1> inner_start, Array<2> out, Array<1> out_start, const std::string& precision) {
  const RecurrentWeights weights = recurrent_weights(cell, inner, inner_start);
  must(into.shape(0) == inner.shape(0) && start.shape(0) == inner.shape(0), "into");
  must(out.shape(1) == inner.shape(1) && out_start.shape(0) == out.shape(0), "out");
  return RecurrentFilter(weights, static_cast<int>(into.shape(1)), into.data(), start.data(),
                         static_cast<int>(out.shape(0)), out.data(), out_start.data(), kind_of(precision));
}

RecurrentSymbols make_symbols(const std::string& cell, int levels, Array<2> table, Array<2> inner,
                              Array<1> inner_start, Array<2> out, Array<1> out_start, const std::string& precision) {
  const RecurrentWeights weights = recurrent_weights(cell, inner, inner_start);
  const std::size_t padded = out.shape(0);
  must(table.shape(1) == inner.shape(0), "table");
  must(out.shape(1) == inner.shape(1) && out_start.shape(0) == padded, "out");
  must(padded % kLane == 0 && levels > 0 && static_cast<std::size_t>(levels) <= padded, "levels");
  return RecurrentSymbols(weights, static_cast<int>(table.shape(0)), table.data(), levels, static_cast<int>(padded),
                          out.data(), out_start.data(), kind_of(precision));
}

void condition_wavenet(WaveNet& net, Array<2> gates_start) {
  must(gates_start.shape(0) == static_cast<std::size_t>(net.layers()) &&
           gates_start.shape(1) == 2 * static_cast<std::size_t>(net.residual()),
       "start of the gates");
  net.condition(gates_start.data());
}

void condition_symbols(RecurrentSymbols& net, Array<1> given) {
  must(given.shape(0) == static_cast<std::size_t>(net.rows()), "conditions");
  net.condition(given.data());
}

void run(RecurrentFilter& net, Array<2> x, Logits y) {
  must(x.shape(1) == static_cast<std::size_t>(net.inputs()), "x");
  must(y.shape(0) == x.shape(0) && y.shape(1) == static_cast<std::size_t>(net.outputs()), "y");
  nb::gil_scoped_release free;
  net.run(x.data(), static_cast<std::int64_t>(x.shape(0)), y.data());
}

// Takes these symbols one after the other as the last; logits (symbols, levels) of what comes after each.
template <class Net>
void feed(Net& net, Symbols last, Logits logits) {
  must(logits.shape(0) == last.shape(0) && logits.shape(1) == static_cast<std::size_t>(net.levels()), "logits");
  for (std::size_t n = 0; n < last.shape(0); ++n)
    must(last.data()[n] >= 0 && last.data()[n] < net.symbols(), "a symbol is out of range");
  nb::gil_scoped_release free;
  for (std::size_t n = 0; n < last.shape(0); ++n) {
    net.step(static_cast<int>(last.data()[n]));
    std::memcpy(logits.data() + n * net.levels(), net.logits(), net.levels() * sizeof(float));
  }
}

// Draws a symbol for each uniform number, beginning after `last`.
template <class Net>
void draw(Net& net, std::int64_t last, Uniforms uniforms, double temperature, Drawn drawn) {
  must(drawn.shape(0) == uniforms.shape(0), "drawn");
  must(last >= 0 && last < net.symbols(), "a symbol is out of range");
  must(temperature >= 0, "a temperature is not negative");
  nb::gil_scoped_release free;
  for (std::size_t n = 0; n < uniforms.shape(0); ++n) {
    net.step(static_cast<int>(last));
    last = drawn.data()[n] = net.draw(uniforms.data()[n], temperature);
  }
}

// Arrays over (time, units) as `scan.h` has them; time and units are those of the first.
using Steps = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Step = nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class First, class... Rest>
void must_be_alike(const First& first, const Rest&... rest) {
  must(((rest.shape(0) == first.shape(0) && rest.shape(1) == first.shape(1)) && ...), "one shape for all steps");
}

void gated_forwards_of(Array<2> gate, Array<2> candidate, Array<1> start, Steps h) {
  must_be_alike(gate, candidate, h);
  must(start.shape(0) == gate.shape(1), "start");
  nb::gil_scoped_release free;
  gated_forwards(gate.data(), candidate.data(), start.data(), static_cast<std::int64_t>(gate.shape(0)),
                 static_cast<std::int64_t>(gate.shape(1)), h.data());
}

void gated_backwards_of(Array<2> gate, Array<2> candidate, Array<1> start, Array<2> h, Array<2> grad, Steps by_gate,
                        Steps by_candidate, Step by_start) {
  must_be_alike(gate, candidate, h, grad, by_gate, by_candidate);
  must(start.shape(0) == gate.shape(1) && by_start.shape(0) == gate.shape(1), "start");
  nb::gil_scoped_release free;
  gated_backwards(gate.data(), candidate.data(), start.data(), h.data(), grad.data(),
                  static_cast<std::int64_t>(gate.shape(0)), static_cast<std::int64_t>(gate.shape(1)), by_gate.data(),
                  by_candidate.data(), by_start.data());
}

void rotated_forwards_of(Array<1> a, Array<2> b, Array<1> start, Steps h) {
  must_be_alike(b, h);
  must(a.shape(0) == b.shape(1) && start.shape(0) == b.shape(1) && b.shape(1) % 2 == 0, "a and start");
  nb::gil_scoped_release free;
  rotated_forwards(a.data(), b.data(), start.data(), static_cast<std::int64_t>(b.shape(0)),
                   static_cast<std::int64_t>(b.shape(1)) / 2, h.data());
}

void rotated_backwards_of(Array<1> a, Array<1> start, Array<2> h, Array<2> grad, Step by_a, Steps by_b,
                          Step by_start) {
  must_be_alike(h, grad, by_b);
  must(a.shape(0) == h.shape(1) && start.shape(0) == h.shape(1) && h.shape(1) % 2 == 0, "a and start");
  must(by_a.shape(0) == h.shape(1) && by_start.shape(0) == h.shape(1), "gradients by a and by the start");
  nb::gil_scoped_release free;
  rotated_backwards(a.data(), start.data(), h.data(), grad.data(), static_cast<std::int64_t>(h.shape(0)),
                    static_cast<std::int64_t>(h.shape(1)) / 2, by_a.data(), by_b.data(), by_start.data());
}

// What a call writes to must be the very array that was given: a converted copy would be filled and dropped.
auto written(const char* name) { return nb::arg(name).noconvert(); }

template <class Net, class Condition>
void bind_symbols(nb::module_& module, const char* name, Condition condition) {
  nb::class_<Net>(module, name)
      .def("feed", &feed<Net>, nb::arg("last"), written("logits"))
      .def("draw", &draw<Net>, nb::arg("last"), nb::arg("uniforms"), nb::arg("temperature"), written("drawn"))
      .def("condition", condition);
}

}  // namespace

NB_MODULE(_native, module) {
  module.def("level", [] { return std::string(level()); });
  module.def("multiplies_bfloat16", [] { return half_kind() == Kind::kDot; });
  module.def("gated_forwards", &gated_forwards_of, nb::arg("gate"), nb::arg("candidate"), nb::arg("start"),
             written("h"));
  module.def("gated_backwards", &gated_backwards_of, nb::arg("gate"), nb::arg("candidate"), nb::arg("start"),
             nb::arg("h"), nb::arg("grad"), written("by_gate"), written("by_candidate"), written("by_start"));
  module.def("rotated_forwards", &rotated_forwards_of, nb::arg("a"), nb::arg("b"), nb::arg("start"), written("h"));
  module.def("rotated_backwards", &rotated_backwards_of, nb::arg("a"), nb::arg("start"), nb::arg("h"),
             nb::arg("grad"), written("by_a"), written("by_b"), written("by_start"));
  bind_symbols<WaveNet>(module, "WaveNet", &condition_wavenet);
  bind_symbols<RecurrentSymbols>(module, "RecurrentSymbols", &condition_symbols);
  nb::class_<RecurrentFilter>(module, "RecurrentFilter").def("run", &run, nb::arg("x"), written("y"));
  module.def("wavenet", &make_wavenet, nb::kw_only(), nb::arg("levels"), nb::arg("dilations"), nb::arg("table"),
             nb::arg("gates"), nb::arg("gates_start"), nb::arg("onward"), nb::arg("onward_start"), nb::arg("skips"),
             nb::arg("skips_start"), nb::arg("hidden"), nb::arg("hidden_start"), nb::arg("out"), nb::arg("out_start"),
             nb::arg("precision"));
  module.def("recurrent_filter", &make_filter, nb::kw_only(), nb::arg("cell"), nb::arg("into"), nb::arg("start"),
             nb::arg("inner"), nb::arg("inner_start"), nb::arg("out"), nb::arg("out_start"), nb::arg("precision"));
  module.def("recurrent_symbols", &make_symbols, nb::kw_only(), nb::arg("cell"), nb::arg("levels"), nb::arg("table"),
             nb::arg("inner"), nb::arg("inner_start"), nb::arg("out"), nb::arg("out_start"), nb::arg("precision"));
}
