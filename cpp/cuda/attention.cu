// Attention in tiles, with the softmax that goes along with them (M. Milakov, N. Gimelshein 2018; T. Dao et al. 2022):
// a block has a tile of queries and goes over the keys. Backward a block has a tile of keys for their gradients, or one
// of queries for theirs, so that no two blocks add to one number.
#include "cuda/rows.cuh"

namespace fastgrad::cuda {
namespace {

using namespace rows;

// A tile is a square of side * own rows and columns, of which each thread of a block has own x own.
constexpr int side = 16;
template <class T>
constexpr int own = sizeof(T) == 4 ? 4 : 2;
template <class T>
constexpr int tile = side * own<T>;
// Products add up so many terms between two loads of shared memory.
constexpr int depth = 32;

template <class T>
using Square = T[own<T>][own<T>];

// Rows of a tile; row c's packs are exchanged so that writing columns and reading rows meets all banks.
template <class T, int rows>
struct SharedTile {
  T v[rows][tile<T>];

  static __device__ int place(int c, int i) { return (i / own<T> ^ (c / own<T> & 7)) * own<T> + i % own<T>; }
  __device__ Pack<T, own<T>> pack(int c, int group) const { return load<own<T>>(v[c] + place(c, group * own<T>)); }
  __device__ void set_pack(int c, int group, const Pack<T, own<T>>& p) { store(v[c] + place(c, group * own<T>), p); }
  __device__ void set(int c, int i, T x) { v[c][place(c, i)] = x; }
};

template <class T>
struct Memory {
  SharedTile<T, depth> left, right;
  SharedTile<T, tile<T>> weights;
};

__device__ int own_row() { return static_cast<int>(threadIdx.y); }
__device__ int own_column() { return static_cast<int>(threadIdx.x); }
__device__ int own_thread() { return own_row() * side + own_column(); }

// Rows of a matrix in memory, of which the first `count` are there.
template <class T>
struct RowsOf {
  T* data;
  Index step;
  int count;
};

// The pack at row i from column c on; zeros beyond `columns` and the last row.
template <class T>
__device__ Pack<T, own<T>> padded(const RowsOf<const T>& x, int i, Index c, Index columns) {
  Pack<T, own<T>> p{};
  if (i >= x.count) return p;
  const T* const from = x.data + i * x.step + c;
  if (c + own<T> <= columns) return load_anywhere<own<T>>(from);
  for (int j = 0; j < own<T>; ++j) p.v[j] = c + j < columns ? from[j] : T{0};
  return p;
}

// to[c][i] = x[i][first + c]
template <class T>
__device__ void load_turned(SharedTile<T, depth>& to, const RowsOf<const T>& x, Index first, Index columns) {
  constexpr int packs = depth / own<T>;
  for (int e = own_thread(); e < tile<T> * packs; e += block_threads) {
    const int i = e / packs, c = e % packs * own<T>;
    const Pack<T, own<T>> p = padded(x, i, first + c, columns);
    for (int j = 0; j < own<T>; ++j) to.set(c + j, i, p.v[j]);
  }
}

// to[i][c] = x[i][first + c]
template <class T>
__device__ void load_straight(SharedTile<T, depth>& to, const RowsOf<const T>& x, Index first, Index columns) {
  for (int e = own_thread(); e < depth * side; e += block_threads) {
    const int i = e / side, group = e % side;
    to.set_pack(i, group, padded(x, i, first + group * own<T>, columns));
  }
}

template <class T>
__device__ void multiply_add(Square<T>& s, const Pack<T, own<T>>& a, const Pack<T, own<T>>& b) {
  for (int i = 0; i < own<T>; ++i) {
    for (int j = 0; j < own<T>; ++j) s[i][j] += a.v[i] * b.v[j];
  }
}

// s[i][j] = the sum over c < n of a[i][c] * b[j][c]
template <class T>
__device__ void scores(Square<T>& s, const RowsOf<const T>& a, const RowsOf<const T>& b, Index n, Memory<T>& memory) {
  for (int i = 0; i < own<T>; ++i) {
    for (int j = 0; j < own<T>; ++j) s[i][j] = 0;
  }
  for (Index first = 0; first < n; first += depth) {
    __syncthreads();
    load_turned(memory.left, a, first, n);
    load_turned(memory.right, b, first, n);
    __syncthreads();
#pragma unroll 8
    for (int c = 0; c < depth; ++c) {
      multiply_add<T>(s, memory.left.pack(c, own_row()), memory.right.pack(c, own_column()));
    }
  }
}

// sum[p][i][j] += the sum over k of weights[k][i] * b[k][first + p * tile + j], where b has the columns below n.
template <class T, int N>
__device__ void add_weighted(T (&sum)[N][own<T>][own<T>], const RowsOf<const T>& b, Index first, Index n,
                             Memory<T>& memory) {
#pragma unroll
  for (int p = 0; p < N; ++p) {
    for (int k = 0; k < tile<T> && k < b.count; k += depth) {
      __syncthreads();
      load_straight(memory.right, {b.data + k * b.step, b.step, b.count - k}, first + p * tile<T>, n);
      __syncthreads();
#pragma unroll 8
      for (int c = 0; c < depth; ++c) {
        multiply_add<T>(sum[p], memory.weights.pack(k + c, own_row()), memory.right.pack(c, own_column()));
      }
    }
  }
}

// to[i][first + p * tile + j] = sum[p][i][j] * factor[i]
template <class T, int N>
__device__ void write(const RowsOf<T>& to, const T (&sum)[N][own<T>][own<T>], const T (&factor)[own<T>], Index first,
                      Index n) {
#pragma unroll
  for (int p = 0; p < N; ++p) {
    for (int i = 0; i < own<T>; ++i) {
      const int row = own_row() * own<T> + i;
      if (row >= to.count) continue;
      for (int j = 0; j < own<T>; ++j) {
        const Index c = first + p * tile<T> + own_column() * own<T> + j;
        if (c < n) to.data[row * to.step + c] = sum[p][i][j] * factor[i];
      }
    }
  }
}

// A batch of matrices with contiguous rows.
template <class T>
struct Matrices {
  T* data;
  Index row;
  Geometry<1> batch;

