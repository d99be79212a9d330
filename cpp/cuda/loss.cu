// Losses of class labels: cross-entropy of logits in one pass over them, and what is picked from log-probabilities.
#include "cuda/report.cuh"
#include "cuda/rows.cuh"

namespace fastgrad::cuda {
namespace {

using namespace rows;

// The labels as kernels see them.
template <class T>
struct LabelList {
  const char* op;
  const Index* label;
  const T* weight;  // null: all ones
  Index classes, ignore_index;
  Report* report;

  explicit LabelList(const Labels& labels)
      : op(labels.op),
        label(data<Index>(labels.target)),
        weight(labels.weight == nullptr ? nullptr : data<T>(*labels.weight)),
        classes(labels.classes),
        ignore_index(labels.ignore_index),
        report(current_report()) {}

  // The label of row r; one out of range is reported and counts as one to ignore.
  __device__ Index at(Index r) const {
    const Index found = label[r];
    if (found == ignore_index || (found >= 0 && found < classes)) return found;
    fastgrad::cuda::report(report, Fault::label, op, found, classes);
    return ignore_index;
  }
  __device__ T weight_of(Index c) const { return weight == nullptr ? T{1} : weight[c]; }
};

template <int G, class T>
__device__ T group_sum(T x) {
  if constexpr (G == 0) {
    return over_block(x, Add{});
  } else {
    return over_lanes<G>(x, Add{});
  }
}

// The row of this thread's group: a warp, or (G = 0) the block.
template <int G>
struct Group {
  Index row, thread, threads;

