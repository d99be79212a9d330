// Attention in tiles: softmax(q k^T scale + mask) v without the matrix of scores. Each block of queries goes over the
// blocks of keys; the largest score and the sum of exponentials up to now make older sums smaller where a larger score
// comes (M. Milakov, N. Gimelshein 2018; T. Dao et al. 2022).
#include "ops/attention.h"

#include <limits>

namespace fastgrad::ops {
namespace attention {
namespace {

// The dimensions before the last `core` ones.
Dims batch_of(const Tensor& x, int core) {
  Dims batch(x.sizes);
  for (; core > 0 && batch.size() > 0; --core) batch.erase(batch.size() - 1);
  return batch;
}

}  // namespace

Shape shape_of(const char* op, const Tensor& q, const Tensor& k, const Tensor& v, const OptionalTensor& mask,
               bool gqa) {
  const int least = gqa ? 3 : 2;
  if (std::min({q.dim(), k.dim(), v.dim()}) < least || !is_floating(q.dtype) || q.dtype != k.dtype ||
      q.dtype != v.dtype) {
    fail(op, ": expected query, key and value of one floating dtype with at least ", least, " dimensions, got ",
         q.sizes, ", ", k.sizes, " and ", v.sizes, " of ", dtype_name(q.dtype), ", ", dtype_name(k.dtype), " and ",
         dtype_name(v.dtype));
  }
  Shape shape;
  shape.queries = q.sizes[q.dim() - 2], shape.keys = k.sizes[k.dim() - 2];
  shape.features = q.sizes.back(), shape.values = v.sizes.back();
  shape.group = 1;
  if (k.sizes.back() != shape.features || v.sizes[v.dim() - 2] != shape.keys) {
    fail(op, ": expected a query (..., L, E), a key (..., S, E) and a value (..., S, Ev), got ", q.sizes, ", ", k.sizes,
         " and ", v.sizes);
  }
  shape.batch = broadcast_shapes(op, broadcast_shapes(op, batch_of(q, least), batch_of(k, least)), batch_of(v, least));
  if (mask) shape.batch = broadcast_shapes(op, shape.batch, batch_of(*mask, least));
  shape.kv_batch = shape.batch;
  if (gqa) {
    const Index heads = q.sizes[q.dim() - 3], kv_heads = k.sizes[k.dim() - 3];
    if (kv_heads == 0 || heads % kv_heads != 0 || v.sizes[v.dim() - 3] != kv_heads) {
      fail(op, ": the number of heads of key and value must be one that divides the query's, got ", q.sizes, ", ",
           k.sizes, " and ", v.sizes);
    }
    shape.batch.push_back(heads);
    shape.kv_batch.push_back(kv_heads);
    shape.group = heads / kv_heads;
  }
  if (mask) {
    Dims scores(shape.batch);
    scores.push_back(shape.queries);
    scores.push_back(shape.keys);
    if ((mask->dtype != DType::boolean && mask->dtype != q.dtype) ||
        !(broadcast_shapes(op, scores, mask->sizes) == scores)) {
      fail(op, ": expected a mask of bool or ", dtype_name(q.dtype), " that broadcasts to ", scores, ", got ",
           mask->sizes, " of ", dtype_name(mask->dtype));
    }
  }
  return shape;
}

Tensor with_rows(const Tensor& x) { return x.sizes.back() <= 1 || x.strides.back() == 1 ? x : contiguous(x); }

Tensor empty_like_rows(const Tensor& x, const Dims& batch, Index rows, Index columns) {
  Dims sizes(batch);
  sizes.push_back(rows);
  sizes.push_back(columns);
  const Tensor out = empty(sizes, x.dtype);
  const int n = sizes.size();
  if (x.dim() != n) return out;
  for (int d = 0; d + 2 < n; ++d) {
    if (x.sizes[d] != sizes[d] || (x.strides[d] == 0 && sizes[d] > 1)) return out;
  }
  const Dims order = memory_order(x);
  if (order.back() != n - 1) return out;
  Dims strides(n);
  Index step = 1;
  for (int i = n - 1; i >= 0; --i) {
    const int d = static_cast<int>(order[i]);
    strides[d] = step;
    step *= std::max<Index>(1, sizes[d]);
  }
  return out.view(sizes, strides, 0);
}

Tensor expanded(const Tensor& x, const Dims& batch, Index rows, Index columns) {
  Dims sizes(batch);
  sizes.push_back(rows);
  sizes.push_back(columns);
  return x.view(sizes, broadcast_strides(x, sizes), x.offset);
}

std::vector<Index> offsets_of(const Tensor& x, const Dims& batch) {
  Dims strides(batch.size());
  for (int d = x.dim() - 3, to = batch.size() - 1; d >= 0; --d, --to) strides[to] = x.sizes[d] == 1 ? 0 : x.strides[d];
  std::vector<Index> at(static_cast<std::size_t>(numel_of(batch)));
  Index i = 0;
  for (Index& offset : at) {
    Index rest = i++;
    offset = 0;
    for (int d = batch.size() - 1; d >= 0; --d) {
      offset += rest % batch[d] * strides[d];
      rest /= batch[d];
    }
  }
  return at;
}

namespace {

template <class T>
struct Forward {
  const Shape& shape;
  Stack<T> q, k, v, out;
  Mask<T> mask;
  T scale;
  T* log_sum;

