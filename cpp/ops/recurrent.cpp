// Recurrent layers over whole sequences: the input's part of all steps is one matrix product, then each step is one
// product with the hidden state and one kernel.
//
// A sequence is a matrix with a row for each element of each sequence, step after step. Step t has sizes[t] rows, and
// sizes never grow, as in a packed sequence: sequence i is row i of every step that it reaches. Going backwards in time
// a sequence starts at its last element, so the rows of a step that no later one has begin with the initial state. In
// both directions a matrix of current states, from which each step reads its first rows and which it writes them back
// to, ends up as the final states.
#include <algorithm>
#include <cstring>
#include <vector>

#include "accelerator.h"
#include "ops/gemm.h"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

struct Steps {
  std::vector<Index> sizes, begins;
  bool backwards;

  Index count() const { return static_cast<Index>(sizes.size()); }
  // The place of the step that is computed as number i.
  std::size_t at(Index i) const { return static_cast<std::size_t>(backwards ? count() - 1 - i : i); }
};

bool is_lstm(Recurrent mode) { return mode == Recurrent::lstm; }
constexpr Index worth_a_copy = 4;  // steps

Index gates_of(Recurrent mode) { return is_lstm(mode) ? 4 : mode == Recurrent::gru ? 3 : 1; }
// How many gates are kept for the gradient; none where the result says it all.
Index kept_gates(Recurrent mode) { return mode >= Recurrent::lstm ? 4 : 0; }

Recurrent mode_of(const char* op, Index mode) {
  if (mode < 0 || mode > static_cast<Index>(Recurrent::gru)) fail(op, ": there is no mode ", mode);
  return static_cast<Recurrent>(mode);
}

Steps checked_steps(const char* op, const Tensor& batch_sizes, Index rows, Index batch, bool backwards) {
  if (batch_sizes.dtype != DType::int64 || batch_sizes.dim() != 1 || batch_sizes.numel() == 0) {
    fail(op, ": expected batch_sizes to be a vector of int64 with a number for each step, got shape ",
         batch_sizes.sizes, " and ", dtype_name(batch_sizes.dtype));
  }
  const DeviceGuard guard(host_device);
  const Tensor numbers = contiguous(batch_sizes);
  const Index* size = numbers.data<Index>();
  Steps steps{{size, size + numbers.numel()}, {}, backwards};
  Index begin = 0, before = batch;
  for (const Index n : steps.sizes) {
    if (n < 0 || n > before || n > rows - begin) {
      fail(op, ": batch_sizes must begin with ", batch, ", never grow and sum to the ", rows, " rows, but one is ", n);
    }
    steps.begins.push_back(begin);
    begin += n;
    before = n;
  }
  if (begin != rows || steps.sizes[0] != batch) {
    fail(op, ": batch_sizes must begin with ", batch, " and sum to the ", rows, " rows, but begin with ",
         steps.sizes[0], " and sum to ", begin);
  }
  return steps;
}

void check_shape(const char* op, const char* name, const Tensor& x, const Dims& expected, DType dtype) {
  if (!(x.sizes == expected) || x.dtype != dtype) {
    fail(op, ": expected ", name, " of shape ", expected, " and ", dtype_name(dtype), ", got ", x.sizes, " and ",
         dtype_name(x.dtype));
  }
}

template <class T>
void copy_rows(T* to, const T* from, Index elements) {
  if (elements > 0) std::memcpy(to, from, static_cast<std::size_t>(elements) * sizeof(T));
}

template <class T, class F>
void for_rows(Index rows, Index units, const F& f) {
  parallel_for(0, rows, std::max<Index>(1, pointwise_grain / 16 / std::max<Index>(1, units)), f);
}

// The weight of the hidden state, turned round for products. Copied where many steps share it: rows that are contiguous
// need no packing in each of them.
template <class T>
MatrixView<T> turned(const Tensor& weight, const Tensor& copy) {
  const bool is_copied = copy.storage.get() != nullptr;
  return is_copied ? MatrixView<T>{copy.data<T>(), copy.sizes[1], 1}
                   : MatrixView<T>{weight.data<T>(), 1, weight.sizes[1]};
}

Tensor rows_of(const Tensor& x, Index begin, Index rows) { return narrow(x, 0, begin, rows); }

