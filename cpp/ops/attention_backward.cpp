// The gradients of attention. The weights are computed once more, tile by tile, from the logarithms of the sums of
// exponentials that the forward kept.
//
// A matrix of keys and its queries are a task. Where there are few matrices, queries and keys are cut into as many
// parts and the work into rounds: in each round part i of the keys meets another part of the queries, so that no two
// tasks add to the same gradient, and everything is added in the same order, however many threads there are.
#include "ops/attention.h"

namespace fastgrad::ops {
namespace attention {
namespace {

// About so many tasks at the same time.
constexpr Index wanted_tasks = 16;

template <class T>
struct Backward {
  const Shape& shape;
  Stack<T> q, k, v, out, g, dq, dk, dv;
  Mask<T> mask;
  T scale;
  const T* log_sum;
  Index parts;

  Index queries() const { return mask.queries_of_tile(shape); }
  Index tile() const { return queries() * std::min(key_block, shape.keys); }
  Index packed(Index columns) const { return packed_size<T>(queries(), columns); }
  Index scratch() const { return query_block + 3 * tile() + packed(shape.features) + packed(shape.values); }
  // Where part i of so many rows begins, in blocks.
  Index begin(Index i, Index rows, Index block) const {
    return std::min(rows, i * ((rows + block - 1) / block) / parts * block);
  }

