// What kernels over contiguous rows share: reductions in a fixed order, and passes by packs of 16 bytes.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/tensor.h"
#include "cuda/elementwise.cuh"
#include "cuda/families.h"
#include "cuda/launch.cuh"

namespace fastgrad::cuda::rows {

constexpr int warp_lanes = 32;
constexpr int max_warps = 32;

template <class T>
constexpr T lowest = -std::numeric_limits<T>::infinity();

// How many elements of T fill 16 bytes.
template <class T>
constexpr int packed = 16 / static_cast<int>(sizeof(T));

// Tells a function how many elements it gets.
template <int n>
struct Width {
  static constexpr int value = n;
};

struct Add {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

// The larger one; the other one if one is NaN.
struct Larger {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
  __device__ double operator()(double a, double b) const { return fmax(a, b); }
};

// ------------------------------------------------------------------------------------------------------- reductions

// The number of the lane at a distance.
__device__ inline float exchanged(float x, int step) { return __shfl_xor_sync(0xffffffffU, x, step); }
__device__ inline double exchanged(double x, int step) { return __shfl_xor_sync(0xffffffffU, x, step); }

// Over neighbouring lanes, a power of two of them. All get the same bits where combine(a, b) == combine(b, a).
template <int lanes, class T, class F>
__device__ T over_lanes(T x, F combine) {
  for (int step = lanes / 2; step > 0; step /= 2) x = combine(x, exchanged(x, step));
  return x;
}

template <class T, class F>
__device__ T over_block(T x, F combine) {
  __shared__ T of_warp[max_warps];
  x = over_lanes<warp_lanes>(x, combine);
  if (threadIdx.x % warp_lanes == 0) of_warp[threadIdx.x / warp_lanes] = x;
  __syncthreads();
  const int warps = static_cast<int>(blockDim.x) / warp_lanes;
  x = of_warp[0];
  for (int w = 1; w < warps; ++w) x = combine(x, of_warp[w]);
  __syncthreads();
  return x;
}

// ------------------------------------------------------------------------------------------------------------- passes

template <int w, class T>
__device__ Pack<T, w> load(const T* from) {
  return *reinterpret_cast<const Pack<T, w>*>(from);
}
template <class T, int w>
__device__ void store(T* to, const Pack<T, w>& pack) {
  *reinterpret_cast<Pack<T, w>*>(to) = pack;
}

// The same wherever it lies.
template <int w, class T>
__device__ Pack<T, w> load_anywhere(const T* from) {
  if (reinterpret_cast<std::uintptr_t>(from) % (sizeof(T) * w) == 0) return load<w>(from);
  Pack<T, w> pack;
  for (int i = 0; i < w; ++i) pack.v[i] = from[i];
  return pack;
}

// The largest of the elements seen up to now, and the sum of all exp(x - largest), which is NaN after an infinity or a
// NaN. Those of -infinity add nothing.
template <class T>
struct Exponentials {
  T largest = lowest<T>, sum = 0;

  template <int w>
  __device__ void add(const Pack<T, w>& x) {
    T both = largest;
    for (int j = 0; j < w; ++j) both = Larger{}(both, x.v[j]);
    if (both > largest) sum *= exp(largest - both);
    largest = both;
    for (int j = 0; j < w; ++j) sum += x.v[j] == lowest<T> ? T{0} : exp(x.v[j] - largest);
  }
  __device__ void add(const Exponentials& other) {
    const T both = Larger{}(largest, other.largest);
    if (both == lowest<T>) {  // nothing but -infinity, or NaN
      sum += other.sum;
      return;
    }
    sum = sum * exp(largest - both) + other.sum * exp(other.largest - both);
    largest = both;
  }
};

template <int lanes, class T>
__device__ Exponentials<T> exponentials_of_lanes(const Exponentials<T>& mine) {
  const T largest = over_lanes<lanes>(mine.largest, Larger{});
  const T sum = largest == lowest<T> ? mine.sum : mine.sum * exp(mine.largest - largest);
  return {largest, over_lanes<lanes>(sum, Add{})};
}
template <class T>
__device__ Exponentials<T> exponentials_of_block(const Exponentials<T>& mine) {
  const T largest = over_block(mine.largest, Larger{});
  const T sum = largest == lowest<T> ? mine.sum : mine.sum * exp(mine.largest - largest);
  return {largest, over_block(sum, Add{})};
}

// How a row of n elements is cut: up to the first multiple of W elements in memory, packs, and the rest.
template <int W, class I>
struct Cut {
  I head, packs;