// states_before on a device.
Tensor states_before_on(const Accelerator& cuda, const Steps& steps, const Tensor& results, const Tensor& initial) {
  const Tensor before = empty_like(results);
  Index reached = 0, from = 0;  // the rows of the step computed before, and where they begin
  for (Index i = 0; i < steps.count(); ++i) {
    const std::size_t t = steps.at(i);
    const Index begin = steps.begins[t], n = steps.sizes[t], old = std::min(reached, n);
    cuda.copy(rows_of(before, begin, old), rows_of(results, from, old));
    cuda.copy(rows_of(before, begin + old, n - old), rows_of(initial, old, n - old));
    reached = n;
    from = begin;
  }
  return before;
}

// What is before each step, from the results of all: the initial state, or that of the step before.
Tensor states_before(const Steps& steps, const Tensor& results, const Tensor& initial) {
  if (const Accelerator* cuda = accelerator_of(results)) return states_before_on(*cuda, steps, results, initial);
  const Tensor states = clone(initial), before = empty_like(results);
  const Index bytes = results.sizes[1] * static_cast<Index>(item_size(results.dtype));
  char* const state = static_cast<char*>(states.raw());
  for (Index i = 0; i < steps.count(); ++i) {
    const std::size_t t = steps.at(i);
    const Index at = steps.begins[t] * bytes, n = steps.sizes[t] * bytes;
    copy_rows(static_cast<char*>(before.raw()) + at, static_cast<const char*>(state), n);
    copy_rows(state, static_cast<const char*>(results.raw()) + at, n);
  }
  return before;
}

// ------------------------------------------------------------------------------------------------------------ forward

template <class T>
struct Forward {
  Recurrent mode;
  Index units, width;    // of the cell, and of its result: smaller if it is projected
  T* part;               // the input's part of all gates
  MatrixView<T> weight;  // (width x gates)
  const T *bias, *projection;
  T *h, *c;                      // the current states
  T *y, *gates, *cells, *inner;  // results of all rows; inner: before the projection, else y
  T* scratch;

  void step(Index begin, Index rows) const;
};

template <class T>
void Forward<T>::step(Index begin, Index rows) const {
  const RecurrentKernels<T>& kernel = kernels().template floats<T>().recurrent;
  const Index n = gates_of(mode) * units, gate_row = 4 * units;
  T *const in = part + begin * n, *const result = inner + begin * units;
  if (mode == Recurrent::gru) {
    gemm<T>(rows, n, width, {h, width, 1}, weight, scratch, n, false, Bias<T>{bias});
    for_rows<T>(rows, units, [&](Index b, Index e) {
      kernel.gru(gates + (begin + b) * gate_row, result + b * units, in + b * n, scratch + b * n, h + b * units, e - b,
                 units);
    });
  } else {
    gemm<T>(rows, n, width, {h, width, 1}, weight, in, n, true);
    for_rows<T>(rows, units, [&](Index b, Index e) {
      if (is_lstm(mode)) {
        kernel.lstm(in + b * n, cells + (begin + b) * units, result + b * units, c + b * units, e - b, units);
      } else {
        kernel.plain(result + b * units, in + b * units, e - b, units, mode == Recurrent::relu);
      }
    });
  }
  if (is_lstm(mode)) copy_rows(c, cells + begin * units, rows * units);
  if (projection != nullptr) {
    gemm<T>(rows, width, units, {result, units, 1}, {projection, 1, units}, y + begin * width, width, false);
  }
  copy_rows(h, y + begin * width, rows * width);
}

// The tensors of a call on a device: the states become the last ones step by step.
struct DeviceForward {
  Recurrent mode;
  const Accelerator& cuda;
  Tensor part, weight, projection;
  OptionalTensor hidden_bias;
  Tensor h, c, y, gates, cells, inner;

  void step(Index begin, Index rows) const;
};

void DeviceForward::step(Index begin, Index rows) const {
  const auto here = [&](const Tensor& x) { return rows_of(x, begin, rows); };
  const bool is_projected = projection.storage.get() != nullptr;
  const Tensor states = rows_of(h, 0, rows), hidden = linear(states, weight, hidden_bias), result = here(inner);
  cuda.recurrent_step({mode, here(part), hidden, kept_gates(mode) == 0 ? Tensor{} : here(gates),
                       is_lstm(mode) ? here(cells) : Tensor{}, result, is_projected ? Tensor{} : states,
                       is_lstm(mode) ? rows_of(c, 0, rows) : Tensor{}});
  if (!is_projected) return;
  const Tensor projected = linear(result, projection, {});
  cuda.copy(here(y), projected);
  cuda.copy(states, projected);
}

