// Normalization of rows (layer_norm, rms_norm), of channels over the batch (batch_norm) and of groups of channels.
//
// Variances are sums of squared differences from the mean, so that they do not cancel. What a channel's or a group's
// elements add up to is found in parts, one for each block, which are combined in a fixed order.
#include "cuda/rows.cuh"

namespace fastgrad::cuda {
namespace {

using namespace rows;

template <class... Tensors>
bool are_aligned(const Tensors&... all) {
  return (is_aligned(all.address()) && ...);
}

// --------------------------------------------------------------------------------------------------------------- rows

template <class T>
struct LayerNormRow {
  static constexpr int inputs = 1;
  T *y, *mean, *rstd;
  const T *x, *weight, *bias;
  T eps;

  __device__ const T* from(int) const { return x; }

  template <class R>
  __device__ void operator()(Index r, Index n, bool is_own, R& row) const {
    const T count = static_cast<T>(n);
    // The sum of small differences from an element is exact where the row is far from zero.
    const T any = mean == nullptr || n == 0 ? T{0} : x[r * n];
    const T m = mean == nullptr ? T{0} : any + row.sum([&](T v) { return v - any; }) / count;
    const T squares = row.sum([&](T v) { return (v - m) * (v - m); });
    const T scale = 1 / sqrt(squares / count + eps);
    if (is_own && row.is_first_thread()) {
      if (mean != nullptr) mean[r] = m;
      rstd[r] = scale;
    }
    T* const to = y + r * n;
    row.each([&](auto width, int i, const auto& packs) {
      constexpr int w = decltype(width)::value;
      Pack<T, w> v = packs[0];
      for (int j = 0; j < w; ++j) v.v[j] = (v.v[j] - m) * scale;
      if (weight != nullptr) {
        const Pack<T, w> factor = load_anywhere<w>(weight + i);
        for (int j = 0; j < w; ++j) v.v[j] *= factor.v[j];
      }
      if (bias != nullptr) {
        const Pack<T, w> shift = load_anywhere<w>(bias + i);
        for (int j = 0; j < w; ++j) v.v[j] += shift.v[j];
      }
      store(to + i, v);
    });
  }
};

// With h = (x - mean) * rstd and w = g * weight: dx = rstd * (w - average(w) - h * average(w * h)), where average(w) is
// 0 if nothing was subtracted.
template <class T>
struct LayerNormBackwardRow {
  static constexpr int inputs = 2;
  T* dx;
  const T *g, *x, *weight, *mean, *rstd;

  __device__ const T* from(int k) const { return k == 0 ? g : x; }

