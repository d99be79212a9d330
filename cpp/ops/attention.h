// What the forward and the backward of attention (attention*.cpp) share: the operands as stacks of matrices, the blocks
// that the scores are cut into, and the products of a tile.
//
// Tiles of scores have a row for each key and a column for each query, so that keys and values are read where they lie
// in all products, and only the block of queries (and in the backward that of their gradients) is packed, once for all
// keys. No more scores exist than one tile for each thread.
#pragma once

#include <algorithm>
#include <vector>

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"
#include "ops/slots.h"

namespace fastgrad::ops::attention {

// A tile's queries and keys at most. With the packed queries it fills half of a second-level cache; 48 and 96 queries
// are whole panels of the matrix product for every instruction set. Under a causal mask a tile has half of the queries:
// fewer scores on the diagonal are computed for nothing.
inline constexpr Index query_block = 96, key_block = 128;

// Matrices of equal size whose rows are contiguous; number i begins at data + at[i].
template <class T>
struct Stack {
  T* data;
  Index row;
  std::vector<Index> at;

  T* from(std::size_t matrix, Index first) const { return data + at[matrix] + first * row; }
};

// The shapes of a call. All queries' matrices are numbered; `group` neighbours share a matrix of keys and values.
struct Shape {
  Dims batch, kv_batch;  // of the queries' and of the keys' and values' matrices
  Index queries, keys, features, values, group;

  Index matrices() const { return numel_of(batch); }
  Index kv_matrices() const { return numel_of(kv_batch); }
};

// Checks that the operands fit together.
Shape shape_of(const char* op, const Tensor& q, const Tensor& k, const Tensor& v, const OptionalTensor& mask, bool gqa);

// The tensor, or a copy, with contiguous rows.
Tensor with_rows(const Tensor& x);

// An uninitialised tensor (batch..., rows, columns), in memory in the order of x where that has the same batch.
Tensor empty_like_rows(const Tensor& x, const Dims& batch, Index rows, Index columns);

// Where each matrix of a batch begins in x.
std::vector<Index> offsets_of(const Tensor& x, const Dims& batch);

// The matrices of a batch, which x broadcasts to, as a view.
Tensor expanded(const Tensor& x, const Dims& batch, Index rows, Index columns);

template <class T>
Stack<T> stack_of(const Tensor& x, const Dims& batch) {
  return {x.data<T>(), x.strides[x.dim() - 2], offsets_of(x, batch)};
}

// The mask of a call: for each of the queries' matrices a matrix (queries, keys) with any strides.
template <class T>
struct Mask {
  const bool* allowed = nullptr;
  const T* added = nullptr;
  Index key_step = 0, query_step = 0;
  std::vector<Index> at;
  bool is_causal;

  Mask(const OptionalTensor& mask, const Shape& shape, bool causal) : is_causal(causal) {
    if (!mask) return;
    if (mask->dtype == DType::boolean) {
      allowed = mask->data<bool>();
    } else {
      added = mask->data<T>();
    }
    const auto step = [&](int d) { return d < 0 || mask->sizes[d] == 1 ? Index{0} : mask->strides[d]; };
    key_step = step(mask->dim() - 1);
    query_step = step(mask->dim() - 2);
    at = offsets_of(*mask, shape.batch);
  }

  // How many queries a tile has.
  Index queries_of_tile(const Shape& shape) const {
    return std::min(is_causal ? query_block / 2 : query_block, shape.queries);
  }

  // How many keys the queries from `first` on see at most.
  Index seen(const Shape& shape, Index first, Index queries) const {
    return is_causal ? std::min(shape.keys, first + queries) : shape.keys;
  }