  Index queries() const { return mask.queries_of_tile(shape); }
  Index tile() const { return queries() * std::min(key_block, shape.keys); }
  Index scratch() const { return packed_size<T>(queries(), shape.features) + 2 * tile() + 3 * query_block; }
  void block(Index matrix, Index first, T* memory) const;
};

template <class T>
void Forward<T>::block(Index matrix, Index first, T* memory) const {
  const AttentionKernels<T>& kernel = kernels().template floats<T>().attention;
  const auto m = static_cast<std::size_t>(matrix), kv = static_cast<std::size_t>(matrix / shape.group);
  const Index n = std::min(queries(), shape.queries - first), seen = mask.seen(shape, first, n);
  T *const sum = memory, *const factor = sum + query_block, *const largest = factor + query_block;
  T *const s = largest + query_block, *const mask_tile = s + tile(), *const packed = mask_tile + tile();
  T* const to = out.from(m, first);
  pack_scaled(packed, q.from(m, first), q.row, n, shape.features, scale);
  std::fill_n(largest, n, -std::numeric_limits<T>::infinity());
  std::fill_n(sum, n, T{0});
  for (Index key = 0; key < seen; key += key_block) {
    const Index keys = std::min(key_block, seen - key);
    multiply_packed(s, n, k.from(kv, key), k.row, packed, keys, n, shape.features);
    mask.apply(s, n, m, first, n, key, keys, mask_tile);
    kernel.softmax(s, n, keys, n, largest, sum, factor);
    if (key > 0) kernel.scale_rows(to, out.row, factor, n, shape.values);
    multiply_rows(to, out.row, s, n, true, v.from(kv, key), v.row, n, shape.values, keys, key > 0);
  }
  if (seen == 0) {
    for (Index i = 0; i < n; ++i) std::fill_n(to + i * out.row, shape.values, T{0});
  }
  kernel.finish(largest, sum, factor, n);
  kernel.scale_rows(to, out.row, factor, n, shape.values);
  std::copy_n(largest, n, log_sum + matrix * shape.queries + first);
}

}  // namespace
}  // namespace attention

std::pair<Tensor, Tensor> attention_forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                            const OptionalTensor& mask, bool is_causal, double scale, bool gqa) {
  using namespace attention;
  const Shape shape = shape_of("attention", query, key, value, mask, gqa);
  const Tensor q = with_rows(query), k = with_rows(key), v = with_rows(value);
  const Tensor out = empty_like_rows(query, shape.batch, shape.queries, shape.values);
  Dims rows(shape.batch);
  rows.push_back(shape.queries);
  const Tensor log_sum = empty(rows, q.dtype);
  if (const Accelerator* cuda = accelerator_of(q)) {
    const Tensor seen = mask ? expanded(*mask, shape.batch, shape.queries, shape.keys) : Tensor{};
    cuda->attention(out, log_sum, expanded(q, shape.batch, shape.queries, shape.features),
                    expanded(k, shape.kv_batch, shape.keys, shape.features),
                    expanded(v, shape.kv_batch, shape.keys, shape.values), mask ? &seen : nullptr, is_causal, scale);
    return {out, log_sum};
  }
  visit_dtype(q.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const Forward<T> forward{shape,
                               stack_of<T>(q, shape.batch),
                               stack_of<T>(k, shape.kv_batch),
                               stack_of<T>(v, shape.kv_batch),
                               stack_of<T>(out, shape.batch),
                               Mask<T>(mask, shape, is_causal),
                               static_cast<T>(scale),
                               log_sum.data<T>()};
      const Index n = std::max<Index>(1, forward.queries()), blocks = (shape.queries + n - 1) / n;
      const Index tasks = shape.matrices() * blocks;
      const Index work = n * shape.keys * (shape.features + shape.values + 16);
      const Tensor scratch = scratch_for(tasks, forward.scratch(), q.dtype);
      for_tasks<T>(tasks, grain_of(work), scratch, forward.scratch(),
                   [&](Index task, T* memory) { forward.block(task / blocks, task % blocks * n, memory); });
    }
  });
  return {out, log_sum};
}

}  // namespace fastgrad::ops