  template <class R>
  __device__ void operator()(Index r, Index n, bool, R& row) const {
    const T m = mean == nullptr ? T{0} : mean[r], scale = rstd[r], count = static_cast<T>(n);
    const auto weighted = [&](auto width, int i, const auto& upstream) {
      constexpr int w = decltype(width)::value;
      Pack<T, w> v = upstream;
      if (weight == nullptr) return v;
      const Pack<T, w> factor = load_anywhere<w>(weight + i);
      for (int j = 0; j < w; ++j) v.v[j] *= factor.v[j];
      return v;
    };
    T sum = 0, product = 0;
    row.each([&](auto width, int i, const auto& packs) {
      const auto v = weighted(width, i, packs[0]);
      for (int j = 0; j < decltype(width)::value; ++j) {
        sum += v.v[j];
        product += v.v[j] * ((packs[1].v[j] - m) * scale);
      }
    });
    const T a = mean == nullptr ? T{0} : row.over_group(sum, Add{}) / count, b = row.over_group(product, Add{}) / count;
    T* const to = dx + r * n;
    row.each([&](auto width, int i, const auto& packs) {
      auto v = weighted(width, i, packs[0]);
      for (int j = 0; j < decltype(width)::value; ++j) {
        v.v[j] = (v.v[j] - a - (packs[1].v[j] - m) * scale * b) * scale;
      }
      store(to + i, v);
    });
  }
};

// ---------------------------------------------------------------------------------------------- sums of matrix columns

template <class T>
struct Two {
  T a, b;
};

constexpr int column_lanes = 32, column_threads = 8;

// Sums term(r, c) of the columns of a matrix, of two numbers each; block (x, y) adds the rows from y * rows_each on.
template <class T, class Term>
__global__ void sum_columns(Term term, Index rows, Index rows_each, Index n, T* a, T* b) {
  __shared__ Two<T> of_thread[column_threads][column_lanes];
  const Index c = static_cast<Index>(blockIdx.x) * column_lanes + threadIdx.x;
  const Index begin = blockIdx.y * rows_each, end = begin + rows_each < rows ? begin + rows_each : rows;
  Two<T> mine{0, 0};
  if (c < n) {
#pragma unroll 4
    for (Index r = begin + threadIdx.y; r < end; r += column_threads) {
      const Two<T> found = term(r, c);
      mine.a += found.a;
      mine.b += found.b;
    }
  }
  of_thread[threadIdx.y][threadIdx.x] = mine;
  __syncthreads();
  if (threadIdx.y != 0 || c >= n) return;
  for (int i = 1; i < column_threads; ++i) {
    mine.a += of_thread[i][threadIdx.x].a;
    mine.b += of_thread[i][threadIdx.x].b;
  }
  if (a != nullptr) a[blockIdx.y * n + c] = mine.a;
  if (b != nullptr) b[blockIdx.y * n + c] = mine.b;
}

template <class T>
struct PartTerm {
  const T *a, *b;
  Index n;
  __device__ Two<T> operator()(Index r, Index c) const {
    return {a == nullptr ? T{0} : a[r * n + c], b == nullptr ? T{0} : b[r * n + c]};
  }
};

constexpr Index most_parts = 256, least_rows = 64;

// a[c] and b[c], which may be null, = the sums over all rows.
template <class T, class Term>
void add_columns(const char* name, const Term& term, Index rows, Index n, DType dtype, T* a, T* b) {
  if (n == 0) return;
  const Index across = (n + column_lanes - 1) / column_lanes, wanted = Index{multiprocessors()} * 8 / across + 1;
  const Index parts = std::clamp<Index>(std::min(wanted, rows / least_rows), 1, most_parts);
  const Index each = (rows + parts - 1) / parts;
  const dim3 block(column_lanes, column_threads);
  const auto grid = [&](Index y) { return dim3(static_cast<unsigned>(across), static_cast<unsigned>(y)); };
  if (parts == 1) return launch(name, sum_columns<T, Term>, grid(1), block, 0, term, rows, each, n, a, b);
  const Tensor scratch = empty({2 * parts * n}, dtype);
  T* const part_a = a == nullptr ? nullptr : data<T>(scratch);
  T* const part_b = b == nullptr ? nullptr : data<T>(scratch) + parts * n;
  launch(name, sum_columns<T, Term>, grid(parts), block, 0, term, rows, each, n, part_a, part_b);
  launch(name, sum_columns<T, PartTerm<T>>, grid(1), block, 0, PartTerm<T>{part_a, part_b, n}, parts, parts, n, a, b);
}

template <class T>
struct LayerNormTerm {
  const T *g, *x, *mean, *rstd;
  Index n;
  __device__ Two<T> operator()(Index r, Index c) const {
    const T upstream = g[r * n + c], m = mean == nullptr ? T{0} : mean[r];
    return {upstream * ((x[r * n + c] - m) * rstd[r]), upstream};
  }
};

// --------------------------------------------------------------------------------------------------------------- sets

// The mean of so many numbers, and the sum of their squared differences from it.
template <class T>
struct Moments {
  T count = 0, mean = 0, squares = 0;

  __device__ Moments operator+(const Moments& other) const {
    const T both = count + other.count;
    if (both == 0) return *this;
    const T d = other.mean - mean, share = other.count / both;
    return {both, mean + d * share, squares + other.squares + d * d * count * share};
  }
  template <int w>
  __device__ void add(const Pack<T, w>& x) {
    T sum = 0, apart = 0;
    for (int j = 0; j < w; ++j) sum += x.v[j];
    const T centre = sum * (T{1} / w);
    for (int j = 0; j < w; ++j) apart += (x.v[j] - centre) * (x.v[j] - centre);
    *this = *this + Moments{T{w}, centre, apart};
  }
};

// sum(g) and sum(g * (x - mean))
template <class T>
struct Products {
  T total = 0, product = 0;

