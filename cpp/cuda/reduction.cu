// Reductions of [outer, n, inner] over n, and the places of extremes.
//
// A thread combines few elements, the rest goes through fixed trees. Where there are fewer results than the device has
// room for, rows are cut into pieces whose results are reduced again. The cuts depend on the sizes alone.
#include <algorithm>

#include "cuda/elementwise.cuh"
#include "cuda/families.h"
#include "cuda/number.cuh"
#include "cuda/reduce.cuh"

namespace fastgrad::cuda {
namespace {

// ------------------------------------------------------------------------------------------------- what is reduced
//
// A reduction F of elements E has a state: take makes one of an element and its place, of combines two, start begins
// with the identity or, where there is none, with the first of the elements. Again reduces states.

// In which integers wrap around.
template <class T>
using Wrapping = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;

template <class T, class E>
struct Sum {
  using Element = E;
  using State = T;
  using Again = Sum<T, T>;
  __device__ static T start(const E*, Index) { return T{0}; }
  __device__ static T take(E x, Index) { return static_cast<T>(x); }
  __device__ static T of(T a, T b) { return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b)); }
};

template <class T>
struct SquareSum : Sum<T, T> {
  __device__ static T take(T x, Index) { return x * x; }
};

template <class E>
struct NonZero : Sum<Index, E> {
  __device__ static Index take(E x, Index) { return x != E{0} ? 1 : 0; }
};

template <class T, class E>
struct Prod : Sum<T, E> {
  using Again = Prod<T, T>;
  __device__ static T start(const E*, Index) { return T{1}; }
  __device__ static T of(T a, T b) { return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b)); }
};

template <class T, class Best>
struct Extreme {
  using Element = T;
  using State = T;
  using Again = Extreme;
  __device__ static T start(const T* x, Index) { return *x; }
  __device__ static T take(T x, Index) { return x; }
  __device__ static T of(T a, T b) { return Best()(a, b); }
};

template <class T>
struct Placed {
  T value;
  Index place;
};

// Of two places with equal values, or NaN, the first.
template <class T, class Best>
struct PlacedExtremeOfStates {
  using Element = Placed<T>;
  using State = Placed<T>;
  using Again = PlacedExtremeOfStates;
  __device__ static State start(const Element* x, Index) { return *x; }
  __device__ static State take(Element x, Index) { return x; }
  __device__ static State of(const State& a, const State& b) {
    const bool same = a.value == b.value || (a.value != a.value && b.value != b.value);
    if (same) return a.place < b.place ? a : b;
    if (a.value != a.value) return a;
    return b.value != b.value || Best()(a.value, b.value) == b.value ? b : a;
  }
};

template <class T, class Best>
struct PlacedExtreme : PlacedExtremeOfStates<T, Best> {
  using Element = T;
  using State = Placed<T>;
  __device__ static State start(const T* x, Index place) { return {*x, place}; }
  __device__ static State take(T x, Index place) { return {x, place}; }
};

template <class T>
struct ValuesAndPlaces {
  T* values;
  Index* places;
};

template <class State>
__device__ void store(State* out, Index i, const State& state) {
  out[i] = state;
}
template <class T>
__device__ void store(ValuesAndPlaces<T> out, Index i, const Placed<T>& state) {
  out.values[i] = state.value;
  out.places[i] = state.place;
}

// ------------------------------------------------------------------------------------------------------------ rows

// How rows are shared out: so many pieces of each, and so many threads for a piece.
struct Shares {
  Index pieces, length;
  int group;
  bool packed;
};

template <class E>
constexpr int pack_width = sizeof(E) < 16 ? static_cast<int>(16 / sizeof(E)) : 1;

