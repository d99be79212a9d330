// Sorting, selecting and searching along a dimension.
//
// Lines become entries: an element as an unsigned number in the same order, with its place. No two entries of a line
// are equal, so every way to sort them is stable and gives the same bits. Tiles are sorted in shared memory, then runs
// are merged, pair by pair.
#include <algorithm>

#include "cuda/families.h"
#include "cuda/reduce.cuh"
#include "ops/iterate.h"

namespace fastgrad::cuda {
namespace {

// ---------------------------------------------------------------------------------------------------------- entries

template <class T>
using KeyOf = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

template <class Key>
constexpr Key top_bit = Key{1} << (8 * sizeof(Key) - 1);

// An unsigned number that is larger where x is; NaN counts as the largest, and -0.0 as 0.0.
template <class T>
__device__ KeyOf<T> key_of(T x) {
  using Key = KeyOf<T>;
  if constexpr (std::is_integral_v<T>) {
    using Wide = std::make_signed_t<Key>;
    return static_cast<Key>(static_cast<Wide>(x)) ^ top_bit<Key>;
  } else {
    if (x != x) return ~Key{0};
    const T value = x + T{0};
    Key bits;
    memcpy(&bits, &value, sizeof(Key));
    return (bits & top_bit<Key>) != 0 ? ~bits : bits | top_bit<Key>;
  }
}

// A key of 32 bits above a place of 32 bits.
struct NarrowEntry {
  std::uint64_t word;
  __device__ static NarrowEntry of(std::uint32_t key, Index place) {
    return {static_cast<std::uint64_t>(key) << 32 | static_cast<std::uint64_t>(place)};
  }
  __device__ static NarrowEntry last() { return {~std::uint64_t{0}}; }
  __device__ std::uint32_t key() const { return static_cast<std::uint32_t>(word >> 32); }
  __device__ Index place() const { return static_cast<Index>(word & 0xffffffffU); }
};

struct WideEntry {
  std::uint64_t key_;
  Index place_;
  __device__ static WideEntry of(std::uint64_t key, Index place) { return {key, place}; }
  __device__ static WideEntry last() { return {~std::uint64_t{0}, Index{1} << 62}; }
  __device__ std::uint64_t key() const { return key_; }
  __device__ Index place() const { return place_; }
};

template <class T>
using EntryOf = std::conditional_t<sizeof(T) == 8, WideEntry, NarrowEntry>;

struct IsBefore {
  __device__ bool operator()(NarrowEntry a, NarrowEntry b) const { return a.word < b.word; }
  __device__ bool operator()(const WideEntry& a, const WideEntry& b) const {
    return a.key_ != b.key_ ? a.key_ < b.key_ : a.place_ < b.place_;
  }
};

// The lines of [outer, n, inner] as rows of entries.
template <class T>
struct Lines {
  using Entry = EntryOf<T>;
  const T* x;
  Index n, inner;
  bool descending;

