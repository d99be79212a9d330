// Writing by index. Indices that name one place twice act in their order, as on the host: the places are sorted, and
// what belongs to one place is combined by one thread, or by several in a fixed order where it is much.
#include "cuda/families.h"
#include "cuda/lookup.cuh"
#include "cuda/order.cuh"

namespace fastgrad::cuda {
namespace {

// Whether a dimension goes along the elements that one index stands for.
bool is_in_row(const Walk<3>& walk, int d) {
  return walk.strides[of_index][d] == 0 && walk.strides[of_indexed][d] != 0;
}

// The dimensions of a walk that lie in rows, or those that do not.
Walk<3> part_of(const Walk<3>& walk, bool in_row) {
  Walk<3> part = walk;
  for (int d = walk.last(); d >= 0; --d) {
    if (is_in_row(walk, d) == in_row) continue;
    part.sizes.erase(d);
    for (Dims& s : part.strides) s.erase(d);
  }
  if (!part.sizes.empty()) return part;
  part.sizes.push_back(1);
  for (Dims& s : part.strides) s.push_back(0);
  return part;
}

Index elements_of(const Walk<3>& walk) { return walk.outer() * walk.inner(); }

// ------------------------------------------------------------------------------------------------------ no sorting

template <class T>
__global__ void put_elements(Positions positions, Geometry<3> geometry, T* to, const T* from, Index n) {
  for (Index i = thread_index(); i < n; i += thread_count()) {
    Index at[3];
    geometry.locate(i, at);
    to[at[of_indexed] + positions.at(at[of_index]) * positions.step] = from[at[of_other]];
  }
}

void put_distinct(const Lookup& l, const Walk<3>& walk) {
  visit_unit(static_cast<Index>(item_size(l.other.dtype)), [&](auto unit) {
    using U = decltype(unit);
    const Index n = elements_of(walk);
    launch(l.op, put_elements<U>, blocks_for(n), block_threads, 0, positions_of(l), Geometry<3>(walk),
           static_cast<U*>(l.indexed.address()), static_cast<const U*>(l.other.address()), n);
  });
}

// ------------------------------------------------------------------------------------------------------ by sorting

// Where each index's row lies: an element of `indexed`, or only the position where that says as much.
__global__ void find_rows(Positions positions, Geometry<3> geometry, bool whole, Index* keys, Index n) {
  for (Index i = thread_index(); i < n; i += thread_count()) {
    Index at[3];
    geometry.locate(i, at);
    const Index position = positions.at(at[of_index]);
    keys[i] = whole ? at[of_indexed] + position * positions.step : position;
  }
}

// Rows in the order of their places.
struct SortedRows {
  const Index* keys;
  const int* places;
  Index rows, width, scale;      // a key times the scale is an element of `indexed`
  Geometry<3> position, in_row;  // of a place, and of a column

