// Scans of [outer, n, inner] over n. Floats are accumulated in double, as on the host.
//
// Long lines are cut into pieces where there are few of them: first each piece's total, then the running totals of the
// pieces, then the scan of each piece from there. The cuts and the order depend on the sizes alone.
#include <algorithm>
#include <cfloat>
#include <cmath>

#include "cuda/families.h"
#include "cuda/scan.cuh"
#include "ops/iterate.h"

namespace fastgrad::cuda {
namespace {

// ------------------------------------------------------------------------------------------------- what is scanned
//
// A policy P has an associative function `of` of an earlier and a later state with an identity, makes the state of one
// element (load), and writes what it is after all elements so far (store). Both get where the element lies and its
// place in its line; `backward` policies count places from the end.

template <class T>
using Accumulator = std::conditional_t<std::is_integral_v<T>, Index, double>;

// Plain arrays of input and output.
template <class T>
struct Running {
  using State = Accumulator<T>;
  static constexpr bool backward = false;
  const T* in;
  T* out;
  __device__ State load(Index at, Index) const { return static_cast<State>(in[at]); }
  __device__ void store(Index at, const State& s) const { out[at] = static_cast<T>(s); }
};

__device__ double total(double a, double b) { return a + b; }
__device__ Index total(Index a, Index b) {  // wraps around
  return static_cast<Index>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
__device__ double product(double a, double b) { return a * b; }
__device__ Index product(Index a, Index b) {
  return static_cast<Index>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

template <class T>
struct RunningSum : Running<T> {
  using State = Accumulator<T>;
  __device__ static State identity() { return 0; }
  __device__ static State of(State a, State b) { return total(a, b); }
};

template <class T>
struct RunningProduct : Running<T> {
  using State = Accumulator<T>;
  __device__ static State identity() { return 1; }
  __device__ static State of(State a, State b) { return product(a, b); }
};

template <class T>
struct RunningLogSum : Running<T> {
  __device__ static double identity() { return -INFINITY; }
  __device__ static double of(double a, double b) {
    const double high = a > b ? a : b, low = a > b ? b : a;
    return high == low && isinf(high) ? high : high + log1p(exp(low - high));
  }
};

template <class T>
struct Best {
  T value;
  Index place;  // negative: no element yet
};

// The best value so far and its last place; NaN is better than all.
template <class T, bool largest>
struct RunningExtreme {
  using State = Best<T>;
  static constexpr bool backward = false;
  const T* in;
  T* values;
  Index* places;
  __device__ static State identity() { return {T{}, -1}; }
  __device__ static State of(const State& a, const State& b) {
    if (a.place < 0 || b.place < 0) return b.place < 0 ? a : b;
    if (b.value != b.value) return b;
    const bool at_least = largest ? b.value >= a.value : b.value <= a.value;
    return a.value == a.value && at_least ? b : a;
  }
  __device__ State load(Index at, Index place) const { return {in[at], place}; }
  __device__ void store(Index at, const State& s) const {
    values[at] = s.value;
    places[at] = s.place;
  }
};

// s -> factor * s + term. A product of finite factors stays finite: a 0 is a 0 after any number of them.
struct Affine {
  double factor, term;
};

struct AffineChain {
  using State = Affine;
  __device__ static State identity() { return {1, 0}; }
  __device__ static State of(const State& a, const State& b) {
    const double factor = a.factor * b.factor;
    const bool overflows = isinf(factor) && !isinf(a.factor) && !isinf(b.factor);
    return {overflows ? copysign(DBL_MAX, factor) : factor, b.factor * a.term + b.term};
  }
};

// out[i] = added[i] + x[i] * out[i - 1]; backward: added[i] + x[i + 1] * out[i + 1].
template <class T, bool from_end>
struct Recurrence : AffineChain {
  static constexpr bool backward = from_end;
  const T* x;
  const T* added;
  T* out;
  Index inner;
  __device__ State load(Index at, Index place) const {
    if (place == 0) return {0, static_cast<double>(added[at])};
    return {static_cast<double>(x[from_end ? at + inner : at]), static_cast<double>(added[at])};
  }
  __device__ void store(Index at, const State& s) const { out[at] = static_cast<T>(s.term); }
};

// The running totals of pieces, in their own place.
template <class P>
struct Totals {
  using State = typename P::State;
  static constexpr bool backward = false;
  State* totals;
  __device__ static State identity() { return P::identity(); }
  __device__ static State of(const State& a, const State& b) { return P::of(a, b); }
  __device__ State load(Index at, Index) const { return totals[at]; }
  __device__ void store(Index at, const State& s) const { totals[at] = s; }
};

// ----------------------------------------------------------------------------------------------------------- kernels

struct Cut {
  Index outer, n, inner, pieces, length;

  // Where place `place` of a line lies, from the line's first element.
  template <class P>
  __device__ Index step_to(Index place) const {
    return (P::backward ? n - 1 - place : place) * inner;
  }
  __device__ Index end(Index begin) const { return begin + length < n ? begin + length : n; }
};

template <class P>
struct Combine {
  __device__ typename P::State operator()(const typename P::State& a, const typename P::State& b) const {
    return P::of(a, b);
  }
};

// Rows of [rows, n] by groups of `width` lanes, as many elements at a time.
template <class P>
__global__ void scan_short_rows(P p, Cut cut, int width) {
  const int groups = block_threads / width, lane = static_cast<int>(threadIdx.x) % width;
  for (Index first = Index{blockIdx.x} * groups; first < cut.outer; first += Index{gridDim.x} * groups) {
    const Index row = first + static_cast<Index>(threadIdx.x) / width;
    auto carry = P::identity();
    for (Index begin = 0; begin < cut.n; begin += width) {
      const Index place = begin + lane, at = row * cut.n + cut.step_to<P>(place);
      const bool inside = row < cut.outer && place < cut.n;
      auto state = warp_scan(inside ? p.load(at, place) : P::identity(), Combine<P>(), width);
      state = P::of(carry, state);
      if (inside) p.store(at, state);
      carry = shuffle_from(state, width - 1, width);
    }
  }
}

constexpr int items = 4;  // neighbouring elements of one thread
constexpr int tile = block_threads * items;

// A tile lies in shared memory with a gap after each run of a thread's, so that reading them meets all banks.
__device__ int slot(int i) { return i + i / items; }

// The states of a tile in shared memory, each combined with all before it and with the carry, which goes on.
template <class P>
__device__ void scan_tile(typename P::State* states, typename P::State& carry) {
  using State = typename P::State;
  State mine[items];
  const int first = static_cast<int>(threadIdx.x) * items;
  for (int k = 0; k < items; ++k) {
    const State s = states[slot(first + k)];
    mine[k] = k == 0 ? s : P::of(mine[k - 1], s);
  }
  const auto scanned = block_scan(mine[items - 1], Combine<P>(), P::identity());
  const State before = P::of(carry, scanned.before);
  for (int k = 0; k < items; ++k) states[slot(first + k)] = P::of(before, mine[k]);
  carry = P::of(carry, scanned.total);
}

// Pieces of rows of [rows, n], each by a block. With `only_totals`, these go to `totals`; otherwise `totals` are the
// running ones of the pieces, null where there is one piece.
template <class P>
__global__ void scan_long_rows(P p, Cut cut, typename P::State* totals, bool only_totals) {
  using State = typename P::State;
  __shared__ State states[tile + block_threads];
  for (Index i = blockIdx.x; i < cut.outer * cut.pieces; i += gridDim.x) {
    const Index row = i / cut.pieces * cut.n, begin = i % cut.pieces * cut.length, end = cut.end(begin);
    State carry = !only_totals && begin > 0 ? totals[i - 1] : P::identity();
    for (Index from = begin; from < end; from += tile) {
      for (int k = static_cast<int>(threadIdx.x); k < tile; k += block_threads) {
        const Index place = from + k;
        states[slot(k)] = place < end ? p.load(row + cut.step_to<P>(place), place) : P::identity();
      }
      __syncthreads();
      scan_tile<P>(states, carry);
      __syncthreads();
      for (int k = static_cast<int>(threadIdx.x); !only_totals && k < tile && from + k < end; k += block_threads) {
        p.store(row + cut.step_to<P>(from + k), states[slot(k)]);
      }
      __syncthreads();
    }
    if (only_totals && threadIdx.x == 0) totals[i] = carry;
  }
}

// Pieces of columns, each by a thread; neighbouring threads go down neighbouring columns.
template <class P>
__global__ void scan_columns(P p, Cut cut, typename P::State* totals, bool only_totals) {
  for (Index i = thread_index(); i < cut.outer * cut.pieces * cut.inner; i += thread_count()) {
    const Index column = i % cut.inner, block = i / cut.inner, begin = block % cut.pieces * cut.length;
    const Index line = block / cut.pieces * cut.n * cut.inner + column, end = cut.end(begin);
    auto state = !only_totals && begin > 0 ? totals[i - cut.inner] : P::identity();
#pragma unroll 4
    for (Index place = begin; place < end; ++place) {
      const Index at = line + cut.step_to<P>(place);
      state = P::of(state, p.load(at, place));
      if (!only_totals) p.store(at, state);
    }
    if (only_totals) totals[i] = state;
  }
}

// --------------------------------------------------------------------------------------------------------- launches

constexpr Index room_blocks = 1024;  // that keep any device busy
constexpr Index room_threads = 1 << 17;
constexpr Index shortest_row_piece = 4 * tile, shortest_column_piece = 64;

Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

Cut cut_of(Index outer, Index n, Index inner) {
  const Index wanted = inner == 1 ? std::min(ceil_div(room_blocks, outer), n / shortest_row_piece)
                                  : std::min(ceil_div(room_threads, outer * inner), n / shortest_column_piece);
  Index length = ceil_div(n, std::max<Index>(wanted, 1));
  if (inner == 1) length = ceil_div(length, tile) * tile;
  return {outer, n, inner, ceil_div(n, length), length};
}

template <class P>
void start_scan(const char* name, const P& p, const Cut& cut, typename P::State* totals, bool only_totals) {
  const Index pieces = cut.outer * cut.pieces;
  if (cut.inner == 1) {
    launch(name, scan_long_rows<P>, static_cast<unsigned>(std::min<Index>(pieces, 1 << 20)), block_threads, 0, p, cut,
           totals, only_totals);
  } else {
    launch(name, scan_columns<P>, blocks_for(pieces * cut.inner), block_threads, 0, p, cut, totals, only_totals);
  }
}

template <class P>
void scan(const char* name, const P& p, Index outer, Index n, Index inner) {
  using State = typename P::State;
  if (inner == 1 && n <= tile / 2) {
    int width = 1;
    while (width < n && width < warp_threads) width *= 2;
    const Cut cut{outer, n, inner, 1, n};
    launch(name, scan_short_rows<P>, blocks_for(outer * width), block_threads, 0, p, cut, width);
    return;
  }
  const Cut cut = cut_of(outer, n, inner);
  if (cut.pieces == 1) return start_scan(name, p, cut, static_cast<State*>(nullptr), false);
  const Tensor memory = empty({outer * cut.pieces * inner * static_cast<Index>(sizeof(State))}, DType::uint8);
  auto* const totals = static_cast<State*>(memory.address());
  start_scan(name, p, cut, totals, true);
  start_scan(name, Totals<P>{totals}, Cut{outer, cut.pieces, inner, 1, cut.pieces}, static_cast<State*>(nullptr),
             false);
  start_scan(name, p, cut, totals, false);
}

template <class T>
T* data_of(const Tensor& t) {
  return static_cast<T*>(t.address());
}

}  // namespace

void accumulate(Scan op, const Tensor& out, const Tensor& x, Index outer, Index n, Index inner) {
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (sizeof(T) >= 4 && !std::is_same_v<T, std::int32_t>) {
      const Running<T> arrays{data_of<const T>(x), data_of<T>(out)};
      if (op == Scan::sum) return scan("cumsum", RunningSum<T>{arrays}, outer, n, inner);
      if (op == Scan::product) return scan("cumprod", RunningProduct<T>{arrays}, outer, n, inner);
      if constexpr (std::is_floating_point_v<T>) scan("logcumsumexp", RunningLogSum<T>{arrays}, outer, n, inner);
    }
  });
}

void running_extreme(bool largest, const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n,
                     Index inner) {
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto run = [&](auto policy) { scan(largest ? "cummax" : "cummin", policy, outer, n, inner); };
    const T* const in = data_of<const T>(x);
    if (largest) {
      run(RunningExtreme<T, true>{in, data_of<T>(values), data_of<Index>(places)});
    } else {
      run(RunningExtreme<T, false>{in, data_of<T>(values), data_of<Index>(places)});
    }
  });
}

void recurrence(const Tensor& out, const Tensor& x, const Tensor& added, Index outer, Index n, Index inner,
                bool backward) {
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const auto run = [&](auto policy) { scan("recurrence", policy, outer, n, inner); };
      if (backward) {
        run(Recurrence<T, true>{{}, data_of<const T>(x), data_of<const T>(added), data_of<T>(out), inner});
      } else {
        run(Recurrence<T, false>{{}, data_of<const T>(x), data_of<const T>(added), data_of<T>(out), inner});
      }
    }
  });
}

}  // namespace fastgrad::cuda