  __device__ Products operator+(const Products& other) const { return {total + other.total, product + other.product}; }
};

template <class T>
__device__ Moments<T> exchanged(const Moments<T>& m, int step) {
  return {rows::exchanged(m.count, step), rows::exchanged(m.mean, step), rows::exchanged(m.squares, step)};
}
template <class T>
__device__ Products<T> exchanged(const Products<T>& p, int step) {
  return {rows::exchanged(p.total, step), rows::exchanged(p.product, step)};
}

template <int lanes, class S>
__device__ S sum_of_lanes(S x) {
  for (int step = lanes / 2; step > 0; step /= 2) x = x + exchanged(x, step);
  return x;
}

// What is added up of each element: add<w>(sum, set, at) takes the elements [at, at + w), which are the set's.
template <class T>
struct MomentsOf {
  using Sum = Moments<T>;
  const T* x;
  __device__ const T* where() const { return x; }
  template <int w>
  __device__ void add(Sum& sum, Index, Index at) const {
    sum.add(load<w>(x + at));
  }
};

template <class T>
struct ProductsOf {
  using Sum = Products<T>;
  const T *g, *x, *mean;
  Index sets_of_mean;  // so many neighbouring sets have one
  __device__ const T* where() const { return x; }
  template <int w>
  __device__ void add(Sum& sum, Index set, Index at) const {
    const T m = mean[set / sets_of_mean];
    const Pack<T, w> upstream = load<w>(g + at), v = load<w>(x + at);
    for (int j = 0; j < w; ++j) {
      sum.total += upstream.v[j];
      sum.product += upstream.v[j] * (v.v[j] - m);
    }
  }
};

// Sets of elements: set s has `runs` runs of `length` neighbours, which begin at s * set_step + r * run_step.
struct Sets {
  Index count, set_step, runs, run_step, length;
};

// A run is cut into pieces of at most so many elements.
constexpr Index piece = 8192;

// parts[set * gridDim.y + y] = the sum of every gridDim.y-th piece of a set. Threads with one y share pieces.
template <int W, class T, class Op>
__global__ void sum_runs(Op op, Sets sets, typename Op::Sum* parts) {
  using Sum = typename Op::Sum;
  __shared__ Sum of_warp[max_warps];
  const Index set = blockIdx.x, pieces_of_run = (sets.length + piece - 1) / piece, pieces = sets.runs * pieces_of_run;
  Sum mine{};
  for (Index p = static_cast<Index>(blockIdx.y) * blockDim.y + threadIdx.y; p < pieces;
       p += static_cast<Index>(gridDim.y) * blockDim.y) {
    const Index run = p / pieces_of_run, first = (p - run * pieces_of_run) * piece;
    const Index left = sets.length - first, at = set * sets.set_step + run * sets.run_step + first;
    for_each_pack<W>(op.where() + at, left < piece ? left : piece, threadIdx.x, blockDim.x,
                     [&](auto width, Index i) { op.template add<decltype(width)::value>(mine, set, at + i); });
  }
  mine = sum_of_lanes<warp_lanes>(mine);
  const unsigned thread = threadIdx.y * blockDim.x + threadIdx.x;
  if (thread % warp_lanes == 0) of_warp[thread / warp_lanes] = mine;
  __syncthreads();
  if (thread != 0) return;
  for (int w = 1; w < block_threads / warp_lanes; ++w) mine = mine + of_warp[w];
  parts[set * gridDim.y + blockIdx.y] = mine;
}

// The same where neighbours belong to other sets, or few belong to one: each thread has a column of the matrix
// (runs x columns), of which `length` neighbouring ones are a set. parts[column * gridDim.y + y].
template <class T, class Op>
__global__ void sum_set_columns(Op op, Sets sets, Index columns, typename Op::Sum* parts) {
  using Sum = typename Op::Sum;
  __shared__ Sum of_thread[column_threads][column_lanes];
  const Index c = static_cast<Index>(blockIdx.x) * column_lanes + threadIdx.x;
  Sum mine{};
  if (c < columns) {
    for (Index r = static_cast<Index>(blockIdx.y) * column_threads + threadIdx.y; r < sets.runs;
         r += static_cast<Index>(gridDim.y) * column_threads) {
      op.template add<1>(mine, c / sets.length, r * columns + c);
    }
  }
  of_thread[threadIdx.y][threadIdx.x] = mine;
  __syncthreads();
  if (threadIdx.y != 0 || c >= columns) return;
  for (int i = 1; i < column_threads; ++i) mine = mine + of_thread[i][threadIdx.x];
  parts[c * gridDim.y + blockIdx.y] = mine;
}

// A warp for each set adds up its parts; finish(set, sum).
template <class Sum, class Finish>
__global__ void finish_sets(Finish finish, const Sum* parts, Index each, Index sets) {
  const Index set = thread_index() / warp_lanes, lane = threadIdx.x % warp_lanes;
  if (set >= sets) return;
  Sum mine{};
  for (Index i = lane; i < each; i += warp_lanes) mine = mine + parts[set * each + i];
  mine = sum_of_lanes<warp_lanes>(mine);
  if (lane == 0) finish(set, mine);
}

// Shorter runs do not fill a warp.
constexpr Index long_run = 16;

// How many parts a sum of so many blocks' worth is cut into, so that the device is busy.
inline Index parts_for(Index blocks, Index most) {
  return std::clamp<Index>(Index{multiprocessors()} * 8 / blocks, 1, std::max<Index>(1, std::min(most, most_parts)));
}

// Calls finish(set, sum) for each of the sets.
template <class T, class Op, class Finish>
void for_sets(const char* name, const Op& op, const Sets& sets, bool aligned, const Finish& finish) {
  using Sum = typename Op::Sum;
  if (sets.count == 0) return;
  const bool by_column = sets.length < long_run && sets.set_step == sets.length && sets.runs > 1;
  const Index columns = by_column ? sets.count * sets.length : 0;
  const Index blocks = by_column ? (columns + column_lanes - 1) / column_lanes : sets.count;
  unsigned across = warp_lanes;
  while (across < block_threads && across * 4 < sets.length) across *= 2;
  const Index pieces = by_column ? sets.runs : sets.runs * ((sets.length + piece - 1) / piece);
  const Index at_once = by_column ? column_threads : block_threads / across;
  const Index parts = parts_for(std::max<Index>(1, blocks), pieces / (4 * at_once) + 1);
  const Index each = by_column ? parts * sets.length : parts;
  const Tensor scratch = empty({sets.count * each * Index{sizeof(Sum)}}, DType::uint8);
  auto* const of_part = static_cast<Sum*>(scratch.address());
  const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(parts));
  if (by_column) {
    launch(name, sum_set_columns<T, Op>, grid, dim3(column_lanes, column_threads), 0, op, sets, columns, of_part);
  } else {
    const dim3 block(across, block_threads / across);
    launch(name, aligned ? sum_runs<packed<T>, T, Op> : sum_runs<1, T, Op>, grid, block, 0, op, sets, of_part);
  }
  launch(name, finish_sets<Sum, Finish>,
         static_cast<unsigned>((sets.count * warp_lanes + block_threads - 1) / block_threads), block_threads, 0, finish,
         of_part, each, sets.count);
}

// ------------------------------------------------------------------------------------------------------ every element

// Which numbers an element of (batch, channels, inner) has: those of its channel, and those of the statistic that it
// belongs to, its channel's (per_statistic = 0) or that of so many neighbouring channels of one element of the batch.
struct Places {
  Index channels, inner, per_statistic;
};

// out[i] = op(i, channel, statistic), pack by pack; I is an integer that can count all elements.
template <int W, class I, class T, class Op>
__global__ void for_each_place(Op op, Places places, Index n, T* out) {
  const auto channels = static_cast<I>(places.channels), inner = static_cast<I>(places.inner);
  const auto per_statistic = static_cast<I>(places.per_statistic);
  const Index packs = (n + W - 1) / W;
  for (Index p = thread_index(); p < packs; p += thread_count()) {
    const Index first = p * W;
    I number = static_cast<I>(first) / inner, rest = static_cast<I>(first) - number * inner;
    I channel = number % channels, statistic = per_statistic == 0 ? channel : number / per_statistic;
    const auto numbers = [&] { return op.numbers(channel, statistic); };
    auto k = numbers();
    const auto step = [&] {
      if (++rest < inner) return;
      rest = 0;
      ++number;
      channel = channel + 1 == channels ? 0 : channel + 1;
      statistic = per_statistic == 0 ? channel : number / per_statistic;
      k = numbers();
    };
    if (first + W <= n) {
      const auto in = op.template read<W>(first);
      Pack<T, W> result;
      for (int j = 0; j < W; ++j) {
        result.v[j] = op(in, j, k);
        if (j + 1 < W) step();
      }
      store(out + first, result);
    } else {
      for (Index i = first; i < n; ++i) {
        out[i] = op(op.template read<1>(i), 0, k);
        if (i + 1 < n) step();
      }
    }
  }
}

template <class T, class Op>
void map_places(const char* name, const Op& op, const Places& places, const Tensor& out, bool aligned) {
  const Index n = out.numel();
  if (n == 0) return;
  constexpr int W = packed<T>;
  const bool is_small = n < (Index{1} << 31);
  const auto start = [&](auto kernel, int width) {
    launch(name, kernel, blocks_for((n + width - 1) / width), block_threads, 0, op, places, n, data<T>(out));
  };
  if (aligned) {
    start(is_small ? for_each_place<W, unsigned, T, Op> : for_each_place<W, Index, T, Op>, W);
  } else {
    start(is_small ? for_each_place<1, unsigned, T, Op> : for_each_place<1, Index, T, Op>, 1);
  }
}

// y = (x - mean) * (rstd * weight) + bias
template <class T>
struct Normalize {
  const T *x, *mean, *rstd, *weight, *bias;