// Thread `lane` of a group's part of the elements x[0..n), of which the first is at `place`.
template <class F, class E>
__device__ typename F::State reduce_part(const E* x, Index n, Index place, int lane, const Shares& shares) {
  constexpr int width = pack_width<E>;
  typename F::State part[width];
  for (int k = 0; k < width; ++k) part[k] = F::start(x, place);
  Index done = 0;
  if (shares.packed) {
    const Index packs = n / width;
#pragma unroll 4
    for (Index p = lane; p < packs; p += shares.group) {
      const auto pack = reinterpret_cast<const Pack<E, width>*>(x)[p];
#pragma unroll
      for (int k = 0; k < width; ++k) part[k] = F::of(part[k], F::take(pack.v[k], place + p * width + k));
    }
    done = packs * width;
  }
  for (Index i = done + lane; i < n; i += Index{width} * shares.group) {
#pragma unroll
    for (int k = 0; k < width; ++k) {
      const Index at = i + Index{k} * shares.group;
      if (at < n) part[k] = F::of(part[k], F::take(x[at], place + at));
    }
  }
#pragma unroll
  for (int half = width / 2; half > 0; half /= 2) {
    for (int k = 0; k < half; ++k) part[k] = F::of(part[k], part[k + half]);
  }
  return part[0];
}

template <class F, class Out>
__global__ void reduce_rows(Out out, const typename F::Element* x, Index rows, Index n, Shares shares) {
  using State = typename F::State;
  const auto of = [](const State& a, const State& b) { return F::of(a, b); };
  const int groups = static_cast<int>(blockDim.x) / shares.group, lane = static_cast<int>(threadIdx.x) % shares.group;
  const Index total = rows * shares.pieces;
  for (Index first = Index{blockIdx.x} * groups; first < total; first += Index{gridDim.x} * groups) {
    const Index i = first + static_cast<Index>(threadIdx.x) / shares.group;
    State state{};
    if (i < total) {
      const Index row = i / shares.pieces, place = i % shares.pieces * shares.length;
      const Index length = n - place < shares.length ? n - place : shares.length;
      state = reduce_part<F>(x + row * n + place, length, place, lane, shares);
    }
    state = shares.group <= warp_threads ? warp_reduce(state, of, shares.group) : block_reduce(state, of);
    if (lane == 0 && i < total) store(out, i, state);
  }
}

constexpr Index room = 1024;             // blocks that keep any device busy
constexpr Index shortest_piece = 4096;   // elements that are worth a block of their own
constexpr Index longest_piece = 262144;  // elements whose sum by one block is still exact enough

int power_of_two_from(Index n) {
  int power = 1;
  while (power < n) power *= 2;
  return power;
}

Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

template <class E>
Shares row_shares(const E* x, Index rows, Index n) {
  constexpr Index width = pack_width<E>;
  const Index wanted = std::max(std::min(ceil_div(room, rows), n / shortest_piece), ceil_div(n, longest_piece));
  const Index pieces = std::max<Index>(wanted, 1);
  const Index length = std::max<Index>(ceil_div(ceil_div(n, pieces), 16), 1) * 16;
  const bool packed = reinterpret_cast<std::uintptr_t>(x) % 16 == 0 && (rows == 1 || n % width == 0);
  const int group = n > 1024 ? block_threads : power_of_two_from(std::min<Index>(ceil_div(n, width), warp_threads));
  return {std::max<Index>(ceil_div(n, length), 1), length, group, packed && sizeof(E) * width == 16};
}

template <class State>
Tensor states(Index count) {
  return empty({count * static_cast<Index>(sizeof(State))}, DType::uint8);
}

template <class F, class Out>
void start_rows(const char* name, Out out, const typename F::Element* x, Index rows, Index n, const Shares& shares) {
  const Index blocks = ceil_div(rows * shares.pieces, block_threads / shares.group);
  launch(name, reduce_rows<F, Out>, static_cast<unsigned>(std::min<Index>(blocks, Index{1} << 20)), block_threads, 0,
         out, x, rows, n, shares);
}

template <class F, class Out>
void rows(const char* name, Out out, const typename F::Element* x, Index count, Index n) {
  using State = typename F::State;
  const Shares shares = row_shares(x, count, n);
  if (shares.pieces == 1) return start_rows<F>(name, out, x, count, n, shares);
  const Tensor partial = states<State>(count * shares.pieces);
  auto* const parts = static_cast<State*>(partial.address());
  start_rows<F>(name, parts, x, count, n, shares);
  rows<typename F::Again>(name, out, parts, count, shares.pieces);
}

