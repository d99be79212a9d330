// Connectionist temporal classification (Graves et al., 2006): the probability of a target under all its alignments
// with a sequence of log-probabilities. Samples are independent of each other, and computed in parallel.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

// Everything is contiguous and checked. Tables have `width` elements in a row: the states of the longest target, and
// two on either side that are no states.
struct Alignments {
  Index steps, batch, classes, blank, width;
  Tensor log_probs, targets;
  std::vector<Index> input_lengths, target_lengths, begins;

  Index states(Index n) const { return 2 * target_lengths[static_cast<std::size_t>(n)] + 1; }
  Index length(Index n) const { return input_lengths[static_cast<std::size_t>(n)]; }
  Index label(Index n, Index state) const {
    return state % 2 == 0 ? blank : targets.data<Index>()[begins[static_cast<std::size_t>(n)] + state / 2];
  }
};

constexpr Index margin = 2;

Tensor as_indices(const char* op, const char* name, const Tensor& x) {
  if (is_floating(x.dtype) || x.dtype == DType::boolean) {
    fail(op, ": ", name, " must be integral, got ", dtype_name(x.dtype), "; convert it with .long()");
  }
  return contiguous(x.dtype == DType::int64 ? x : cast(x, DType::int64));
}

std::vector<Index> lengths(const char* op, const char* name, const Tensor& x, Index batch, Index most) {
  const Tensor numbers = as_indices(op, name, x);
  if (!(numbers.sizes == Dims{batch})) {
    fail(op, ": ", name, " must be of size batch_size: expected [", batch, "], got ", numbers.sizes);
  }
  const Index* n = numbers.data<Index>();
  for (Index i = 0; i < batch; ++i) {
    if (n[i] < 0) fail(op, ": Expected ", name, " to have value at least 0, but got value ", n[i]);
    if (n[i] > most) {
      fail(op, ": Expected ", name, " to have value at most ", most, ", but got value ", n[i],
           " (while checking sample ", i, ")");
    }
  }
  return {n, n + batch};
}

Alignments alignments(const char* op, const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                      const Tensor& target_lengths, Index blank) {
  if (log_probs.dim() != 3 || !is_floating(log_probs.dtype)) {
    fail(op, ": expected floating-point log_probs of shape (T, N, C), got ", log_probs.sizes, " and ",
         dtype_name(log_probs.dtype));
  }
  Alignments a{
      log_probs.sizes[0], log_probs.sizes[1], log_probs.sizes[2], blank, 0, contiguous(log_probs), {}, {}, {}, {}};
  if (blank < 0 || blank >= a.classes) {
    fail(op, ": blank must be in label range: expected 0 to ", a.classes - 1, ", got ", blank);
  }
  if (targets.dim() != 1 && !(targets.dim() == 2 && targets.sizes[0] == a.batch)) {
    fail(op, ": expected targets of shape (", a.batch, ", S), or all targets one behind the other, got ",
         targets.sizes);
  }
  a.targets = contiguous(cast(targets, DType::int64));  // floats, too, as in PyTorch
  const bool padded = targets.dim() == 2;
  a.input_lengths = lengths(op, "input_lengths", input_lengths, a.batch, a.steps);
  a.target_lengths = lengths(op, "target_lengths", target_lengths, a.batch, targets.sizes.back());
  Index longest = 0, total = 0;
  for (Index n = 0; n < a.batch; ++n) {
    const Index length = a.target_lengths[static_cast<std::size_t>(n)];
    a.begins.push_back(padded ? n * targets.sizes[1] : total);
    longest = std::max(longest, length);
    total += length;
  }
  if (!padded && total != targets.numel()) {
    fail(op, ": the target lengths sum to ", total, ", but there are ", targets.numel(), " targets");
  }
  for (Index n = 0; n < a.batch; ++n) {
    for (Index s = 1; s < a.states(n); s += 2) {
      const Index label = a.label(n, s);
      if (label < 0 || label >= a.classes) {
        fail(op, ": target ", label, " of sample ", n, " is out of range: there are ", a.classes, " classes");
      }
    }
  }
  a.width = 2 * longest + 1 + 2 * margin;
  return a;
}

// The rows that a sample works on, in memory of its own.
template <class T>
struct Workspace {
  const Alignments& a;
  Index n;
  T *skip, *emitted;

  // 0 where a state may follow the one two before it: a label that differs from the one before.
  void fill_skip() const {
    std::fill_n(skip, a.width, -std::numeric_limits<T>::infinity());
    for (Index s = 3; s < a.states(n); s += 2) {
      if (a.label(n, s) != a.label(n, s - 2)) skip[s] = 0;
    }
  }
  void emit(Index t) const {
    const T* row = a.log_probs.template data<T>() + (t * a.batch + n) * a.classes;
    for (Index s = 0; s < a.states(n); ++s) emitted[s] = row[a.label(n, s)];
  }
};

constexpr Index workspace_rows = 5;  // skip, emitted, and for the gradient two of beta and the posterior