  // Masks a tile. The scratch memory holds another.
  void apply(T* s, Index stride, std::size_t matrix, Index first, Index queries, Index key, Index keys,
             T* scratch) const {
    const bool crosses = is_causal && key + keys - 1 > first;
    if (at.empty() && !crosses) return;
    AttentionMask<T> part{nullptr, nullptr, key_step, query_step, is_causal ? first - key : keys};
    if (!at.empty()) {
      const Index begin = at[matrix] + first * query_step + key * key_step;
      if (allowed != nullptr) part.allowed = turned(allowed + begin, part, keys, queries, scratch);
      if (added != nullptr) part.added = turned(added + begin, part, keys, queries, scratch);
    }
    kernels().floats<T>().attention.mask(s, stride, keys, queries, part);
  }

 private:
  // A tile of a mask whose rows are contiguous along the keys is turned round, as the scores are.
  template <class S>
  static const S* turned(const S* from, AttentionMask<T>& part, Index keys, Index queries, T* scratch) {
    if (part.key_step != 1 || part.query_step < 2) return from;
    constexpr int size = sizeof(S) == 1 ? 0 : sizeof(S) == 4 ? 2 : 3;
    kernels().transpose[size](scratch, from, keys, queries, queries, part.query_step);
    part.key_step = queries;
    part.query_step = 1;
    return reinterpret_cast<const S*>(scratch);
  }
};

// c (m x n) = or += a b, where a's rows are contiguous, or its columns (turned); b's rows are contiguous.
template <class T>
void multiply_rows(T* c, Index ldc, const T* a, Index lda, bool turned, const T* b, Index ldb, Index m, Index n,
                   Index k, bool add) {
  const MatmulKernels<T>& kernel = kernels().floats<T>().matmul;
  const Panels<T> left = turned ? Panels<T>{a, kernel.tile_rows, 1, lda} : Panels<T>{a, kernel.tile_rows * lda, lda, 1};
  kernel.multiply(c, ldc, left, {b, kernel.tile_columns, 1, ldb}, m, n, k, add);
}

// Elements of a packed block of queries, rounded up to whole panels and cache lines.
template <class T>
Index packed_size(Index queries, Index columns) {
  const Index width = kernels().floats<T>().matmul.tile_columns;
  return ((queries + width - 1) / width * width * columns + 15) / 16 * 16;
}

// A block of rows, turned round and packed as the right factor of products.
template <class T>
void pack_rows(T* to, const T* from, Index row, Index rows, Index columns) {
  kernels().floats<T>().matmul.pack(to, from, row, 1, rows, kernels().floats<T>().matmul.tile_columns, columns);
}
// The same times a number: queries that are scaled give scaled scores.
template <class T>
void pack_scaled(T* to, const T* from, Index row, Index rows, Index columns, T scale) {
  pack_rows(to, from, row, rows, columns);
  kernels().floats<T>().attention.scale_rows(to, 0, &scale, 1, packed_size<T>(rows, columns));
}
template <class T>
void multiply_packed(T* c, Index ldc, const T* a, Index lda, const T* packed, Index m, Index n, Index k) {
  const MatmulKernels<T>& kernel = kernels().floats<T>().matmul;
  kernel.multiply(c, ldc, {a, kernel.tile_rows * lda, lda, 1},
                  {packed, kernel.tile_columns * k, 1, kernel.tile_columns}, m, n, k, false);
}

// Calls f(task, memory) for all tasks, with scratch memory of `size` elements that is the task's own.
template <class T, class F>
void for_tasks(Index tasks, Index grain, const Tensor& scratch, Index size, const F& f) {
  Slots slots(scratch.numel() / std::max<Index>(1, size));
  parallel_for(0, tasks, grain, [&](Index begin, Index end) {
    const Index slot = slots.take();
    for (Index task = begin; task < end; ++task) f(task, scratch.data<T>() + slot * size);
    slots.give_back(slot);
  });
}
inline Tensor scratch_for(Index tasks, Index size, DType dtype) {
  const Index threads = std::min<Index>({tasks, num_threads(), most_slots});
  return empty({std::max<Index>(1, threads) * size}, dtype);
}

// How many of tasks of `work` multiply-adds are worth a thread.
inline Index grain_of(Index work) { return std::max<Index>(1, (1 << 17) / std::max<Index>(1, work)); }

}  // namespace fastgrad::ops::attention