  template <class T>
  __device__ Cut(const T* row, I n) {
    const I misplaced = static_cast<I>(reinterpret_cast<std::uintptr_t>(row) / sizeof(T) % W);
    head = misplaced == 0 ? 0 : W - misplaced;
    if (head > n) head = n;
    packs = (n - head) / W;
  }
  __device__ I rest() const { return head + packs * W; }
};

// f(Width<w>{}, i) for the elements [i, i + w) of a row that are this thread's; `threads` is at least W.
template <int W, class T, class F>
__device__ void for_each_pack(const T* row, Index n, Index thread, Index threads, F f) {
  const Cut<W, Index> cut(row, n);
  if (W > 1 && thread < cut.head) f(Width<1>{}, thread);
  for (Index p = thread; p < cut.packs; p += threads) f(Width<W>{}, cut.head + p * W);
  if (W > 1 && cut.rest() + thread < n) f(Width<1>{}, cut.rest() + thread);
}

// N rows of one length side by side, read by a group of threads: a warp, a part of one, or (G = 0) the block. The first
// P packs of a thread stay in registers, the next ones in shared memory; what has no place there is read again. Numbers
// of elements are of 32 bits, which take half of the registers.
template <class T, int N, int G, int W, int P>
class Row {
 public:
  __device__ Row(const T* const (&from)[N], int n, int shared_packs)
      : n_(n),
        thread_(static_cast<int>(G == 0 ? threadIdx.x : threadIdx.x % (G == 0 ? 1 : G))),
        threads_(G == 0 ? static_cast<int>(blockDim.x) : G),
        cut_(from[0], n),
        kept_((P + shared_packs) * threads_) {
    for (int k = 0; k < N; ++k) from_[k] = from[k];
    if (W > 1 && thread_ < cut_.head) read(thread_, head_);
    if (W > 1 && cut_.rest() + thread_ < n) read(cut_.rest() + thread_, tail_);
#pragma unroll
    for (int p = 0; p < P; ++p) {
      if (pack(p) < cut_.packs) read(at(pack(p)), packs_[p]);
    }
    if constexpr (G == 0) fill_shared();
  }

  __device__ bool is_first_thread() const { return thread_ == 0; }

  // The combination of term(elements...) over the row.
  template <class F, class Combine>
  __device__ T reduced(T identity, F term, Combine combine) {
    T result = identity;
    each([&](auto width, int, const auto& packs) {
      for (int j = 0; j < decltype(width)::value; ++j) result = combine(result, apply(term, packs, j));
    });
    return over_group(result, combine);
  }
  // The combination of one number of each thread.
  template <class Combine>
  __device__ T over_group(T mine, Combine combine) const {
    if constexpr (G == 0) {
      return over_block(mine, combine);
    } else {
      return over_lanes<G>(mine, combine);
    }
  }
  template <class F>
  __device__ T sum(F term) {
    return reduced(T{0}, term, Add{});
  }
  __device__ T largest() {
    return reduced(lowest<T>, [](T x) { return x; }, Larger{});
  }

  // to[i] = f(elements...)
  template <class F>
  __device__ void write(T* to, F f) {
    each([&](auto width, int i, const auto& packs) {
      Pack<T, decltype(width)::value> result;
      for (int j = 0; j < decltype(width)::value; ++j) result.v[j] = apply(f, packs, j);
      store(to + i, result);
    });
  }

  // f(Width<w>{}, i, packs) for this thread's elements [i, i + w), one pack for each of the rows.
  template <class F>
  __device__ void each(F f) {
    if (W > 1 && thread_ < cut_.head) f(Width<1>{}, thread_, head_);
    if (W > 1 && cut_.rest() + thread_ < n_) f(Width<1>{}, cut_.rest() + thread_, tail_);
#pragma unroll
    for (int p = 0; p < P; ++p) {
      if (pack(p) < cut_.packs) f(Width<W>{}, at(pack(p)), packs_[p]);
    }
    if constexpr (G == 0) {  // other rows have no more
      for (int p = pack(P); p < cut_.packs; p += threads_) {
        Pack<T, W> one[N];
        if (p < kept_) {
          for (int k = 0; k < N; ++k) one[k] = dynamic_shared<Pack<T, W>>()[place(p, k)];
        } else {
          read(at(p), one);
        }
        f(Width<W>{}, at(p), one);
      }
    }
  }

 private:
  __device__ int pack(int p) const { return thread_ + p * threads_; }
  __device__ int at(int p) const { return cut_.head + p * W; }
  __device__ int place(int p, int k) const { return (p - P * threads_) * N + k; }

  __device__ void fill_shared() {
    constexpr int together = 4 / N;  // loads on their way at the same time
    const int end = cut_.packs < kept_ ? cut_.packs : kept_;
    for (int p = pack(P); p < end; p += together * threads_) {
      Pack<T, W> some[together][N];
#pragma unroll
      for (int k = 0; k < together; ++k) {
        if (p + k * threads_ < end) read(at(p + k * threads_), some[k]);
      }
#pragma unroll
      for (int k = 0; k < together; ++k) {
        if (p + k * threads_ < end) keep(p + k * threads_, some[k]);
      }
    }
  }

  template <int w>
  __device__ void read(int i, Pack<T, w> (&to)[N]) const {
    for (int k = 0; k < N; ++k) to[k] = load<w>(from_[k] + i);
  }
  __device__ void keep(int p, const Pack<T, W> (&one)[N]) {
    for (int k = 0; k < N; ++k) dynamic_shared<Pack<T, W>>()[place(p, k)] = one[k];
  }