  struct Numbers {
    T mean, scale, shift;
  };
  template <int w>
  __device__ Pack<T, w> read(Index i) const {
    return load<w>(x + i);
  }
  __device__ Numbers numbers(Index channel, Index statistic) const {
    return {mean[statistic], weight == nullptr ? rstd[statistic] : rstd[statistic] * weight[channel],
            bias == nullptr ? T{0} : bias[channel]};
  }
  template <int w>
  __device__ T operator()(const Pack<T, w>& v, int j, const Numbers& k) const {
    return (v.v[j] - k.mean) * k.scale + k.shift;
  }
};

// dx = g * (rstd * weight) + (x - mean) * b + c, where b and c belong to the statistic.
template <class T>
struct Gradient {
  const T *g, *x, *mean, *rstd, *weight, *b, *c;

  struct Numbers {
    T mean, a, b, c;
  };
  template <int w>
  __device__ Two<Pack<T, w>> read(Index i) const {
    return {load<w>(g + i), load<w>(x + i)};
  }
  __device__ Numbers numbers(Index channel, Index statistic) const {
    const T a = weight == nullptr ? rstd[statistic] : rstd[statistic] * weight[channel];
    return {mean[statistic], a, b == nullptr ? T{0} : b[statistic], c == nullptr ? T{0} : c[statistic]};
  }
  template <int w>
  __device__ T operator()(const Two<Pack<T, w>>& in, int j, const Numbers& k) const {
    return in.a.v[j] * k.a + ((in.b.v[j] - k.mean) * k.b + k.c);
  }
};

// ------------------------------------------------------------------------------------------------------ what sums give

template <class T>
struct Statistics {
  T *mean, *rstd, *running_mean, *running_var;  // the last two may be null
  double count, momentum, eps;