// --------------------------------------------------------------------------------------------------------- columns

// How [outer, n, inner] is shared out: `lanes` threads side by side, each with a pack of columns; the other threads of
// a block take other rows of its piece.
struct ColumnShares {
  Index outer, n, inner, pieces, length;
  int lanes;
};

template <class F, int width>
__device__ void reduce_column_part(typename F::State (&part)[width], const typename F::Element* x, Index begin,
                                   Index end, Index step, Index inner) {
  using E = typename F::Element;
#pragma unroll 4
  for (Index r = begin; r < end; r += step) {
    const auto pack = *reinterpret_cast<const Pack<E, width>*>(x + r * inner);
#pragma unroll
    for (int k = 0; k < width; ++k) part[k] = F::of(part[k], F::take(pack.v[k], r));
  }
}

template <class F, int width, class Out>
__global__ void reduce_columns(Out out, const typename F::Element* x, ColumnShares s) {
  using State = typename F::State;
  __shared__ State shared[width * block_threads];
  const int lane = static_cast<int>(threadIdx.x) % s.lanes, row = static_cast<int>(threadIdx.x) / s.lanes;
  const int step = block_threads / s.lanes;
  const Index across = (s.inner + s.lanes * width - 1) / (s.lanes * width);
  for (Index block = blockIdx.x; block < s.outer * s.pieces * across; block += gridDim.x) {
    const Index piece = block / across, column = (block % across * s.lanes + lane) * width;
    const Index begin = piece % s.pieces * s.length, end = begin + s.length < s.n ? begin + s.length : s.n;
    const bool inside = column < s.inner;
    State part[width] = {};
    if (inside) {
      const auto* const from = x + piece / s.pieces * s.n * s.inner + column;
      for (int k = 0; k < width; ++k) part[k] = F::start(from + begin * s.inner + k, begin);
      reduce_column_part<F, width>(part, from, begin + row, end, step, s.inner);
    }
    for (int k = 0; k < width; ++k) shared[k * block_threads + threadIdx.x] = part[k];
    for (int half = step / 2; half > 0; half /= 2) {
      __syncthreads();
      if (row >= half) continue;
      for (int k = 0; k < width; ++k) {
        State& mine = shared[k * block_threads + threadIdx.x];
        mine = F::of(mine, shared[k * block_threads + threadIdx.x + half * s.lanes]);
      }
    }
    if (row == 0 && inside) {
      for (int k = 0; k < width; ++k) store(out, piece * s.inner + column + k, shared[k * block_threads + threadIdx.x]);
    }
    __syncthreads();
  }
}

// Short columns: each thread goes down a pack of them.
template <class F, int width, class Out>
__global__ void reduce_short_columns(Out out, const typename F::Element* x, Index outer, Index n, Index inner) {
  const Index across = inner / width;
  for (Index i = thread_index(); i < outer * across; i += thread_count()) {
    const Index at = i / across, column = i % across * width;
    const auto* const from = x + at * n * inner + column;
    typename F::State part[width];
    for (int k = 0; k < width; ++k) part[k] = F::start(from + k, 0);
    reduce_column_part<F, width>(part, from, 0, n, 1, inner);
    for (int k = 0; k < width; ++k) store(out, at * inner + column + k, part[k]);
  }
}

constexpr Index longest_chain = 128;  // additions of one thread, one after the other

ColumnShares column_shares(Index outer, Index n, Index inner, int width) {
  const int packs = power_of_two_from(std::min<Index>(ceil_div(inner, width), block_threads));
  const int rows = power_of_two_from(std::clamp<Index>(n / 8, 1, block_threads));
  const int lanes = std::min(packs, std::max(warp_threads, block_threads / rows));
  const Index step = block_threads / lanes, blocks = outer * ceil_div(inner, Index{lanes} * width);
  const Index pieces = std::max(std::min(ceil_div(room, blocks), n / (8 * step)), ceil_div(n, longest_chain * step));
  const Index length = std::max<Index>(ceil_div(n, std::max<Index>(pieces, 1)), 1);
  return {outer, n, inner, std::max<Index>(ceil_div(n, length), 1), length, lanes};
}

