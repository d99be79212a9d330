// Sorting, selecting and searching along a dimension. NaN counts as the largest element; of equal elements the
// earlier one comes first.
#include <algorithm>
#include <numeric>

#include "accelerator.h"
#include "ops/dim_lines.h"
#include "ops/ops.h"
#include "ops/sort_keys.h"

namespace fastgrad::ops {
namespace {

// One line of a tensor and of the results.
template <class T>
struct Line {
  const T* x;
  Index n, step;
  T* values;
  Index* places;
  Index value_step, place_step;

  // Entry i of the results is the element at `place`.
  void set(Index i, Index place) const {
    values[i * value_step] = x[place * step];
    places[i * place_step] = place;
  }

  template <class Entry>
  void read(Entry* entries, bool descending) const {
    for (Index i = 0; i < n; ++i) {
      const typename Entry::Key key = order_key(x[i * step]);
      entries[i] = Entry::of(descending ? static_cast<typename Entry::Key>(~key) : key, i);
    }
  }
};

struct Results {
  Tensor values, places;
};

void check_length(const char* name, const Tensor& x, int dim) {
  if (x.dim() > 0 && x.sizes[dim] == 0) {
    fail(ErrorKind::index, name, "(): Expected reduction dim ", dim, " to have non-zero size, but the shape is ",
         x.sizes);
  }
}

void check_no_bool(ErrorKind kind, const char* name, const Tensor& x) {
  if (x.dtype == DType::boolean) fail(kind, name, ": not implemented for bool; convert the tensor with .byte()");
}

Results empty_results(const Tensor& x, int dim, Index length) {
  Dims sizes = x.sizes;
  if (sizes.size() > 0) sizes[dim] = length;
  return {empty(sizes, x.dtype), empty(sizes, DType::int64)};
}

// Calls each(line, entries, spare) for each line of x along `dim`, in parallel. `entries` and `spare` are scratch
// memory for one entry per element of a line.
template <class Entry, class T, class Each>
void for_each_line_with(const Tensor& x, int dim, const Results& results, const Each& each) {
  const DimLines<3> lines({x, results.values, results.places}, dim);
  const Index n = x.dim() == 0 ? 1 : x.sizes[dim], count = lines.count();
  const Index pieces = std::min<Index>(num_threads(), (count + line_grain(n) - 1) / line_grain(n));
  const Tensor scratch = empty({pieces, 2 * n * static_cast<Index>(sizeof(Entry))}, DType::uint8);
  parallel_for(0, pieces, 1, [&](Index first, Index last) {
    for (Index piece = first; piece < last; ++piece) {
      auto* entries = reinterpret_cast<Entry*>(scratch.data<char>() + piece * scratch.strides[0]);
      for (Index i = piece * count / pieces; i < (piece + 1) * count / pieces; ++i) {
        const auto at = lines.starts(i);
        each(Line<T>{x.data<T>() + at[0], n, lines.steps[0], results.values.data<T>() + at[1],
                     results.places.data<Index>() + at[2], lines.steps[1], lines.steps[2]},
             entries, entries + n);
      }
    }
  });
}

template <class Each>
void for_each_line(const Tensor& x, int dim, const Results& results, const Each& each) {
  if (x.numel() == 0) return;
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_each_line_with<EntryOf<T>, T>(x, dim, results, each);
  });
}

void check_places_fit(const char* name, const Tensor& x, int dim) {
  if (x.dim() > 0 && item_size(x.dtype) < 8 && x.sizes[dim] > Index{1} << 32) {
    fail(name, ": lines of more than 2**32 elements are sorted only in int64 and float64, got shape ", x.sizes);
  }
}

void sort_on(const Accelerator& cuda, const Results& results, const Tensor& x, int dim, Index count, bool descending) {
  const DimBlock b(x, dim);
  if (b.empty()) return;
  cuda.sort(results.values, results.places, contiguous(x), b.outer, b.n, b.inner, count, descending);
}

void select_on(const Accelerator& cuda, Select what, const Results& results, const Tensor& x, int dim, Index k) {
  const DimBlock b(x, dim);
  if (b.empty()) return;
  cuda.select(what, results.values, results.places, contiguous(x), b.outer, b.n, b.inner, k);
}

std::pair<Tensor, Tensor> without_dim(const Results& results, const Tensor& x, int dim, bool keepdim) {
  if (keepdim || x.dim() == 0) return {results.values, results.places};
  return {squeeze(results.values, {dim}), squeeze(results.places, {dim})};
}

// The element that choose(x, entries, n) places in the sorted line.
template <class Choose>
std::pair<Tensor, Tensor> select_one(Select what, const char* name, const Tensor& x, Index dim, bool keepdim, Index k,
                                     const Choose& choose) {
  check_no_bool(ErrorKind::not_implemented, name, x);
  const int d = wrap_dim(dim, x.dim(), name);
  check_length(name, x, d);
  check_places_fit(name, x, d);
  const Results results = empty_results(x, d, 1);
  if (const Accelerator* cuda = accelerator_of(x)) {
    select_on(*cuda, what, results, x, d, k);
  } else {
    for_each_line(x, d, results, [&](const auto& line, auto* entries, auto*) {
      line.read(entries, false);
      const Index wanted = choose(entries, line.n);
      std::nth_element(entries, entries + wanted, entries + line.n);
      line.set(0, entries[wanted].place());
    });
  }
  return without_dim(results, x, d, keepdim);
}