  __device__ void operator()(Index set, const Moments<T>& found) const {
    const double squares = found.squares;
    mean[set] = found.mean;
    rstd[set] = static_cast<T>(1 / sqrt(squares / count + eps));
    if (running_mean == nullptr) return;
    running_mean[set] = static_cast<T>((1 - momentum) * running_mean[set] + momentum * found.mean);
    running_var[set] = static_cast<T>((1 - momentum) * running_var[set] + momentum * squares / (count - 1));
  }
};

template <class T>
struct BatchNormSums {
  T *dweight, *dbias, *b, *c;  // the last two may be null
  const T *weight, *rstd;
  double count;

  __device__ void operator()(Index channel, const Products<T>& found) const {
    const double r = rstd[channel], a = r * (weight == nullptr ? 1 : static_cast<double>(weight[channel]));
    dweight[channel] = static_cast<T>(found.product * r);
    dbias[channel] = found.total;
    if (b == nullptr) return;
    b[channel] = static_cast<T>(-a * r * r * found.product / count);
    c[channel] = static_cast<T>(-a * found.total / count);
  }
};

template <class T>
struct KeepProducts {
  Products<T>* all;
  __device__ void operator()(Index set, const Products<T>& found) const { all[set] = found; }
};

// A warp for each group adds up what its channels have.
template <class T>
__global__ void group_factors(const Products<T>* found, const T* weight, const T* rstd, T* b, T* c, Index groups,
                              Index each, Index channels, double count) {
  const Index group = thread_index() / warp_lanes, lane = threadIdx.x % warp_lanes;
  if (group >= groups) return;
  double total = 0, product = 0;
  for (Index i = lane; i < each; i += warp_lanes) {
    const Index number = group * each + i;
    const double w = weight == nullptr ? 1 : static_cast<double>(weight[number % channels]);
    total += found[number].total * w;
    product += found[number].product * w;
  }
  total = over_lanes<warp_lanes>(total, Add{});
  product = over_lanes<warp_lanes>(product, Add{});
  const double r = rstd[group];
  if (lane != 0) return;
  b[group] = static_cast<T>(-r * r * r * product / count);
  c[group] = static_cast<T>(-r * total / count);
}

template <class T>
struct GroupNormTerm {
  const Products<T>* found;  // of each element of the batch and channel
  const T* rstd;
  Index channels, each;  // each: channels of a group
  __device__ Two<T> operator()(Index r, Index c) const {
    const Index number = r * channels + c;
    return {found[number].product * rstd[number / each], found[number].total};
  }
};

// (batch, channels, inner)
struct Image {
  Index batch, channels, inner = 1;