  __device__ const T* line(Index row) const { return x + row / inner * n * inner + row % inner; }
  __device__ Entry operator()(Index row, Index i) const {
    const auto key = key_of(line(row)[i * inner]);
    return Entry::of(descending ? ~key : key, i);
  }
  __device__ static Entry last() { return Entry::last(); }
};

// A matrix's rows by their numbers, in the order of their elements.
struct RowNumbers {
  using Entry = Index;
  __device__ Index operator()(Index, Index i) const { return i; }
  __device__ static Index last() { return -1; }
};

template <class T>
struct RowIsBefore {
  const T* x;
  Index n;
  __device__ bool operator()(Index a, Index b) const {
    if (a < 0 || b < 0) return b < 0 && a >= 0;
    for (Index i = 0; i < n; ++i) {
      const auto left = key_of(x[a * n + i]), right = key_of(x[b * n + i]);
      if (left != right) return left < right;
    }
    return a < b;
  }
};

// ---------------------------------------------------------------------------------------------------------- sorting

constexpr int tile = 2048;  // entries that a block sorts or merges

// Segments of `length` entries, a power of two, in ascending order.
template <class Entry, class Less>
__device__ void sort_segments(Entry* entries, int length, Less less) {
  for (int size = 2; size <= length; size *= 2) {
    for (int stride = size / 2; stride > 0; stride /= 2) {
      __syncthreads();
      for (int t = static_cast<int>(threadIdx.x); t < tile / 2; t += block_threads) {
        const int low = 2 * t - (t & (stride - 1)), high = low + stride;
        const bool ascending = size == length || (low & size) == 0;
        const Entry a = entries[low], b = entries[high];
        if (ascending ? less(b, a) : less(a, b)) {
          entries[low] = b;
          entries[high] = a;
        }
      }
    }
  }
  __syncthreads();
}

// Rows of n entries, in sorted runs of `length`.
template <class Source, class Less>
__global__ void sort_tiles(Source source, Less less, typename Source::Entry* out, Index rows, Index n, int length) {
  __shared__ typename Source::Entry entries[tile];
  const Index runs = (n + length - 1) / length;  // of a row
  const int together = tile / length;
  for (Index first = Index{blockIdx.x} * together; first < rows * runs; first += Index{gridDim.x} * together) {
    const auto locate = [&](int j, Index& row, Index& i) {
      const Index run = first + j / length;
      row = run / runs;
      i = run % runs * length + j % length;
      return row < rows && i < n;
    };
    Index row, i;
    for (int j = static_cast<int>(threadIdx.x); j < tile; j += block_threads) {
      entries[j] = locate(j, row, i) ? source(row, i) : Source::last();
    }
    sort_segments(entries, length, less);
    for (int j = static_cast<int>(threadIdx.x); j < tile; j += block_threads) {
      if (locate(j, row, i)) out[row * n + i] = entries[j];
    }
    __syncthreads();
  }
}

// How many of the first `count` of two merged runs come from the first run.
template <class Entry, class Less, class Size>
__device__ Size merge_split(const Entry* a, Size a_size, const Entry* b, Size b_size, Size count, Less less) {
  Size low = count > b_size ? count - b_size : 0, high = count < a_size ? count : a_size;
  while (low < high) {
    const Size middle = low + (high - low) / 2;
    if (less(b[count - 1 - middle], a[middle])) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

// Pairs of sorted runs of `width` entries become one; a block makes a tile of the result.
template <class Entry, class Less>
__global__ void merge_runs(const Entry* from, Entry* to, Less less, Index rows, Index n, Index width) {
  constexpr int items = tile / block_threads;
  __shared__ Entry entries[tile];
  const Index tiles = (n + tile - 1) / tile;
  for (Index block = blockIdx.x; block < rows * tiles; block += gridDim.x) {
    const Index row = block / tiles * n, begin = block % tiles * tile, end = begin + tile < n ? begin + tile : n;
    const Index start = begin / (2 * width) * (2 * width), left = n - start;
    const Index a_size = left < width ? left : width;
    const Index b_size = left - a_size < width ? left - a_size : width;
    const Entry *const a = from + row + start, *const b = a + a_size;
    const Index a_begin = merge_split(a, a_size, b, b_size, begin - start, less);
    const Index a_end = merge_split(a, a_size, b, b_size, end - start, less), b_begin = begin - start - a_begin;
    const int a_count = static_cast<int>(a_end - a_begin), count = static_cast<int>(end - begin);
    for (int j = static_cast<int>(threadIdx.x); j < count; j += block_threads) {
      entries[j] = j < a_count ? a[a_begin + j] : b[b_begin + j - a_count];
    }
    __syncthreads();
    Entry mine[items];
    const int first = static_cast<int>(threadIdx.x) * items < count ? static_cast<int>(threadIdx.x) * items : count;
    int i = merge_split(entries, a_count, entries + a_count, count - a_count, first, less), j = a_count + first - i;
#pragma unroll
    for (int k = 0; k < items; ++k) {
      if (first + k >= count) continue;
      const bool takes_a = j >= count || (i < a_count && less(entries[i], entries[j]));
      mine[k] = entries[takes_a ? i++ : j++];
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < items; ++k) {
      if (first + k < count) entries[first + k] = mine[k];
    }
    __syncthreads();
    for (int t = static_cast<int>(threadIdx.x); t < count; t += block_threads) to[row + begin + t] = entries[t];
    __syncthreads();
  }
}

unsigned grid_of(Index blocks) { return static_cast<unsigned>(std::min<Index>(blocks, Index{1} << 20)); }

// The memory of `rows` rows of n sorted entries.
template <class Source, class Less>
Tensor sorted_entries(const char* name, const Source& source, const Less& less, Index rows, Index n) {
  using Entry = typename Source::Entry;
  const auto memory = [&] { return empty({rows * n * static_cast<Index>(sizeof(Entry))}, DType::uint8); };
  const auto entries = [](const Tensor& t) { return static_cast<Entry*>(t.address()); };
  int length = 1;
  while (length < n && length < tile) length *= 2;
  const Index runs = rows * ((n + length - 1) / length), together = tile / length;
  Tensor sorted = memory();
  launch(name, sort_tiles<Source, Less>, grid_of((runs + together - 1) / together), block_threads, 0, source, less,
         entries(sorted), rows, n, length);
  if (n <= tile) return sorted;
  Tensor spare = memory();
  for (Index width = tile; width < n; width *= 2) {
    launch(name, merge_runs<Entry, Less>, grid_of(rows * ((n + tile - 1) / tile)), block_threads, 0, entries(sorted),
           entries(spare), less, rows, n, width);
    std::swap(sorted, spare);
  }
  return sorted;
}

// The first `count` of each sorted line, as [outer, count, inner].
template <class T>
__global__ void store_first(Lines<T> lines, const EntryOf<T>* sorted, T* values, Index* places, Index outer,
                            Index count) {
  for (Index i = thread_index(); i < outer * count * lines.inner; i += thread_count()) {
    const Index row = i / (count * lines.inner) * lines.inner + i % lines.inner;
    const Index place = sorted[row * lines.n + i / lines.inner % count].place();
    values[i] = lines.line(row)[place * lines.inner];
    places[i] = place;
  }
}

// --------------------------------------------------------------------------------------------------------- selecting

template <class T>
__device__ bool is_nan(EntryOf<T> entry) {
  return std::is_floating_point_v<T> && entry.key() == ~KeyOf<T>{0};
}

// How many of n sorted entries have a smaller key.
template <class Entry, class Key>
__device__ Index keys_before(const Entry* sorted, Index n, Key key) {
  Index low = 0, high = n;
  while (low < high) {
    const Index middle = low + (high - low) / 2;
    if (sorted[middle].key() < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

template <class T>
__device__ Index middle_of(const EntryOf<T>* sorted, Index n, bool ignore_nan) {
  const Index numbers = is_nan<T>(sorted[n - 1]) ? keys_before(sorted, n, ~KeyOf<T>{0}) : n;
  if (ignore_nan) return numbers > 0 ? (numbers - 1) / 2 : 0;
  return numbers < n ? numbers : (n - 1) / 2;  // the first NaN, or the lower of the two in the middle
}

// The entry `k` (from 0) or a median of each sorted line.
template <class T>
__global__ void select_sorted(Select what, Lines<T> lines, const EntryOf<T>* sorted, T* values, Index* places,
                              Index rows, Index k) {
  for (Index row = thread_index(); row < rows; row += thread_count()) {
    const auto* const line = sorted + row * lines.n;
    const Index wanted = what == Select::kth ? k : middle_of<T>(line, lines.n, what == Select::nanmedian);
    places[row] = line[wanted].place();
    values[row] = lines.line(row)[places[row] * lines.inner];
  }
}

struct Run {
  Index length, end;
};

struct LongerRun {
  __device__ Run operator()(const Run& a, const Run& b) const {
    const bool first = a.length != b.length ? a.length > b.length : a.end < b.end;
    return first ? a : b;
  }
};

// The last of the first longest run of equal entries; each NaN is a run of its own. A block goes through a line.
template <class T>
__global__ void most_frequent(Lines<T> lines, const EntryOf<T>* sorted, T* values, Index* places, Index rows) {
  for (Index row = blockIdx.x; row < rows; row += gridDim.x) {
    const auto* const line = sorted + row * lines.n;
    Run best{0, 0};
    for (Index i = threadIdx.x; i < lines.n; i += block_threads) {
      const bool nan = is_nan<T>(line[i]);
      if (!nan && i + 1 < lines.n && line[i].key() == line[i + 1].key()) continue;
      best = LongerRun()(best, Run{nan ? 1 : i + 1 - keys_before(line, i, line[i].key()), i});
    }
    best = block_reduce(best, LongerRun());
    if (threadIdx.x == 0) {
      places[row] = line[best.end].place();
      values[row] = lines.line(row)[places[row] * lines.inner];
    }
  }
}

// --------------------------------------------------------------------------------------------------------- searching

// How many of a sequence, read in the order of `sorter` unless that is null, come before each value. Neither
// comparison holds for NaN, which so goes to the end. `row` values share a sequence of n.
template <class T>
__global__ void count_before(const T* sequences, const Index* sorter, const T* values, Index* out, Index count,
                             Index row, Index n, bool right) {
  for (Index i = thread_index(); i < count; i += thread_count()) {
    const Index start = i / row * n;
    const T value = values[i];
    Index low = 0, high = n;
    while (low < high) {
      const Index middle = low + (high - low) / 2;
      const T at = sequences[start + (sorter != nullptr ? sorter[start + middle] : middle)];
      if (right ? at > value : at >= value) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    out[i] = low;
  }
}

template <class T>
T* data_of(const Tensor& t) {
  return static_cast<T*>(t.address());
}

}  // namespace

void sort(const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n, Index inner, Index count,
          bool descending) {
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Lines<T> lines{data_of<const T>(x), n, inner, descending};
    const Tensor sorted = sorted_entries("sort", lines, IsBefore(), outer * inner, n);
    launch("sort", store_first<T>, blocks_for(outer * count * inner), block_threads, 0, lines,
           data_of<const EntryOf<T>>(sorted), data_of<T>(values), data_of<Index>(places), outer, count);
  });
}

void select(Select what, const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n, Index inner,
            Index k) {
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Lines<T> lines{data_of<const T>(x), n, inner, false};
    const Index rows = outer * inner;
    const Tensor memory = sorted_entries("select", lines, IsBefore(), rows, n);
    const auto* const sorted = data_of<const EntryOf<T>>(memory);
    if (what == Select::mode) {
      launch("mode", most_frequent<T>, grid_of(rows), block_threads, 0, lines, sorted, data_of<T>(values),
             data_of<Index>(places), rows);
    } else {
      launch("select", select_sorted<T>, blocks_for(rows), block_threads, 0, what, lines, sorted, data_of<T>(values),
             data_of<Index>(places), rows, k);
    }
  });
}

void sort_rows(const Tensor& order, const Tensor& x) {
  const Index rows = x.sizes[0];
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const RowIsBefore<T> before{data_of<const T>(x), x.sizes[1]};
    const Tensor sorted = sorted_entries("sort_rows", RowNumbers(), before, 1, rows);
    copy(order, Tensor{sorted.storage, 0, {rows}, {1}, DType::int64});
  });
}

void searchsorted(const Tensor& out, const Tensor& sequences, const Tensor* sorter, const Tensor& values, Index row,
                  bool right) {
  visit_dtype(values.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch("searchsorted", count_before<T>, blocks_for(out.numel()), block_threads, 0, data_of<const T>(sequences),
           sorter != nullptr ? data_of<const Index>(*sorter) : nullptr, data_of<const T>(values), data_of<Index>(out),
           out.numel(), row, sequences.sizes.back(), right);
  });
}

}  // namespace fastgrad::cuda