  __device__ Group()
      : row(G == 0 ? Index{blockIdx.x} : thread_index() / warp_lanes),
        thread(G == 0 ? threadIdx.x : threadIdx.x % warp_lanes),
        threads(G == 0 ? blockDim.x : warp_lanes) {}
};

// `smoothing` of the target is spread over all classes.
template <class T, int G, int W>
__global__ void cross_entropy_rows(LabelList<T> labels, T smoothing, T* losses, T* kept, const T* logits, Index rows,
                                   Index n) {
  const Group<G> group;
  if (group.row >= rows) return;
  const Index r = group.row;
  const T* const x = logits + r * n;
  Exponentials<T> mine;
  for_each_pack<W>(x, n, group.thread, group.threads,
                   [&](auto width, Index i) { mine.add(load<decltype(width)::value>(x + i)); });
  Exponentials<T> all;
  if constexpr (G == 0) {
    all = exponentials_of_block(mine);
  } else {
    all = exponentials_of_lanes<G>(mine);
  }
  const T log_sum = log(all.sum);
  const Index label = labels.at(r);
  const bool counts = label != labels.ignore_index;
  T loss = counts ? (log_sum + (all.largest - x[label])) * labels.weight_of(label) : T{0};
  if (smoothing != 0 && counts) {
    T spread = 0;
    for_each_pack<1>(x, n, group.thread, group.threads,
                     [&](auto, Index i) { spread += labels.weight_of(i) * (log_sum + (all.largest - x[i])); });
    loss = (1 - smoothing) * loss + smoothing / static_cast<T>(n) * group_sum<G>(spread);
  }
  if (group.thread != 0) return;
  losses[r] = loss;
  kept[2 * r] = all.largest;
  kept[2 * r + 1] = all.sum;
}

// A block has its part [blockIdx.y * part, + part) of a row, a warp all of it.
template <class T, int G, int W>
__global__ void cross_entropy_rows_backward(LabelList<T> labels, T smoothing, const T* total_weight, T* dx,
                                            const T* upstream, Index step, const T* logits, const T* kept,
                                            const T* divisor, Index rows, Index n, Index part) {
  const Group<G> group;
  if (group.row >= rows) return;
  const Index r = group.row, begin = blockIdx.y * part, end = begin + part < n ? begin + part : n;
  const T* const x = logits + r * n + begin;
  T* const to = dx + r * n + begin;
  const Index label = labels.at(r);
  if (label == labels.ignore_index) {
    for_each_pack<W>(x, end - begin, group.thread, group.threads,
                     [&](auto width, Index i) { store(to + i, Pack<T, decltype(width)::value>{}); });
    return;
  }
  const T scale = step == 0 ? *upstream / *divisor : upstream[r];
  const T spread = scale * (smoothing / static_cast<T>(n)), peak = scale * (1 - smoothing) * labels.weight_of(label);
  const T weights = total_weight == nullptr ? static_cast<T>(n) : *total_weight;
  const T largest = kept[2 * r], factor = (peak + spread * weights) / kept[2 * r + 1];
  for_each_pack<W>(x, end - begin, group.thread, group.threads, [&](auto width, Index i) {
    constexpr int w = decltype(width)::value;
    Pack<T, w> d = load<w>(x + i);
    for (int j = 0; j < w; ++j) {
      d.v[j] = exp(d.v[j] - largest) * factor;
      if (spread != 0) d.v[j] -= labels.weight_of(begin + i + j) * spread;
      if (begin + i + j == label) d.v[j] -= peak;
    }
    store(to + i, d);
  });
}

template <class T>
__global__ void nll_rows(LabelList<T> labels, T* losses, const T* log_p, Index rows, Index step, Index class_step) {
  for (Index r = thread_index(); r < rows; r += thread_count()) {
    const Index label = labels.at(r);
    losses[r] = label == labels.ignore_index ? T{0} : -log_p[r * step + label * class_step] * labels.weight_of(label);
  }
}

template <class T>
__global__ void nll_rows_backward(LabelList<T> labels, T* dx, const T* upstream, Index step, const T* divisor,
                                  Index rows) {
  const T scale = -1 / *divisor;
  for (Index r = thread_index(); r < rows; r += thread_count()) {
    const Index label = labels.at(r);
    if (label == labels.ignore_index) continue;
    dx[r * labels.classes + label] = upstream[r * step] * scale * labels.weight_of(label);
  }
}

__global__ void clean_labels(LabelList<float> labels, Index* out, Index n) {
  for (Index i = thread_index(); i < n; i += thread_count()) out[i] = labels.at(i);
}

// ------------------------------------------------------------------------------------------------------------- totals

struct Totals {
  double weight, loss;
};

__device__ inline Totals over_block_all(Totals t) { return {over_block(t.weight, Add{}), over_block(t.loss, Add{})}; }

template <class T>
__device__ void finish_totals(const Totals& all, bool average, T* divisor, T* total) {
  const T by = average ? static_cast<T>(all.weight) : T{1};
  *divisor = by;
  if (total != nullptr) *total = static_cast<T>(all.loss) / by;
}

// What each block finds; of a single block already the end.
template <class T>
__global__ void sum_labels(LabelList<T> labels, const T* losses, Index rows, Totals* of_block, bool average, T* divisor,
                           T* total) {
  Totals mine{0, 0};
  for (Index r = thread_index(); r < rows; r += thread_count()) {
    const Index label = labels.at(r);
    if (average && label != labels.ignore_index) mine.weight += labels.weight_of(label);
    if (losses != nullptr) mine.loss += losses[r];
  }
  const Totals all = over_block_all(mine);
  if (threadIdx.x != 0) return;
  if (gridDim.x == 1) {
    finish_totals(all, average, divisor, total);
  } else {
    of_block[blockIdx.x] = all;
  }
}

template <class T>
__global__ void sum_blocks(const Totals* of_block, int blocks, bool average, T* divisor, T* total) {
  Totals mine{0, 0};
  for (int b = static_cast<int>(threadIdx.x); b < blocks; b += static_cast<int>(blockDim.x)) {
    mine.weight += of_block[b].weight;
    mine.loss += of_block[b].loss;
  }
  const Totals all = over_block_all(mine);
  if (threadIdx.x == 0) finish_totals(all, average, divisor, total);
}

template <class T>
__global__ void sum_weights(const T* weight, Index n, T* total) {
  double mine = 0;
  for (Index i = threadIdx.x; i < n; i += blockDim.x) mine += weight[i];
  const double all = over_block(mine, Add{});
  if (threadIdx.x == 0) *total = static_cast<T>(all);
}

constexpr Index rows_of_a_block = 4096, longest_of_a_warp = 1024, part_of_a_row = 8192;
constexpr Index most_blocks = 512;

// Calls f(group, width) as Width<G> and Width<W> with the grid for so many rows of n.
template <class T, class F>
void choose_groups(Index rows, Index n, bool aligned, F f) {
  const auto with = [&](auto width) {
    if (n <= longest_of_a_warp) {
      constexpr Index rows_each = block_threads / warp_lanes;
      f(Width<warp_lanes>{}, width, dim3(static_cast<unsigned>((rows + rows_each - 1) / rows_each)));
    } else {
      f(Width<0>{}, width, dim3(static_cast<unsigned>(rows)));
    }
  };
  if (aligned) {
    with(Width<packed<T>>{});
  } else {
    with(Width<1>{});
  }
}

}  // namespace

void cross_entropy(const Labels& labels, double smoothing, const Tensor& losses, const Tensor& kept,
                   const Tensor& logits) {
  const Index rows = logits.sizes[0], n = logits.sizes[1];
  if (rows == 0) return;
  visit_float(logits.dtype, [&](auto zero) {
    using T = decltype(zero);
    choose_groups<T>(rows, n, is_aligned(logits.address()), [&](auto group, auto width, dim3 grid) {
      launch("cross_entropy", cross_entropy_rows<T, decltype(group)::value, decltype(width)::value>, grid,
             block_threads, 0, LabelList<T>(labels), static_cast<T>(smoothing), data<T>(losses), data<T>(kept),
             data<T>(logits), rows, n);
    });
  });
}

void cross_entropy_backward(const Labels& labels, double smoothing, const Tensor& dx, const Tensor& g,
                            const Tensor& logits, const Tensor& kept, const Tensor& divisor) {
  const Index rows = logits.sizes[0], n = logits.sizes[1];
  if (dx.numel() == 0) return;
  const bool needs_total = smoothing != 0 && labels.weight != nullptr;
  const Tensor total = empty({needs_total ? 1 : 0}, logits.dtype);
  visit_float(logits.dtype, [&](auto zero) {
    using T = decltype(zero);
    if (needs_total) {
      launch("cross_entropy_backward", sum_weights<T>, 1, block_threads, 0, data<T>(*labels.weight), n, data<T>(total));
    }
    const bool aligned = is_aligned(logits.address()) && is_aligned(dx.address());
    choose_groups<T>(rows, n, aligned, [&](auto group, auto width, dim3 grid) {
      constexpr int G = decltype(group)::value;
      Index part = n;
      if (G == 0) {
        part = std::max(part_of_a_row, (n + 65534) / 65535);
        grid.y = static_cast<unsigned>((n + part - 1) / part);
      }
      launch("cross_entropy_backward", cross_entropy_rows_backward<T, G, decltype(width)::value>, grid, block_threads,
             0, LabelList<T>(labels), static_cast<T>(smoothing), needs_total ? data<T>(total) : nullptr, data<T>(dx),
             data<T>(g), Index{g.dim()}, data<T>(logits), data<T>(kept), data<T>(divisor), rows, n, part);
    });
  });
}

void nll_loss(const Labels& labels, const Tensor& losses, const Tensor& log_p) {
  const Index rows = losses.numel();
  if (rows == 0) return;
  visit_float(log_p.dtype, [&](auto zero) {
    using T = decltype(zero);
    launch("nll_loss", nll_rows<T>, blocks_for(rows), block_threads, 0, LabelList<T>(labels), data<T>(losses),
           data<T>(log_p), rows, log_p.strides[0], log_p.strides[1]);
  });
}

void nll_loss_backward(const Labels& labels, const Tensor& dx, const Tensor& g, const Tensor& divisor) {
  const Index rows = labels.target.numel();
  if (rows == 0) return;
  visit_float(dx.dtype, [&](auto zero) {
    using T = decltype(zero);
    fill(dx, &zero);
    launch("nll_loss_backward", nll_rows_backward<T>, blocks_for(rows), block_threads, 0, LabelList<T>(labels),
           data<T>(dx), data<T>(g), Index{g.dim()}, data<T>(divisor), rows);
  });
}

void label_total(const Labels& labels, bool average, const Tensor& divisor, const Tensor* total, const Tensor* losses) {
  const Index rows = labels.target.numel();
  const Index blocks = std::clamp<Index>((rows + rows_of_a_block - 1) / rows_of_a_block, 1, most_blocks);
  const Tensor of_block = empty({blocks > 1 ? 2 * blocks : 0}, DType::float64);
  visit_float(divisor.dtype, [&](auto zero) {
    using T = decltype(zero);
    auto* const parts = static_cast<Totals*>(of_block.address());
    T* const to = total == nullptr ? nullptr : data<T>(*total);
    launch("label_total", sum_labels<T>, static_cast<unsigned>(blocks), block_threads, 0, LabelList<T>(labels),
           losses == nullptr ? nullptr : data<T>(*losses), rows, parts, average, data<T>(divisor), to);
    if (blocks == 1) return;
    launch("label_total", sum_blocks<T>, 1, block_threads, 0, parts, static_cast<int>(blocks), average,
           data<T>(divisor), to);
  });
}

void checked_labels(const Labels& labels, const Tensor& out) {
  const Index n = out.numel();
  if (n == 0) return;
  launch("checked_labels", clean_labels, blocks_for(n), block_threads, 0, LabelList<float>(labels), data<Index>(out),
         n);
}

}  // namespace fastgrad::cuda