  void clear(Index kv, Index part) const;
  void meet(Index kv, Index query_part, Index key_part, T* memory) const;
  void block(std::size_t matrix, std::size_t kv, Index first, Index n, Index key, Index end, T* memory) const;
};

template <class T>
void fill_rows(const Stack<T>& x, std::size_t matrix, Index begin, Index end, Index columns) {
  for (Index i = begin; i < end; ++i) std::fill_n(x.from(matrix, i), columns, T{0});
}

// Zeros for what belongs to a part.
template <class T>
void Backward<T>::clear(Index kv, Index part) const {
  const auto u = static_cast<std::size_t>(kv);
  const Index key = begin(part, shape.keys, key_block), key_end = begin(part + 1, shape.keys, key_block);
  fill_rows(dk, u, key, key_end, shape.features);
  fill_rows(dv, u, key, key_end, shape.values);
  for (Index m = kv * shape.group; m < (kv + 1) * shape.group; ++m) {
    fill_rows(dq, static_cast<std::size_t>(m), begin(part, shape.queries, query_block),
              begin(part + 1, shape.queries, query_block), shape.features);
  }
}

// What a part of the queries of all matrices of the group and a part of the keys give.
template <class T>
void Backward<T>::meet(Index kv, Index query_part, Index key_part, T* memory) const {
  const Index first = begin(query_part, shape.queries, query_block);
  const Index last = begin(query_part + 1, shape.queries, query_block);
  const Index key = begin(key_part, shape.keys, key_block), end = begin(key_part + 1, shape.keys, key_block);
  for (Index m = kv * shape.group; m < (kv + 1) * shape.group; ++m) {
    for (Index i = first; i < last; i += queries()) {
      const Index n = std::min(queries(), last - i), seen = std::min(end, mask.seen(shape, i, n));
      if (key < seen) block(static_cast<std::size_t>(m), static_cast<std::size_t>(kv), i, n, key, seen, memory);
    }
  }
}

// A block of n queries and the keys in [key, end).
template <class T>
void Backward<T>::block(std::size_t m, std::size_t kv, Index first, Index n, Index key, Index end, T* memory) const {
  const AttentionKernels<T>& kernel = kernels().template floats<T>().attention;
  const T *const rows = q.from(m, first), *const upstream = g.from(m, first);
  const T* const sums = log_sum + static_cast<Index>(m) * shape.queries + first;
  T *const dot = memory, *const p = dot + query_block, *const d = p + tile(), *const mask_tile = d + tile();
  T *const packed_q = mask_tile + tile(), *const packed_g = packed_q + packed(shape.features);
  T* const to = dq.from(m, first);
  pack_scaled(packed_q, rows, q.row, n, shape.features, scale);
  pack_rows(packed_g, upstream, g.row, n, shape.values);
  kernel.dots(dot, upstream, g.row, out.from(m, first), out.row, n, shape.values);
  for (Index keys; key < end; key += keys) {
    keys = std::min(key_block, end - key);
    multiply_packed(p, n, k.from(kv, key), k.row, packed_q, keys, n, shape.features);
    multiply_packed(d, n, v.from(kv, key), v.row, packed_g, keys, n, shape.values);
    mask.apply(p, n, m, first, n, key, keys, mask_tile);
    kernel.gradient(p, d, n, keys, n, sums, dot, scale);
    multiply_rows(dv.from(kv, key), dv.row, p, n, false, upstream, g.row, keys, shape.values, n, true);
    multiply_rows(dk.from(kv, key), dk.row, d, n, false, rows, q.row, keys, shape.features, n, true);
    multiply_rows(to, dq.row, d, n, true, k.from(kv, key), k.row, n, shape.features, keys, true);
  }
}

template <class T>
void run(const Backward<T>& backward, DType dtype) {
  const Shape& shape = backward.shape;
  const Index matrices = shape.kv_matrices(), parts = backward.parts, tasks = matrices * parts;
  const Index work = shape.group * shape.queries * shape.keys / parts / parts * (3 * shape.features + 2 * shape.values);
  const Tensor scratch = scratch_for(tasks, backward.scratch(), dtype);
  for (Index round = 0; round < parts; ++round) {
    for_tasks<T>(tasks, grain_of(work), scratch, backward.scratch(), [&](Index task, T* memory) {
      const Index kv = task / parts, part = task % parts;
      if (round == 0) backward.clear(kv, part);
      backward.meet(kv, (part + round) % parts, part, memory);
    });
  }
}

}  // namespace
}  // namespace attention

std::vector<Tensor> attention_backward(const Tensor& g, const Tensor& result, const Tensor& log_sum,
                                       const Tensor& query, const Tensor& key, const Tensor& value,
                                       const OptionalTensor& mask, bool is_causal, double scale, bool gqa) {
  using namespace attention;
  const char* const op = "attention_backward";
  const Shape shape = shape_of(op, query, key, value, mask, gqa);
  Dims rows(shape.batch);
  rows.push_back(shape.queries);
  Dims sizes(rows);
  sizes.push_back(shape.values);
  if (!(g.sizes == sizes) || !(result.sizes == sizes) || !(log_sum.sizes == rows) || g.dtype != query.dtype ||
      result.dtype != query.dtype || log_sum.dtype != query.dtype) {
    fail(op, ": expected the gradient and the result to be of shape ", sizes, " and ", dtype_name(query.dtype),
         ", got ", g.sizes, " and ", result.sizes, " of ", dtype_name(g.dtype), " and ", dtype_name(result.dtype));
  }
  const Tensor q = with_rows(query), k = with_rows(key), v = with_rows(value), upstream = with_rows(g);
  const Tensor y = with_rows(result), sums = contiguous(log_sum);
  const Tensor dq = empty_like_rows(query, shape.batch, shape.queries, shape.features);
  const Tensor dk = empty_like_rows(key, shape.kv_batch, shape.keys, shape.features);
  const Tensor dv = empty_like_rows(value, shape.kv_batch, shape.keys, shape.values);
  if (const Accelerator* cuda = accelerator_of(q)) {
    const Tensor seen = mask ? expanded(*mask, shape.batch, shape.queries, shape.keys) : Tensor{};
    cuda->attention_backward(dq, dk, dv, upstream, y, sums, expanded(q, shape.batch, shape.queries, shape.features),
                             expanded(k, shape.kv_batch, shape.keys, shape.features),
                             expanded(v, shape.kv_batch, shape.keys, shape.values), mask ? &seen : nullptr, is_causal,
                             scale);
    return {dq, dk, dv};
  }
  visit_dtype(q.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const Index matrices = std::max<Index>(1, shape.kv_matrices());
      const Backward<T> backward{shape,
                                 stack_of<T>(q, shape.batch),
                                 stack_of<T>(k, shape.kv_batch),
                                 stack_of<T>(v, shape.kv_batch),
                                 stack_of<T>(y, shape.batch),
                                 stack_of<T>(upstream, shape.batch),
                                 stack_of<T>(dq, shape.batch),
                                 stack_of<T>(dk, shape.kv_batch),
                                 stack_of<T>(dv, shape.kv_batch),
                                 Mask<T>(mask, shape, is_causal),
                                 static_cast<T>(scale),
                                 sums.data<T>(),
                                 std::max<Index>(1, wanted_tasks / matrices)};
      run(backward, q.dtype);
    }
  });
  return {dq, dk, dv};
}

}  // namespace fastgrad::ops