  explicit Matrices(const Tensor& t)
      : data(rows::data<std::remove_const_t<T>>(t)), row(t.strides[t.dim() - 2]), batch(walk_of(t), 1) {}
  static Walk<1> walk_of(const Tensor& t) {
    Dims sizes(t.sizes), strides(t.strides);
    for (int i = 0; i < 2; ++i) {
      sizes.erase(sizes.size() - 1);
      strides.erase(strides.size() - 1);
    }
    return Walk<1>(sizes, {strides});
  }

  __device__ T* matrix(Index m) const {
    Index at[1];
    batch.locate_element(m, at);
    return data + at[0];
  }
  __device__ RowsOf<T> rows(Index m, Index first, Index end) const {
    const Index left = end - first;
    return {matrix(m) + first * row, row, static_cast<int>(left < tile<T> ? left : tile<T>)};
  }
};

// What hides keys from queries.
template <class T>
struct Mask {
  const bool* allowed = nullptr;
  const T* added = nullptr;
  Index query_step = 0, key_step = 0;
  Geometry<1> batch{Walk<1>({}, {Dims{}}), 1};
  bool is_causal;

  Mask(const Tensor* mask, bool causal) : is_causal(causal) {
    if (mask == nullptr) return;
    if (mask->dtype == DType::boolean) {
      allowed = data<bool>(*mask);
    } else {
      added = data<T>(*mask);
    }
    query_step = mask->strides[mask->dim() - 2];
    key_step = mask->strides[mask->dim() - 1];
    batch = Geometry<1>(Matrices<T>::walk_of(*mask), 1);
  }