template <class T>
T log_of_sum(T a, T b) {
  const T largest = std::max(a, b);
  return std::isinf(largest) ? largest : largest + std::log(std::exp(a - largest) + std::exp(b - largest));
}

template <class T>
T loss_of(const Workspace<T>& w, T* alpha) {
  const Alignments& a = w.a;
  const Index states = a.states(w.n), last = a.length(w.n) - 1;
  if (last < 0) return states == 1 ? T{0} : std::numeric_limits<T>::infinity();
  w.fill_skip();
  std::fill_n(alpha, (last + 1) * a.width, -std::numeric_limits<T>::infinity());
  alpha += margin;
  w.emit(0);
  for (Index s = 0; s < std::min<Index>(2, states); ++s) alpha[s] = w.emitted[s];
  for (Index t = 1; t <= last; ++t, alpha += a.width) {
    w.emit(t);
    kernels().floats<T>().ctc.alpha(alpha + a.width, alpha, w.skip, w.emitted, states);
  }
  return -(states == 1 ? alpha[0] : log_of_sum(alpha[states - 1], alpha[states - 2]));
}

template <class T>
void gradient_of(const Workspace<T>& w, T* rows, const T* alpha, T loss, T scale, T* dx) {
  const Alignments& a = w.a;
  const CtcKernels<T>& kernel = kernels().floats<T>().ctc;
  const Index states = a.states(w.n), last = a.length(w.n) - 1, stride = a.batch * a.classes;
  T *beta = rows, *next = rows + a.width, *const posterior = rows + 2 * a.width;
  std::fill_n(rows, 2 * a.width, -std::numeric_limits<T>::infinity());
  w.fill_skip();
  for (Index t = last; t >= 0; --t) {
    w.emit(t);
    if (t == last) {
      for (Index s = std::max<Index>(0, states - 2); s < states; ++s) next[s] = w.emitted[s];
    } else {
      kernel.beta(next, beta, w.skip, w.emitted, states);
    }
    std::swap(beta, next);
    kernel.posterior(posterior, alpha + t * a.width + margin, beta, w.emitted, loss, states);
    T* const to = dx + t * stride;
    for (Index s = 0; s < states; ++s) to[a.label(w.n, s)] += posterior[s];
    kernel.gradient(to, a.log_probs.data<T>() + t * stride + w.n * a.classes, scale, a.classes);
  }
}

}  // namespace

std::pair<Tensor, Tensor> ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                                   const Tensor& target_lengths, Index blank) {
  const Alignments a = alignments("ctc_loss", log_probs, targets, input_lengths, target_lengths, blank);
  const Tensor losses = empty({a.batch}, log_probs.dtype), alpha = empty({a.batch, a.steps, a.width}, log_probs.dtype);
  const Tensor memory = empty({a.batch, workspace_rows, a.width}, log_probs.dtype);
  visit_dtype(log_probs.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      parallel_for(0, a.batch, 1, [&](Index begin, Index end) {
        for (Index n = begin; n < end; ++n) {
          T* const rows = memory.data<T>() + n * workspace_rows * a.width;
          const Workspace<T> w{a, n, rows, rows + a.width};
          losses.data<T>()[n] = loss_of(w, alpha.data<T>() + n * a.steps * a.width);
        }
      });
    }
  });
  return {losses, alpha};
}

Tensor ctc_loss_backward(const Tensor& g, const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                         const Tensor& target_lengths, const Tensor& losses, const Tensor& alpha, Index blank,
                         bool zero_infinity) {
  const char* const op = "ctc_loss_backward";
  const Alignments a = alignments(op, log_probs, targets, input_lengths, target_lengths, blank);
  const DType dtype = log_probs.dtype;
  if (!(g.sizes == Dims{a.batch}) || g.dtype != dtype || !(losses.sizes == g.sizes) || losses.dtype != dtype ||
      !(alpha.sizes == Dims{a.batch, a.steps, a.width}) || alpha.dtype != dtype) {
    fail(op, ": what was kept is not that of the forward");
  }
  const Tensor out = zeros(log_probs.sizes, dtype), kept = contiguous(alpha), loss = contiguous(losses);
  const Tensor upstream = contiguous(g), memory = empty({a.batch, workspace_rows, a.width}, dtype);
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      parallel_for(0, a.batch, 1, [&](Index begin, Index end) {
        for (Index n = begin; n < end; ++n) {
          const T value = loss.data<T>()[n];
          const bool impossible = std::isinf(value);
          if (impossible && zero_infinity) continue;
          T* const rows = memory.data<T>() + n * workspace_rows * a.width;
          const Workspace<T> w{a, n, rows, rows + a.width};
          // Without any alignment there is no gradient, as in PyTorch.
          const T scale = impossible ? std::numeric_limits<T>::quiet_NaN() : upstream.data<T>()[n];
          gradient_of(w, rows + 2 * a.width, kept.data<T>() + n * a.steps * a.width, value, scale,
                      out.data<T>() + n * a.classes);
        }
      });
    }
  });
  return out;
}

}  // namespace fastgrad::ops