  __device__ bool starts(Index i) const { return i == 0 || keys[i - 1] != keys[i]; }
  __device__ bool ends(Index i) const { return i + 1 == rows || keys[i + 1] != keys[i]; }
  __device__ Index target(Index i) const { return keys[i] * scale; }
  __device__ Index source(Index i) const {
    Index at[3];
    position.locate(places[i], at);
    return at[of_other];
  }
};

template <class T>
__global__ void put_last(SortedRows sorted, T* to, const T* from) {
  for_each_in_rows(sorted.rows, sorted.width, [&](Index i) {
    const bool writes = sorted.ends(i);
    T* const target = to + sorted.target(i);
    const T* const source = from + sorted.source(i);
    return [=, &sorted](Index c) {
      if (!writes) return;
      Index at[3];
      sorted.in_row.locate(c, at);
      target[at[of_indexed]] = source[at[of_other]];
    };
  });
}

template <Scatter how, class T>
__device__ T combined(T old, T given) {
  constexpr bool is_whole = std::is_integral_v<T> && !std::is_same_v<T, bool>;
  if constexpr (how == Scatter::add) {
    if constexpr (std::is_same_v<T, bool>) return old || given;
    if constexpr (is_whole) return static_cast<T>(static_cast<std::uint64_t>(old) + static_cast<std::uint64_t>(given));
    if constexpr (std::is_floating_point_v<T>) return old + given;
  } else if constexpr (how == Scatter::multiply) {
    if constexpr (std::is_same_v<T, bool>) return old && given;
    if constexpr (is_whole) return static_cast<T>(static_cast<std::uint64_t>(old) * static_cast<std::uint64_t>(given));
    if constexpr (std::is_floating_point_v<T>) return old * given;
  } else if constexpr (how == Scatter::amin) {
    return given < old || given != given ? given : old;  // NaN wins
  } else {
    return given > old || given != given ? given : old;
  }
}

// Runs of `run` sorted rows each: what starts in a run is combined with its target, what started before is left in
// partial[run][column].
template <Scatter how, class T>
__global__ void combine_runs(SortedRows sorted, Index run, T* to, const T* from, T* partial) {
  for_each_in_rows((sorted.rows + run - 1) / run, sorted.width, [&](Index r) {
    return [=, &sorted](Index c) {
      Index at[3];
      sorted.in_row.locate(c, at);
      const Index begin = r * run, end = begin + run < sorted.rows ? begin + run : sorted.rows;
      for (Index i = begin; i < end;) {
        T* const target = to + sorted.target(i) + at[of_indexed];
        const bool starts = sorted.starts(i);
        T sum = starts ? *target : from[sorted.source(i) + at[of_other]];
        bool goes_on = starts || !sorted.ends(i);
        for (i += !starts; goes_on && i < end; ++i) {
          sum = combined<how>(sum, from[sorted.source(i) + at[of_other]]);
          goes_on = !sorted.ends(i);
        }
        *(starts ? target : partial + r * sorted.width + c) = sum;
      }
    };
  });
}

// What started in a run and goes on in the next ones.
template <Scatter how, class T>
__global__ void combine_partials(SortedRows sorted, Index run, T* to, const T* partial) {
  for_each_in_rows((sorted.rows + run - 1) / run, sorted.width, [&](Index r) {
    return [=, &sorted](Index c) {
      const Index begin = r * run, end = begin + run;
      if (end >= sorted.rows || sorted.ends(end - 1)) return;
      const Index key = sorted.keys[end];
      if (!sorted.starts(begin) && sorted.keys[begin] == key) return;  // it started before
      Index at[3];
      sorted.in_row.locate(c, at);
      T* const target = to + sorted.target(end) + at[of_indexed];
      T sum = *target;
      for (Index next = r + 1; next * run < sorted.rows && sorted.keys[next * run] == key; ++next) {
        sum = combined<how>(sum, partial[next * sorted.width + c]);
      }
      *target = sum;
    };
  });
}

template <Scatter how, class T>
void combine(const Lookup& l, const SortedRows& sorted) {
  const Index run = sorted.rows <= 8192 ? 8 : 64, runs = (sorted.rows + run - 1) / run;
  const Tensor partial = empty({runs * sorted.width}, l.other.dtype);
  auto* const to = static_cast<T*>(l.indexed.address());
  auto* const kept = static_cast<T*>(partial.address());
  const RowGrid grid(runs, sorted.width);
  launch(l.op, combine_runs<how, T>, grid.blocks, grid.threads, 0, sorted, run, to,
         static_cast<const T*>(l.other.address()), kept);
  if (runs > 1) {
    launch(l.op, combine_partials<how, T>, grid.blocks, grid.threads, 0, sorted, run, to, static_cast<const T*>(kept));
  }
}

template <class T>
void combine(Scatter how, const Lookup& l, const SortedRows& sorted) {
  switch (how) {
    case Scatter::add:
      return combine<Scatter::add, T>(l, sorted);
    case Scatter::multiply:
      return combine<Scatter::multiply, T>(l, sorted);
    case Scatter::amin:
      return combine<Scatter::amin, T>(l, sorted);
    default:
      return combine<Scatter::amax, T>(l, sorted);
  }
}

void put_sorted(Scatter how, const Lookup& l, const Walk<3>& walk) {
  const Walk<3> position = part_of(walk, false), in_row = part_of(walk, true);
  const Index rows = elements_of(position), width = elements_of(in_row);
  Index last = 0;  // row at position 0
  for (int d = 0; d < position.sizes.size(); ++d) last += (position.sizes[d] - 1) * position.strides[of_indexed][d];
  const bool whole = last > 0;
  const Tensor keys = empty({rows}, DType::int64);
  launch(l.op, find_rows, blocks_for(rows), block_threads, 0, positions_of(l), Geometry<3>(position), whole,
         static_cast<Index*>(keys.address()), rows);
  const Order order = in_order(keys, whole ? last + (l.size - 1) * l.step + 1 : l.size);
  const SortedRows sorted{static_cast<const Index*>(order.keys.address()),
                          static_cast<const int*>(order.places.address()),
                          rows,
                          width,
                          whole ? 1 : l.step,
                          Geometry<3>(position),
                          Geometry<3>(in_row)};
  if (how != Scatter::write) {
    return visit_dtype(l.other.dtype, [&](auto tag) { combine<typename decltype(tag)::type>(how, l, sorted); });
  }
  const RowGrid grid(rows, width);
  visit_unit(static_cast<Index>(item_size(l.other.dtype)), [&](auto unit) {
    using U = decltype(unit);
    launch(l.op, put_last<U>, grid.blocks, grid.threads, 0, sorted, static_cast<U*>(l.indexed.address()),
           static_cast<const U*>(l.other.address()));
  });
}

}  // namespace

void put(Scatter how, const Lookup& l) {
  if (l.other.numel() == 0) return;
  const Walk<3> walk = walk_of(l);
  if (how == Scatter::write && l.distinct) return put_distinct(l, walk);
  put_sorted(how, l, walk);
}

}  // namespace fastgrad::cuda