  __device__ Index matrix(Index m) const {
    if (allowed == nullptr && added == nullptr) return 0;
    Index at[1];
    batch.locate_element(m, at);
    return at[0];
  }
  // A score under the mask, whose matrix begins at `at`.
  __device__ T apply(T score, Index at, Index query, Index key) const {
    const Index here = at + query * query_step + key * key_step;
    if (added != nullptr) score += added[here];
    const bool is_hidden = (allowed != nullptr && !allowed[here]) || (is_causal && key > query);
    return is_hidden ? lowest<T> : score;
  }
};

template <class T>
struct Problem {
  Matrices<const T> q, k, v;
  Mask<T> mask;
  T scale;
  Index queries, keys, features, values, group;  // so many neighbouring matrices of queries have the same keys
};

// The queries of a tile see the keys below this.
template <class T>
__device__ Index end_of_keys(const Problem<T>& p, Index first, int queries) {
  const Index seen = first + queries;
  return p.mask.is_causal && seen < p.keys ? seen : p.keys;
}

// ------------------------------------------------------------------------------------------------------------ forward

template <class T, int N>
__global__ void __launch_bounds__(block_threads) forward(Problem<T> p, Matrices<T> out, T* log_sum, Index tiles) {
  __shared__ Memory<T> memory;
  const Index matrix = blockIdx.x / tiles, kv = matrix / p.group;
  const Index first = (tiles - 1 - blockIdx.x % tiles) * tile<T>, column = blockIdx.y * Index{N * tile<T>};
  const RowsOf<const T> q = p.q.rows(matrix, first, p.queries);
  const Index end = end_of_keys(p, first, q.count), mask_at = p.mask.matrix(matrix);
  T result[N][own<T>][own<T>] = {}, largest[own<T>], sum[own<T>] = {};
  for (T& x : largest) x = lowest<T>;
  for (Index key = 0; key < end; key += tile<T>) {
    Square<T> s;
    const RowsOf<const T> k = p.k.rows(kv, key, end);
    scores<T>(s, q, k, p.features, memory);
    for (int i = 0; i < own<T>; ++i) {
      const int row = own_row() * own<T> + i;
      T here = lowest<T>;
      for (int j = 0; j < own<T>; ++j) {
        const int c = own_column() * own<T> + j;
        const bool is_there = row < q.count && c < k.count;
        s[i][j] = is_there ? p.mask.apply(s[i][j] * p.scale, mask_at, first + row, key + c) : lowest<T>;
        here = Larger{}(here, s[i][j]);
      }
      const T after = Larger{}(largest[i], over_lanes<side>(here, Larger{}));
      const T shift = after == lowest<T> ? T{0} : after;  // a query that saw nothing: exp(-infinity - 0) = 0
      T total = 0;
      for (int j = 0; j < own<T>; ++j) total += s[i][j] = exp(s[i][j] - shift);
      const T factor = exp(largest[i] - shift);
      sum[i] = sum[i] * factor + over_lanes<side>(total, Add{});
      largest[i] = after;
#pragma unroll
      for (int n = 0; n < N; ++n) {
        for (int j = 0; j < own<T>; ++j) result[n][i][j] *= factor;
      }
    }
    __syncthreads();
    for (int j = 0; j < own<T>; ++j) {
      Pack<T, own<T>> of_key;
      for (int i = 0; i < own<T>; ++i) of_key.v[i] = s[i][j];
      memory.weights.set_pack(own_column() * own<T> + j, own_row(), of_key);
    }
    add_weighted(result, p.v.rows(kv, key, end), column, p.values, memory);
  }
  T factor[own<T>];
  for (int i = 0; i < own<T>; ++i) {
    const int row = own_row() * own<T> + i;
    factor[i] = sum[i] == 0 ? T{0} : 1 / sum[i];
    if (row < q.count && own_column() == 0 && blockIdx.y == 0) {
      log_sum[matrix * p.queries + first + row] = sum[i] == 0 ? -lowest<T> : largest[i] + log(sum[i]);
    }
  }
  write(out.rows(matrix, first, p.queries), result, factor, column, p.values);
}

// ----------------------------------------------------------------------------------------------------------- backward

// dot[row] = the sum of g * out over the row: a warp for each.
template <class T>
__global__ void dots(T* dot, Matrices<const T> g, Matrices<const T> out, Index matrices, Index queries, Index n) {
  const Index number = thread_index() / warp_lanes, lane = threadIdx.x % warp_lanes;
  if (number >= matrices * queries) return;
  const Index m = number / queries, row = number - m * queries;
  const T *const a = g.matrix(m) + row * g.row, *const b = out.matrix(m) + row * out.row;
  T sum = 0;
  for (Index c = lane; c < n; c += warp_lanes) sum += a[c] * b[c];
  sum = over_lanes<warp_lanes>(sum, Add{});
  if (lane == 0) dot[number] = sum;
}

template <class T>
struct Upstream {
  Matrices<const T> g;
  const T *log_sum, *dot;
};

// The weights of a tile, and the gradient of the products of its queries and keys.
template <class T>
__device__ void tile_gradient(Square<T>& weight, Square<T>& d, const Problem<T>& p, const Upstream<T>& up, Index matrix,
                              Index first, Index key, Index end, Memory<T>& memory) {
  const Index kv = matrix / p.group, mask_at = p.mask.matrix(matrix);
  const RowsOf<const T> q = p.q.rows(matrix, first, p.queries), k = p.k.rows(kv, key, end);
  scores<T>(weight, q, k, p.features, memory);
  scores<T>(d, up.g.rows(matrix, first, p.queries), p.v.rows(kv, key, end), p.values, memory);
  for (int i = 0; i < own<T>; ++i) {
    const int row = own_row() * own<T> + i;
    const Index number = matrix * p.queries + first + row;
    const T shift = row < q.count ? up.log_sum[number] : T{0}, dot = row < q.count ? up.dot[number] : T{0};
    for (int j = 0; j < own<T>; ++j) {
      const int c = own_column() * own<T> + j;
      const bool is_there = row < q.count && c < k.count;
      const T w = is_there ? exp(p.mask.apply(weight[i][j] * p.scale, mask_at, first + row, key + c) - shift) : T{0};
      weight[i][j] = w;
      d[i][j] = is_there ? w * (d[i][j] - dot) * p.scale : T{0};
    }
  }
}

// memory.weights[query][key] = s
template <class T>
__device__ void keep_by_query(const Square<T>& s, Memory<T>& memory) {
  __syncthreads();
  for (int i = 0; i < own<T>; ++i) {
    Pack<T, own<T>> of_query;
    for (int j = 0; j < own<T>; ++j) of_query.v[j] = s[i][j];
    memory.weights.set_pack(own_row() * own<T> + i, own_column(), of_query);
  }
}

// memory.weights[key][query] = s
template <class T>
__device__ void keep_by_key(const Square<T>& s, Memory<T>& memory) {
  __syncthreads();
  for (int j = 0; j < own<T>; ++j) {
    Pack<T, own<T>> of_key;
    for (int i = 0; i < own<T>; ++i) of_key.v[i] = s[i][j];
    memory.weights.set_pack(own_column() * own<T> + j, own_row(), of_key);
  }
}

template <class T>
__device__ void set_ones(T (&factor)[own<T>]) {
  for (T& x : factor) x = 1;
}

template <class T, int N>
__global__ void __launch_bounds__(block_threads)
    backward_keys(Problem<T> p, Upstream<T> up, Matrices<T> dk, Matrices<T> dv, Index tiles) {
  __shared__ Memory<T> memory;
  const Index kv = blockIdx.x / tiles, key = blockIdx.x % tiles * tile<T>, column = blockIdx.y * Index{N * tile<T>};
  T of_key[N][own<T>][own<T>] = {}, of_value[N][own<T>][own<T>] = {};
  for (Index matrix = kv * p.group; matrix < (kv + 1) * p.group; ++matrix) {
    for (Index first = p.mask.is_causal ? key : 0; first < p.queries; first += tile<T>) {
      Square<T> weight, d;
      tile_gradient<T>(weight, d, p, up, matrix, first, key, p.keys, memory);
      keep_by_query<T>(weight, memory);
      add_weighted(of_value, up.g.rows(matrix, first, p.queries), column, p.values, memory);
      keep_by_query<T>(d, memory);
      add_weighted(of_key, p.q.rows(matrix, first, p.queries), column, p.features, memory);
    }
  }
  T ones[own<T>];
  set_ones(ones);
  write(dk.rows(kv, key, p.keys), of_key, ones, column, p.features);
  write(dv.rows(kv, key, p.keys), of_value, ones, column, p.values);
}

template <class T, int N>
__global__ void __launch_bounds__(block_threads)
    backward_queries(Problem<T> p, Upstream<T> up, Matrices<T> dq, Index tiles) {
  __shared__ Memory<T> memory;
  const Index matrix = blockIdx.x / tiles, first = (tiles - 1 - blockIdx.x % tiles) * tile<T>;
  const Index column = blockIdx.y * Index{N * tile<T>};
  const RowsOf<T> to = dq.rows(matrix, first, p.queries);
  const Index end = end_of_keys(p, first, to.count);
  T of_query[N][own<T>][own<T>] = {};
  for (Index key = 0; key < end; key += tile<T>) {
    Square<T> weight, d;
    tile_gradient<T>(weight, d, p, up, matrix, first, key, end, memory);
    keep_by_key<T>(d, memory);
    add_weighted(of_query, p.k.rows(matrix / p.group, key, end), column, p.features, memory);
  }
  T ones[own<T>];
  set_ones(ones);
  write(to, of_query, ones, column, p.features);
}

// Calls f(Width<N>, blocks across) for results of so many columns.
template <class T, class F>
void with_columns(Index columns, F f) {
  const Index wide = std::max<Index>(1, (columns + tile<T> - 1) / tile<T>);
  if (wide == 1) return f(Width<1>{}, 1U);
  if (wide == 2) return f(Width<2>{}, 1U);
  f(Width<4>{}, static_cast<unsigned>((wide + 3) / 4));
}

template <class T>
Problem<T> problem_of(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor* mask, bool is_causal,
                      double scale, Index matrices, Index kv_matrices) {
  const int d = query.dim();
  return {Matrices<const T>(query), Matrices<const T>(key),
          Matrices<const T>(value), Mask<T>(mask, is_causal),
          static_cast<T>(scale),    query.sizes[d - 2],
          key.sizes[key.dim() - 2], query.sizes[d - 1],
          value.sizes.back(),       matrices / std::max<Index>(1, kv_matrices)};
}

Index matrices_of(const Tensor& t) {
  Index n = 1;
  for (int d = 0; d + 2 < t.dim(); ++d) n *= t.sizes[d];
  return n;
}

constexpr dim3 square_block() { return dim3(side, side); }

}  // namespace

void attention(const Tensor& out, const Tensor& log_sum, const Tensor& query, const Tensor& key, const Tensor& value,
               const Tensor* mask, bool is_causal, double scale) {
  const Index matrices = matrices_of(query);
  if (log_sum.numel() == 0) return;
  visit_float(query.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Problem<T> p = problem_of<T>(query, key, value, mask, is_causal, scale, matrices, matrices_of(key));
    const Index tiles = (p.queries + tile<T> - 1) / tile<T>;
    with_columns<T>(p.values, [&](auto columns, unsigned across) {
      launch("attention", forward<T, decltype(columns)::value>, dim3(static_cast<unsigned>(matrices * tiles), across),
             square_block(), 0, p, Matrices<T>(out), data<T>(log_sum), tiles);
    });
  });
}