// ----------------------------------------------------------------------------------------------------------- backward

template <class T>
struct Backward {
  Recurrent mode;
  Index units, width;
  const T *weight, *projection;
  const T *g, *y, *gates, *cells, *h_before, *c_before;  // of all rows; g may be null
  T *dh, *dc;                                            // of the current states
  T *da, *db, *dy;  // of the input's and the hidden state's part of the gates, and of the projected result
  T* scratch;

  void step(Index begin, Index rows) const;
};

template <class T>
void Backward<T>::step(Index begin, Index rows) const {
  const RecurrentKernels<T>& kernel = kernels().template floats<T>().recurrent;
  const Index n = gates_of(mode) * units;
  T *const in = da + begin * n, *const hidden = db + begin * n;
  if (g != nullptr) {
    const T* upstream = g + begin * width;
    for (Index i = 0; i < rows * width; ++i) dh[i] += upstream[i];
  }
  const T* d = dh;
  if (projection != nullptr) {
    copy_rows(dy + begin * width, dh, rows * width);
    gemm<T>(rows, units, width, {dh, width, 1}, {projection, units, 1}, scratch, units, false);
    d = scratch;
  }
  for_rows<T>(rows, units, [&](Index b, Index e) {
    const Index at = (begin + b) * units, here = b * units, count = e - b;
    if (is_lstm(mode)) {
      kernel.lstm_backward(in + b * n, dc + here, d + here, gates + 4 * at, cells + at, c_before + at, count, units);
    } else if (mode == Recurrent::gru) {
      kernel.gru_backward(in + b * n, hidden + b * n, dh + here, d + here, gates + 4 * at, h_before + at, count, units);
    } else {
      kernel.plain_backward(in + here, d + here, y + at, count, units, mode == Recurrent::relu);
    }
  });
  gemm<T>(rows, width, n, {hidden, n, 1}, {weight, width, 1}, dh, width, mode == Recurrent::gru);
}

struct DeviceBackward {
  Recurrent mode;
  const Accelerator& cuda;
  Tensor weight, projection, g, y, gates, cells, h_before, c_before;  // g may be of no memory
  Tensor dh, dc, da, db, dy;

  void step(Index begin, Index rows) const;
};

void DeviceBackward::step(Index begin, Index rows) const {
  const auto here = [&](const Tensor& x) { return x.storage.get() == nullptr ? x : rows_of(x, begin, rows); };
  const bool is_projected = projection.storage.get() != nullptr, is_gru = mode == Recurrent::gru;
  const Tensor states = rows_of(dh, 0, rows), hidden = here(db);
  Tensor d = states, upstream = here(g);
  if (is_projected) {
    const Tensor projected = here(dy);
    cuda.copy(projected, states);
    if (g.storage.get() != nullptr) binary_(Binary::add, "recurrent_backward", projected, {&upstream, {}});
    d = matmul(projected, projection);
    upstream = {};
  }
  cuda.recurrent_step_backward({mode, here(da), hidden, is_gru ? states : Tensor{},
                                is_lstm(mode) ? rows_of(dc, 0, rows) : Tensor{}, d, upstream,
                                kept_gates(mode) == 0 ? Tensor{} : here(gates), here(is_lstm(mode) ? cells : y),
                                here(is_lstm(mode) ? c_before : h_before)});
  const Tensor product = matmul(hidden, weight);
  if (is_gru) {
    binary_(Binary::add, "recurrent_backward", states, {&product, {}});
  } else {
    cuda.copy(states, product);
  }
}

}  // namespace