  template <class F, int w>
  static __device__ T apply(F f, const Pack<T, w> (&packs)[N], int j) {
    if constexpr (N == 1) {
      return f(packs[0].v[j]);
    } else {
      return f(packs[0].v[j], packs[1].v[j]);
    }
  }

  const T* from_[N];
  int n_, thread_, threads_;
  Cut<W, int> cut_;
  int kept_;
  Pack<T, 1> head_[N], tail_[N];
  Pack<T, W> packs_[P][N];
};

constexpr Index longest_row = Index{1} << 30;

// Op has `inputs`, from(k), the first row of each, and operator()(r, n, row), what to do with row number r.
template <class T, int G, int W, int P, class Op>
__global__ void __launch_bounds__(512, 2) row_kernel(Op op, Index rows, int n, int shared_packs) {
  constexpr int N = Op::inputs;
  const Index group = G == 0 ? blockIdx.x : thread_index() / (G == 0 ? 1 : G);
  const bool is_idle = group >= rows;  // a lane of a warp that has other rows
  const Index r = is_idle ? 0 : group;
  const T* from[N];
  for (int k = 0; k < N; ++k) from[k] = op.from(k) + r * n;
  Row<T, N, G, W, P> row(from, is_idle ? 0 : n, shared_packs);
  op(r, is_idle ? 0 : n, !is_idle, row);
}

// The dynamic shared memory that a block of the current device may ask for.
inline Index shared_limit() {
  int bytes = 0;
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, current_device()),
        "cudaDeviceGetAttribute");
  return bytes;
}

constexpr Index default_shared_limit = 48 << 10;

// A launch with any amount of dynamic shared memory.
template <class... Parameters, class... Arguments>
void launch_with_shared(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, Index bytes,
                        Arguments&&... arguments) {
  if (bytes > default_shared_limit) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)), name);
  }
  launch(name, kernel, grid, block, static_cast<std::size_t>(bytes), std::forward<Arguments>(arguments)...);
}

// f(T{}) with the type of the floats.
template <class F>
void visit_float(DType t, F&& f) {
  t == DType::float64 ? f(double{}) : f(float{});
}

template <class T>
T* data(const Tensor& t) {
  return static_cast<T*>(t.address());
}

// Null for a tensor of no memory.
template <class T>
T* data_or_null(const Tensor& t) {
  return t.storage.get() == nullptr ? nullptr : data<T>(t);
}

inline bool is_aligned(const void* memory) { return reinterpret_cast<std::uintptr_t>(memory) % 16 == 0; }

template <class T, int G, int W, int P, class Op>
void launch_groups(const char* name, const Op& op, Index rows, Index n) {
  constexpr Index rows_each = block_threads / G;
  launch(name, row_kernel<T, G, W, P, Op>, static_cast<unsigned>((rows + rows_each - 1) / rows_each), block_threads, 0,
         op, rows, static_cast<int>(n), 0);
}

template <class T, int W, int P, class Op>
void launch_blocks(const char* name, const Op& op, Index rows, Index n) {
  const Index threads = n <= Index{block_threads} * P * W ? block_threads : 2 * block_threads;
  const Index missing = (n + threads * W - 1) / (threads * W) - P;
  const Index bytes = missing * threads * Op::inputs * Index{sizeof(T)} * W;
  const bool fits = missing > 0 && bytes <= shared_limit();  // else blocks without it hide more latency
  launch_with_shared(name, row_kernel<T, 0, W, P, Op>, static_cast<unsigned>(rows), static_cast<unsigned>(threads),
                     fits ? bytes : 0, op, rows, static_cast<int>(n), fits ? static_cast<int>(missing) : 0);
}

// Starts the row kernel of an Op for rows of n elements; `aligned`: whether all memory that it touches begins at a
// multiple of 16 bytes.
template <class T, class Op>
void for_each_row(const char* name, const Op& op, Index rows, Index n, bool aligned) {
  constexpr int W = packed<T>, P = 32 / Op::inputs / static_cast<int>(sizeof(T)) / W * 4;
  if (rows == 0 || n == 0) return;
  if (n > longest_row) {
    fail(ErrorKind::not_implemented, name, ": CUDA kernels take rows of at most ", longest_row, " elements, got ", n);
  }
  if (n <= 32) return launch_groups<T, 8, 1, 4>(name, op, rows, n);
  if (aligned) {
    if (n <= warp_lanes * P * W) return launch_groups<T, warp_lanes, W, P>(name, op, rows, n);
    return launch_blocks<T, W, P>(name, op, rows, n);
  }
  if (n <= warp_lanes * P) return launch_groups<T, warp_lanes, 1, P>(name, op, rows, n);
  launch_blocks<T, 1, P>(name, op, rows, n);
}

}  // namespace fastgrad::cuda::rows
