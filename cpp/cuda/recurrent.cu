// The steps of recurrent layers: what comes after a step's matrix product, and before it in the gradient.
#include "cuda/rows.cuh"

namespace fastgrad::cuda {
namespace {

using namespace rows;

template <class T>
__device__ T sigmoid(T x) {
  return 1 / (1 + exp(-x));
}

// The matrices of a step, as Step (accelerator.h) has them; null where there is none.
template <class T>
struct Pointers {
  const T *part, *hidden;
  T *gates, *cells, *result, *h, *c;

  explicit Pointers(const RecurrentStep &s)
      : part(data<T>(s.part)),
        hidden(data<T>(s.hidden)),
        gates(data_or_null<T>(s.gates)),
        cells(data_or_null<T>(s.cells)),
        result(data<T>(s.result)),
        h(data_or_null<T>(s.h)),
        c(data_or_null<T>(s.c)) {}

  __device__ void set(Index i, T x) const {
    result[i] = x;
    if (h != nullptr) h[i] = x;
  }
};

template <class T>
__global__ void plain_step(Pointers<T> p, Index n, bool relu) {
  for (Index i = thread_index(); i < n; i += thread_count()) {
    const T x = p.part[i] + p.hidden[i];
    p.set(i, relu ? (x < 0 ? T{0} : x) : tanh(x));  // NaN stays
  }
}

template <class T>
__global__ void lstm_step(Pointers<T> p, Index n, Index units) {
  for (Index e = thread_index(); e < n; e += thread_count()) {
    const Index at = e / units * 3 * units + e;  // row * 4 * units + unit
    const T *const a = p.part + at, *const b = p.hidden + at;
    const T i = sigmoid(a[0] + b[0]), f = sigmoid(a[units] + b[units]);
    const T g = tanh(a[2 * units] + b[2 * units]), o = sigmoid(a[3 * units] + b[3 * units]);
    const T state = f * p.c[e] + i * g;
    T *const to = p.gates + at;
    to[0] = i;
    to[units] = f;
    to[2 * units] = g;
    to[3 * units] = o;
    p.cells[e] = p.c[e] = state;
    p.set(e, o * tanh(state));
  }
}

template <class T>
__global__ void gru_step(Pointers<T> p, Index n, Index units) {
  for (Index e = thread_index(); e < n; e += thread_count()) {
    const Index row = e / units;
    const T *const a = p.part + row * 2 * units + e, *const b = p.hidden + row * 2 * units + e;
    const T r = sigmoid(a[0] + b[0]), z = sigmoid(a[units] + b[units]), hidden = b[2 * units];
    const T m = tanh(a[2 * units] + r * hidden);
    T *const to = p.gates + row * 3 * units + e;
    to[0] = r;
    to[units] = z;
    to[2 * units] = m;
    to[3 * units] = hidden;
    p.set(e, m + z * (p.h[e] - m));
  }
}

template <class T>
struct GradientPointers {
  T *da, *db, *dh, *dc;
  const T *d, *g, *gates, *after, *before;

  explicit GradientPointers(const RecurrentGradient &s)
      : da(data<T>(s.da)),
        db(data<T>(s.db)),
        dh(data_or_null<T>(s.dh)),
        dc(data_or_null<T>(s.dc)),
        d(data<T>(s.d)),
        g(data_or_null<T>(s.g)),
        gates(data_or_null<T>(s.gates)),
        after(data_or_null<T>(s.after)),
        before(data_or_null<T>(s.before)) {}

  __device__ T upstream(Index i) const { return g == nullptr ? d[i] : d[i] + g[i]; }
};

template <class T>
__global__ void plain_step_backward(GradientPointers<T> p, Index n, bool relu) {
  for (Index i = thread_index(); i < n; i += thread_count()) {
    const T d = p.upstream(i), y = p.after[i];
    p.da[i] = relu ? (y > 0 ? d : T{0}) : d * (1 - y * y);
  }
}

template <class T>
__global__ void lstm_step_backward(GradientPointers<T> p, Index n, Index units) {
  for (Index e = thread_index(); e < n; e += thread_count()) {
    const Index at = e / units * 3 * units + e;
    const T *const gate = p.gates + at;
    const T i = gate[0], f = gate[units], g = gate[2 * units], o = gate[3 * units];
    const T squashed = tanh(p.after[e]), upstream = p.upstream(e);
    const T d = p.dc[e] + upstream * o * (1 - squashed * squashed);
    T *const to = p.da + at;
    to[0] = d * g * (i * (1 - i));
    to[units] = d * p.before[e] * (f * (1 - f));
    to[2 * units] = d * i * (1 - g * g);
    to[3 * units] = upstream * squashed * (o * (1 - o));
    p.dc[e] = d * f;
  }
}

template <class T>
__global__ void gru_step_backward(GradientPointers<T> p, Index n, Index units) {
  for (Index e = thread_index(); e < n; e += thread_count()) {
    const Index row = e / units;
    const T *const gate = p.gates + row * 3 * units + e;
    const T r = gate[0], z = gate[units], m = gate[2 * units], hidden = gate[3 * units];
    const T d = p.upstream(e), dm = d * (1 - z) * (1 - m * m);
    const T dr = dm * hidden * (r * (1 - r)), dz = d * (p.before[e] - m) * (z * (1 - z));
    T *const da = p.da + row * 2 * units + e, *const db = p.db + row * 2 * units + e;
    da[0] = db[0] = dr;
    da[units] = db[units] = dz;
    da[2 * units] = dm;
    db[2 * units] = dm * r;
    p.dh[e] = d * z;
  }
}

}  // namespace

void recurrent_step(const RecurrentStep &step) {
  const Index n = step.result.numel();
  if (n == 0) return;
  visit_float(step.result.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Pointers<T> p(step);
    const Index units = step.result.sizes[1];
    const auto start = [&](auto kernel, auto last) {
      launch("recurrent", kernel, blocks_for(n), block_threads, 0, p, n, last);
    };
    if (step.mode == Recurrent::lstm) return start(lstm_step<T>, units);
    if (step.mode == Recurrent::gru) return start(gru_step<T>, units);
    start(plain_step<T>, step.mode == Recurrent::relu);
  });
}

void recurrent_step_backward(const RecurrentGradient &step) {
  const Index n = step.d.numel();
  if (n == 0) return;
  visit_float(step.d.dtype, [&](auto zero) {
    using T = decltype(zero);
    const GradientPointers<T> p(step);
    const Index units = step.d.sizes[1];
    const auto start = [&](auto kernel, auto last) {
      launch("recurrent_backward", kernel, blocks_for(n), block_threads, 0, p, n, last);
    };
    if (step.mode == Recurrent::lstm) return start(lstm_step_backward<T>, units);
    if (step.mode == Recurrent::gru) return start(gru_step_backward<T>, units);
    start(plain_step_backward<T>, step.mode == Recurrent::relu);
  });
}

}  // namespace fastgrad::cuda