  explicit Image(const Tensor& x) : batch(x.sizes[0]), channels(x.sizes[1]) {
    for (int d = 2; d < x.dim(); ++d) inner *= x.sizes[d];
  }
  Index count() const { return std::max<Index>(1, batch * inner); }
  Sets channel_sets() const { return {channels, inner, batch, channels * inner, inner}; }
};

}  // namespace

void layer_norm(const Tensor& y, const Tensor& mean, const Tensor& rstd, const Tensor& x, const Tensor& weight,
                const Tensor& bias, Index n, double eps) {
  if (x.numel() == 0) return;
  visit_float(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const LayerNormRow<T> op{data<T>(y),         data_or_null<T>(mean),   data<T>(rstd),
                             data<T>(x),         data_or_null<T>(weight), data_or_null<T>(bias),
                             static_cast<T>(eps)};
    for_each_row<T>("layer_norm", op, x.numel() / n, n, are_aligned(x, y));
  });
}

void layer_norm_backward(const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& g, const Tensor& x,
                         const Tensor& weight, const Tensor& mean, const Tensor& rstd, Index n) {
  const char* const name = "layer_norm_backward";
  visit_float(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    T *const to_weight = data_or_null<T>(dweight), *const to_bias = data_or_null<T>(dbias);
    const Index rows = n == 0 ? 0 : x.numel() / n;
    const LayerNormBackwardRow<T> op{data<T>(dx),           data<T>(g),   data<T>(x), data_or_null<T>(weight),
                                     data_or_null<T>(mean), data<T>(rstd)};
    for_each_row<T>(name, op, rows, n, are_aligned(dx, g, x));
    if (to_weight == nullptr && to_bias == nullptr) return;
    const LayerNormTerm<T> term{data<T>(g), data<T>(x), data_or_null<T>(mean), data<T>(rstd), n};
    add_columns(name, term, rows, n, x.dtype, to_weight, to_bias);
  });
}

void group_norm(const Tensor& y, const Tensor& mean, const Tensor& rstd, const Tensor& x, const Tensor& weight,
                const Tensor& bias, double eps) {
  const char* const name = "group_norm";
  const Image image(x);
  const Index groups = mean.sizes[1], each = image.channels / groups, n = each * image.inner;
  visit_float(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Statistics<T> finish{data<T>(mean), data<T>(rstd), nullptr, nullptr, static_cast<double>(n), 0, eps};
    for_sets<T>(name, MomentsOf<T>{data<T>(x)}, {image.batch * groups, n, 1, 0, n}, are_aligned(x), finish);
    const Normalize<T> op{data<T>(x), data<T>(mean), data<T>(rstd), data_or_null<T>(weight), data_or_null<T>(bias)};
    map_places<T>(name, op, {image.channels, image.inner, each}, y, are_aligned(x, y));
  });
}