std::vector<Tensor> recurrent(Index mode_number, const Tensor& x, const Tensor& h, const OptionalTensor& c,
                              const Tensor& weight_ih, const Tensor& weight_hh, const OptionalTensor& bias_ih,
                              const OptionalTensor& bias_hh, const OptionalTensor& weight_hr,
                              const HostTensor& batch_sizes, bool backwards) {
  const char* const op = "recurrent";
  const Recurrent mode = mode_of(op, mode_number);
  const DType dtype = x.dtype;
  if (x.dim() != 2 || h.dim() != 2 || weight_hh.dim() != 2 || !is_floating(dtype)) {
    fail(op, ": expected floating-point matrices (rows, features), (batch, features) and a weight, got ", x.sizes, ", ",
         h.sizes, " and ", weight_hh.sizes, " of ", dtype_name(dtype));
  }
  const Index rows = x.sizes[0], batch = h.sizes[0], width = weight_hh.sizes[1];
  const Index units = weight_hr ? weight_hr->sizes.back() : width, n = gates_of(mode) * units;
  check_shape(op, "the hidden state", h, {batch, width}, dtype);
  check_shape(op, "weight_hh", weight_hh, {n, width}, dtype);
  check_shape(op, "weight_ih", weight_ih, {n, x.sizes[1]}, dtype);
  if (bias_ih) check_shape(op, "bias_ih", *bias_ih, {n}, dtype);
  if (bias_hh) check_shape(op, "bias_hh", *bias_hh, {n}, dtype);
  if (weight_hr) check_shape(op, "weight_hr", *weight_hr, {width, units}, dtype);
  if (weight_hr && !is_lstm(mode)) fail(op, ": only an LSTM has a projection");
  if (is_lstm(mode) != c.has_value()) fail(op, ": the state of the cell belongs to an LSTM, and only to it");
  if (c) check_shape(op, "the cell's state", *c, {batch, units}, dtype);
  const Steps steps = checked_steps(op, batch_sizes.tensor, rows, batch, backwards);

  // The two biases are added together, but for the GRU's, of which one is inside a product.
  const bool is_gru = mode == Recurrent::gru, joined = bias_ih && bias_hh && !is_gru;
  const Tensor both = joined ? binary(Binary::add, op, {&*bias_ih, {}}, {&*bias_hh, {}}) : Tensor{};
  const Tensor part = linear(x, weight_ih, joined ? OptionalTensor(both) : bias_ih);
  const Tensor weight = contiguous(weight_hh);
  const Accelerator* const cuda = accelerator_of(x);
  const bool is_copied = steps.count() >= worth_a_copy && cuda == nullptr;
  const Tensor copy = is_copied ? contiguous(transpose(weight, 0, 1)) : Tensor{};
  const Tensor hidden_bias = bias_hh ? contiguous(*bias_hh) : Tensor{};
  const Tensor projection = weight_hr ? contiguous(*weight_hr) : Tensor{};
  const Tensor states = clone(h), cell_states = c ? clone(*c) : empty({0}, dtype);
  const Tensor y = empty({rows, width}, dtype), inner = weight_hr ? empty({rows, units}, dtype) : y;
  const Tensor gates = is_gru ? empty({rows, 4 * units}, dtype) : part;
  const Tensor cells = empty({is_lstm(mode) ? rows : 0, units}, dtype);
  const auto results = [&] {
    return std::vector<Tensor>{y, states, cell_states, kept_gates(mode) == 0 ? empty({0}, dtype) : gates, cells, inner};
  };
  if (cuda != nullptr) {
    const DeviceForward forward{mode,   *cuda,       part, weight, projection, is_gru ? bias_hh : OptionalTensor{},
                                states, cell_states, y,    gates,  cells,      inner};
    for (Index i = 0; i < steps.count(); ++i) forward.step(steps.begins[steps.at(i)], steps.sizes[steps.at(i)]);
    return results();
  }
  const Tensor scratch = empty({is_gru ? batch : 0, n}, dtype);
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const Forward<T> forward{mode,
                               units,
                               width,
                               part.data<T>(),
                               turned<T>(weight, copy),
                               bias_hh ? hidden_bias.data<T>() : nullptr,
                               weight_hr ? projection.data<T>() : nullptr,
                               states.data<T>(),
                               cell_states.data<T>(),
                               y.data<T>(),
                               gates.data<T>(),
                               cells.data<T>(),
                               inner.data<T>(),
                               scratch.data<T>()};
      for (Index i = 0; i < steps.count(); ++i) forward.step(steps.begins[steps.at(i)], steps.sizes[steps.at(i)]);
    }
  });
  return results();
}