template <class F, class Out>
void columns(const char* name, Out out, const typename F::Element* x, Index outer, Index n, Index inner);

template <class F, int width, class Out>
void start_columns(const char* name, Out out, const typename F::Element* x, Index outer, Index n, Index inner) {
  if (n <= longest_chain && (outer * inner / width >= Index{room} * 32 || n <= 16)) {
    launch(name, reduce_short_columns<F, width, Out>, blocks_for(outer * inner / width), block_threads, 0, out, x,
           outer, n, inner);
    return;
  }
  using State = typename F::State;
  const ColumnShares s = column_shares(outer, n, inner, width);
  const Index blocks = s.outer * s.pieces * ceil_div(inner, Index{s.lanes} * width);
  const auto grid = static_cast<unsigned>(std::min<Index>(blocks, Index{1} << 20));
  if (s.pieces == 1) {
    launch(name, reduce_columns<F, width, Out>, grid, block_threads, 0, out, x, s);
    return;
  }
  const Tensor partial = states<State>(outer * s.pieces * inner);
  auto* const parts = static_cast<State*>(partial.address());
  launch(name, reduce_columns<F, width, State*>, grid, block_threads, 0, parts, x, s);
  columns<typename F::Again>(name, out, parts, outer, s.pieces, inner);
}

template <class F, class Out>
void columns(const char* name, Out out, const typename F::Element* x, Index outer, Index n, Index inner) {
  using E = typename F::Element;
  // A state may be wider than an element, and all of a block's states share its memory.
  constexpr int width = static_cast<int>(std::clamp<std::size_t>(32 / sizeof(typename F::State), 1, 16 / sizeof(E)));
  const bool packed = inner % width == 0 && reinterpret_cast<std::uintptr_t>(x) % (sizeof(E) * width) == 0;
  packed ? start_columns<F, width>(name, out, x, outer, n, inner) : start_columns<F, 1>(name, out, x, outer, n, inner);
}

template <class F, class Out>
void reduce_as(const char* name, Out out, const Tensor& x, Index outer, Index n, Index inner) {
  const auto* const from = static_cast<const typename F::Element*>(x.address());
  inner == 1 ? rows<F>(name, out, from, outer, n) : columns<F>(name, out, from, outer, n, inner);
}

template <class T>
using Total = std::conditional_t<std::is_floating_point_v<T>, T, Index>;

}  // namespace

void reduce(Reduce op, const Tensor& out, const Tensor& x, Index outer, Index n, Index inner) {
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto run = [&]<class F>(const char* name, TypeTag<F>) {
      reduce_as<F>(name, static_cast<typename F::State*>(out.address()), x, outer, n, inner);
    };
    switch (op) {
      case Reduce::sum:
        return run("sum", TypeTag<Sum<Total<T>, T>>{});
      case Reduce::prod:
        return run("prod", TypeTag<Prod<Total<T>, T>>{});
      case Reduce::max:
        return run("max", TypeTag<Extreme<T, Larger>>{});
      case Reduce::min:
        return run("min", TypeTag<Extreme<T, Smaller>>{});
      case Reduce::square_sum:
        if constexpr (std::is_floating_point_v<T>) return run("square_sum", TypeTag<SquareSum<T>>{});
        return;
      default:
        return run("count_nonzero", TypeTag<NonZero<T>>{});
    }
  });
}

void arg_reduce(Reduce op, const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n,
                Index inner) {
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const ValuesAndPlaces<T> out{static_cast<T*>(values.address()), static_cast<Index*>(places.address())};
    if (op == Reduce::max) {
      reduce_as<PlacedExtreme<T, Larger>>("max", out, x, outer, n, inner);
    } else {
      reduce_as<PlacedExtreme<T, Smaller>>("min", out, x, outer, n, inner);
    }
  });
}

}  // namespace fastgrad::cuda