// Where the most frequent of sorted entries lies: the last of the first longest run. Each NaN is a run of its own.
template <class T, class Entry>
Index most_frequent(const Line<T>& line, const Entry* entries) {
  Index best = 0, longest = 0, length = 0;
  for (Index i = 0; i < line.n; ++i) {
    ++length;
    const bool ends =
        i + 1 == line.n || line.x[entries[i].place() * line.step] != line.x[entries[i + 1].place() * line.step];
    if (!ends) continue;
    if (length > longest) {
      best = entries[i].place();
      longest = length;
    }
    length = 0;
  }
  return best;
}

template <class T>
bool row_is_less(const T* a, const T* b, Index n) {
  for (Index i = 0; i < n; ++i) {
    const auto left = order_key(a[i]), right = order_key(b[i]);
    if (left != right) return left < right;
  }
  return false;
}

// How many of the n elements, read in the order of `sorter` unless that is null, come before `value`. Neither
// comparison holds for NaN, which so goes to the end.
template <class T>
Index bound(const T* sorted, const Index* sorter, Index n, T value, bool right) {
  Index low = 0, high = n;
  while (low < high) {
    const Index middle = low + (high - low) / 2;
    const T at = sorted[sorter != nullptr ? sorter[middle] : middle];
    if (right ? at > value : at >= value) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

void check_sequences(const Tensor& sorted, const Tensor& values) {
  if (sorted.dim() == 0) {
    fail("searchsorted(): the sorted sequence should have at least one dimension, got a 0-d tensor");
  }
  check_no_bool(ErrorKind::not_implemented, "searchsorted", sorted);
  check_no_bool(ErrorKind::not_implemented, "searchsorted", values);
  if (sorted.dim() == 1) return;
  bool fits = sorted.dim() == values.dim();
  for (int d = 0; fits && d + 1 < sorted.dim(); ++d) fits = sorted.sizes[d] == values.sizes[d];
  if (!fits) {
    fail(
        "searchsorted(): the sorted sequences should be 1-d, or agree with the values in all dimensions but the "
        "last, got ",
        sorted.sizes, " and ", values.sizes);
  }
}

void check_sorter(const Tensor& sorted, const Tensor& sorter) {
  if (sorter.dtype != DType::int64) {
    fail("searchsorted(): sorter must be a tensor of int64, got ", dtype_name(sorter.dtype));
  }
  if (!(sorter.sizes == sorted.sizes)) {
    fail("searchsorted(): sorter must have the shape of the sequence, got ", sorter.sizes, " and ", sorted.sizes);
  }
  if (sorter.numel() == 0) return;
  if (sorter.device().is_cuda()) {
    const Index lowest = item(amin(sorter, {}, false)).integer, highest = item(amax(sorter, {}, false)).integer;
    if (lowest >= 0 && highest < sorted.sizes.back()) return;
    fail("searchsorted(): sorter index ", lowest < 0 ? lowest : highest, " is out of range for sequences of ",
         sorted.sizes.back());
  }
  for (Index i = 0; i < sorter.numel(); ++i) {
    const Index place = sorter.data<Index>()[i];
    if (place < 0 || place >= sorted.sizes.back()) {
      fail("searchsorted(): sorter index ", place, " is out of range for sequences of ", sorted.sizes.back());
    }
  }
}

}  // namespace

std::pair<Tensor, Tensor> sort(const Tensor& x, Index dim, bool descending) {
  const int d = wrap_dim(dim, x.dim(), "sort");
  check_places_fit("sort", x, d);
  const Index n = x.dim() == 0 ? 1 : x.sizes[d];
  const Results results = empty_results(x, d, n);
  if (const Accelerator* cuda = accelerator_of(x)) {
    sort_on(*cuda, results, x, d, n, descending);
    return {results.values, results.places};
  }
  for_each_line(x, d, results, [&](const auto& line, auto* entries, auto* spare) {
    line.read(entries, descending);
    const auto* sorted = sort_entries(entries, spare, line.n);
    for (Index i = 0; i < line.n; ++i) line.set(i, sorted[i].place());
  });
  return {results.values, results.places};
}

std::pair<Tensor, Tensor> topk(const Tensor& x, Index k, Index dim, bool largest, bool sorted) {
  check_no_bool(ErrorKind::runtime, "topk", x);
  const int d = wrap_dim(dim, x.dim(), "topk");
  check_places_fit("topk", x, d);
  const Index n = x.dim() == 0 ? 1 : x.sizes[d];
  if (k < 0 || k > n) fail("topk: selected index k out of range: k is ", k, " and dimension ", d, " has ", n);
  const Results results = empty_results(x, d, k);
  if (x.dim() > 0 && k == 0) return {results.values, results.places};
  const Index count = x.dim() == 0 ? 1 : k;
  if (const Accelerator* cuda = accelerator_of(x)) {
    sort_on(*cuda, results, x, d, count, largest);
    return {results.values, results.places};
  }
  for_each_line(x, d, results, [&](const auto& line, auto* entries, auto*) {
    line.read(entries, largest);
    if (count * 64 <= n) {
      std::partial_sort(entries, entries + count, entries + n);
    } else {
      if (count < n) std::nth_element(entries, entries + count, entries + n);
      if (sorted) std::sort(entries, entries + count);
    }
    for (Index i = 0; i < count; ++i) line.set(i, entries[i].place());
  });
  return {results.values, results.places};
}

std::pair<Tensor, Tensor> kthvalue(const Tensor& x, Index k, Index dim, bool keepdim) {
  const Index n = x.dim() == 0 ? 1 : x.sizes[wrap_dim(dim, x.dim(), "kthvalue")];
  if (n > 0 && (k < 1 || k > n)) {
    fail("kthvalue(): selected number k out of range for dimension ", dim, ": k is ", k, ", the size ", n);
  }
  return select_one(Select::kth, "kthvalue", x, dim, keepdim, k - 1, [k](const auto*, Index) { return k - 1; });
}

std::pair<Tensor, Tensor> median(const Tensor& x, Index dim, bool keepdim, bool ignore_nan) {
  const bool floating = is_floating(x.dtype);
  const Select what = ignore_nan ? Select::nanmedian : Select::median;
  const char* const name = ignore_nan ? "nanmedian" : "median";
  return select_one(what, name, x, dim, keepdim, 0, [=](const auto* entries, Index n) {
    using Key = decltype(entries->key());
    Index numbers = n;
    for (Index i = 0; floating && i < n; ++i) numbers -= entries[i].key() == std::numeric_limits<Key>::max();
    if (ignore_nan) return std::max<Index>(numbers - 1, 0) / 2;
    return numbers < n ? numbers : (n - 1) / 2;  // the first NaN, or the lower of the two in the middle
  });
}

std::pair<Tensor, Tensor> mode(const Tensor& x, Index dim, bool keepdim) {
  const int d = wrap_dim(dim, x.dim(), "mode");
  check_length("mode", x, d);
  check_places_fit("mode", x, d);
  const Results results = empty_results(x, d, 1);
  if (const Accelerator* cuda = accelerator_of(x)) {
    select_on(*cuda, Select::mode, results, x, d, 0);
  } else {
    for_each_line(x, d, results, [&](const auto& line, auto* entries, auto* spare) {
      line.read(entries, false);
      line.set(0, most_frequent(line, sort_entries(entries, spare, line.n)));
    });
  }
  return without_dim(results, x, d, keepdim);
}

Tensor sort_rows(const Tensor& x) {
  if (x.dim() != 2) fail("sort_rows: expected a matrix, got shape ", x.sizes);
  const Tensor from = contiguous(x);
  const Index n = x.sizes[1];
  Tensor order = empty({x.sizes[0]}, DType::int64);
  if (const Accelerator* cuda = accelerator_of(x)) {
    if (order.numel() > 0) cuda->sort_rows(order, from);
    return order;
  }
  Index* const places = order.data<Index>();
  std::iota(places, places + x.sizes[0], 0);
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* const rows = from.data<T>();
    std::stable_sort(places, places + x.sizes[0],
                     [&](Index a, Index b) { return row_is_less(rows + a * n, rows + b * n, n); });
  });
  return order;
}