void attention_backward(const Tensor& dquery, const Tensor& dkey, const Tensor& dvalue, const Tensor& g,
                        const Tensor& result, const Tensor& log_sum, const Tensor& query, const Tensor& key,
                        const Tensor& value, const Tensor* mask, bool is_causal, double scale) {
  const char* const name = "attention_backward";
  const Index matrices = matrices_of(query), kv_matrices = matrices_of(key);
  visit_float(query.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Problem<T> p = problem_of<T>(query, key, value, mask, is_causal, scale, matrices, kv_matrices);
    const Index rows = matrices * p.queries, columns = std::max(p.features, p.values);
    const Tensor dot = empty({rows}, query.dtype);
    if (rows > 0) {
      launch(name, dots<T>, static_cast<unsigned>((rows * warp_lanes + block_threads - 1) / block_threads),
             block_threads, 0, data<T>(dot), Matrices<const T>(g), Matrices<const T>(result), matrices, p.queries,
             p.values);
    }
    const Upstream<T> up{Matrices<const T>(g), data<T>(log_sum), data<T>(dot)};
    const Index key_tiles = (p.keys + tile<T> - 1) / tile<T>, query_tiles = (p.queries + tile<T> - 1) / tile<T>;
    if (kv_matrices * key_tiles > 0) {
      with_columns<T>(columns, [&](auto wide, unsigned across) {
        launch(name, backward_keys<T, decltype(wide)::value>,
               dim3(static_cast<unsigned>(kv_matrices * key_tiles), across), square_block(), 0, p, up,
               Matrices<T>(dkey), Matrices<T>(dvalue), key_tiles);
      });
    }
    if (matrices * query_tiles > 0) {
      with_columns<T>(p.features, [&](auto wide, unsigned across) {
        launch(name, backward_queries<T, decltype(wide)::value>,
               dim3(static_cast<unsigned>(matrices * query_tiles), across), square_block(), 0, p, up,
               Matrices<T>(dquery), query_tiles);
      });
    }
  });
}

}  // namespace fastgrad::cuda