void group_norm_backward(const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& g, const Tensor& x,
                         const Tensor& weight, const Tensor& mean, const Tensor& rstd) {
  const char* const name = "group_norm_backward";
  const Image image(x);
  const Index groups = mean.sizes[1], each = image.channels / groups, all = image.batch * groups;
  const Index channels = image.batch * image.channels;
  visit_float(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Tensor sums = empty({channels * 2}, x.dtype), factors = empty({2, all}, x.dtype);
    auto* const found = static_cast<Products<T>*>(sums.address());
    T *const b = data<T>(factors), *const c = b + all;
    const T* const w = data_or_null<T>(weight);
    for_sets<T>(name, ProductsOf<T>{data<T>(g), data<T>(x), data<T>(mean), each},
                {channels, image.inner, 1, 0, image.inner}, are_aligned(g, x), KeepProducts<T>{found});
    if (all > 0) {
      launch(name, group_factors<T>, static_cast<unsigned>((all * warp_lanes + block_threads - 1) / block_threads),
             block_threads, 0, found, w, data<T>(rstd), b, c, all, each, image.channels,
             static_cast<double>(each * image.inner));
    }
    add_columns(name, GroupNormTerm<T>{found, data<T>(rstd), image.channels, each}, image.batch, image.channels,
                x.dtype, data<T>(dweight), data<T>(dbias));
    const Gradient<T> op{data<T>(g), data<T>(x), data<T>(mean), data<T>(rstd), w, b, c};
    map_places<T>(name, op, {image.channels, image.inner, each}, dx, are_aligned(dx, g, x));
  });
}

void batch_statistics(const Tensor& mean, const Tensor& rstd, const Tensor& x, const Tensor& running_mean,
                      const Tensor& running_var, double momentum, double eps) {
  const Image image(x);
  visit_float(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const bool moves = x.numel() > 0;
    const Statistics<T> finish{data<T>(mean),
                               data<T>(rstd),
                               moves ? data_or_null<T>(running_mean) : nullptr,
                               moves ? data_or_null<T>(running_var) : nullptr,
                               static_cast<double>(image.count()),
                               momentum,
                               eps};
    for_sets<T>("batch_norm", MomentsOf<T>{data<T>(x)}, image.channel_sets(), are_aligned(x), finish);
  });
}

void batch_normalize(const Tensor& y, const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& weight,
                     const Tensor& bias) {
  const Image image(x);
  visit_float(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Normalize<T> op{data<T>(x), data<T>(mean), data<T>(rstd), data_or_null<T>(weight), data_or_null<T>(bias)};
    map_places<T>("batch_norm", op, {image.channels, image.inner, 0}, y, are_aligned(x, y));
  });
}

void batch_norm_backward(const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& g, const Tensor& x,
                         const Tensor& weight, const Tensor& mean, const Tensor& rstd, bool training) {
  const char* const name = "batch_norm_backward";
  const Image image(x);
  visit_float(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Tensor factors = empty({2, training ? image.channels : 0}, x.dtype);
    T *const b = training ? data<T>(factors) : nullptr, *const c = training ? b + image.channels : nullptr;
    const T* const w = data_or_null<T>(weight);
    const BatchNormSums<T> finish{
        data<T>(dweight), data<T>(dbias), b, c, w, data<T>(rstd), static_cast<double>(image.count())};
    for_sets<T>(name, ProductsOf<T>{data<T>(g), data<T>(x), data<T>(mean), 1}, image.channel_sets(), are_aligned(g, x),
                finish);
    const Gradient<T> op{data<T>(g), data<T>(x), data<T>(mean), data<T>(rstd), w, b, c};
    map_places<T>(name, op, {image.channels, image.inner, 0}, dx, are_aligned(dx, g, x));
  });
}

}  // namespace fastgrad::cuda