Tensor searchsorted(const Tensor& sorted, const Tensor& values, const OptionalTensor& sorter, bool right) {
  check_sequences(sorted, values);
  const DType t = result_type({&sorted, {}}, {&values, {}});
  const Tensor sequences = contiguous(sorted.dtype == t ? sorted : cast(sorted, t));
  const Tensor wanted = contiguous(values.dtype == t ? values : cast(values, t));
  const OptionalTensor order = sorter ? OptionalTensor(contiguous(*sorter)) : std::nullopt;
  if (order) check_sorter(sorted, *order);
  const Tensor out = empty(values.sizes, DType::int64);
  const Index n = sorted.sizes.back(), row = sorted.dim() == 1 ? wanted.numel() : values.sizes.back();
  if (const Accelerator* cuda = accelerator_of(sorted)) {
    if (out.numel() > 0) cuda->searchsorted(out, sequences, order ? &*order : nullptr, wanted, row, right);
    return out;
  }
  visit_dtype(t, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(0, wanted.numel(), pointwise_grain / 16, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const Index start = i / row * n;
        out.data<Index>()[i] = bound(sequences.data<T>() + start, order ? order->data<Index>() + start : nullptr, n,
                                     wanted.data<T>()[i], right);
      }
    });
  });
  return out;
}

}  // namespace fastgrad::ops