std::vector<Tensor> recurrent_backward(Index mode_number, const OptionalTensor& g, const OptionalTensor& dh,
                                       const OptionalTensor& dc, const Tensor& h, const OptionalTensor& c,
                                       const Tensor& weight_hh, const OptionalTensor& weight_hr, const Tensor& y,
                                       const Tensor& gates, const Tensor& cells, const HostTensor& batch_sizes,
                                       bool backwards) {
  const char* const op = "recurrent_backward";
  const Recurrent mode = mode_of(op, mode_number);
  const DType dtype = y.dtype;
  if (y.dim() != 2 || h.dim() != 2 || weight_hh.dim() != 2 || !is_floating(dtype)) fail(op, ": expected matrices");
  const Index rows = y.sizes[0], batch = h.sizes[0], width = y.sizes[1];
  const Index units = weight_hr ? weight_hr->sizes.back() : width, n = gates_of(mode) * units;
  check_shape(op, "the hidden state", h, {batch, width}, dtype);
  check_shape(op, "weight_hh", weight_hh, {n, width}, dtype);
  if (weight_hr) check_shape(op, "weight_hr", *weight_hr, {width, units}, dtype);
  if (weight_hr && !is_lstm(mode)) fail(op, ": only an LSTM has a projection");
  if (g) check_shape(op, "the gradient", *g, y.sizes, dtype);
  if (dh) check_shape(op, "the hidden state's gradient", *dh, h.sizes, dtype);
  if (is_lstm(mode) != c.has_value()) fail(op, ": the state of the cell belongs to an LSTM, and only to it");
  if (c) check_shape(op, "the cell's state", *c, {batch, units}, dtype);
  if (dc) check_shape(op, "the cell's gradient", *dc, {batch, units}, dtype);
  if (kept_gates(mode) != 0) check_shape(op, "the gates", gates, {rows, 4 * units}, dtype);
  check_shape(op, "the cells", cells, {is_lstm(mode) ? rows : 0, units}, dtype);
  const Steps steps = checked_steps(op, batch_sizes.tensor, rows, batch, backwards);

  const bool is_gru = mode == Recurrent::gru;
  const Tensor upstream = g ? contiguous(*g) : Tensor{}, weight = contiguous(weight_hh), result = contiguous(y);
  const Tensor projection = weight_hr ? contiguous(*weight_hr) : Tensor{};
  const Tensor kept = contiguous(gates), kept_cells = contiguous(cells);
  const Tensor dstates = dh ? clone(contiguous(*dh)) : zeros({batch, width}, dtype);
  const Tensor dcells = dc ? clone(contiguous(*dc)) : zeros({is_lstm(mode) ? batch : 0, units}, dtype);
  const Tensor h_before = states_before(steps, result, contiguous(h));
  const Tensor c_before = c ? states_before(steps, kept_cells, contiguous(*c)) : Tensor{};
  const Tensor da = empty({rows, n}, dtype), db = is_gru ? empty({rows, n}, dtype) : da;
  const Tensor dy = empty({weight_hr ? rows : 0, width}, dtype);
  if (const Accelerator* cuda = accelerator_of(y)) {
    const DeviceBackward backward{mode,     *cuda,    weight,  projection, upstream, result, kept, kept_cells,
                                  h_before, c_before, dstates, dcells,     da,       db,     dy};
    for (Index i = steps.count() - 1; i >= 0; --i) {
      backward.step(steps.begins[steps.at(i)], steps.sizes[steps.at(i)]);
    }
    return {da, db, dstates, dcells, h_before, dy};
  }
  const Tensor scratch = empty({weight_hr ? batch : 0, units}, dtype);
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const Backward<T> backward{mode,
                                 units,
                                 width,
                                 weight.data<T>(),
                                 weight_hr ? projection.data<T>() : nullptr,
                                 g ? upstream.data<T>() : nullptr,
                                 result.data<T>(),
                                 kept.data<T>(),
                                 kept_cells.data<T>(),
                                 h_before.data<T>(),
                                 c ? c_before.data<T>() : nullptr,
                                 dstates.data<T>(),
                                 dcells.data<T>(),
                                 da.data<T>(),
                                 db.data<T>(),
                                 dy.data<T>(),
                                 scratch.data<T>()};
      for (Index i = steps.count() - 1; i >= 0; --i) {
        backward.step(steps.begins[steps.at(i)], steps.sizes[steps.at(i)]);
      }
    }
  });
  return {da, db, dstates, dcells, h_before, dy};
}

}  // namespace fastgrad::ops
