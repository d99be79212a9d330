// Rows and elements read by index.
#include "kernels.h"
#include "kernels/loop.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// A width known at compile time makes one load and one store of the copy. Rows may lie at any address.
template <Index width>
void gather_words(char* to, const char* from, const Index* index, Index n, Index step) {
  for (Index i = 0; i < n; ++i) __builtin_memcpy(to + i * width, from + index[i] * step, width);
}

void gather_rows(void* to, const void* from, const Index* index, Index n, Index width, Index step) {
  auto* out = static_cast<char*>(to);
  const auto* in = static_cast<const char*>(from);
  if (width == 1) return gather_words<1>(out, in, index, n, step);
  if (width == 2) return gather_words<2>(out, in, index, n, step);
  if (width == 4) return gather_words<4>(out, in, index, n, step);
  if (width == 8) return gather_words<8>(out, in, index, n, step);
  for (Index i = 0; i < n; ++i) __builtin_memcpy(out + i * width, in + index[i] * step, width);
}

template <class T>
void gather(void* to, const void* indexed, const Index* index, Index n, const IndexedSteps& steps) {
  auto* out = static_cast<T*>(to);
  const auto* in = static_cast<const T*>(indexed);
  const auto [line, step, index_step, other_step] = steps;
  for (Index i = 0; i < n; ++i) out[i * other_step] = in[i * line + index[i * index_step] * step];
}

}  // namespace

void fill_indexing(Kernels& table) {
  table.gather_rows = gather_rows;
  const auto fill = [&](auto tag) {
    using T = typename decltype(tag)::type;
    table.gather[static_cast<int>(DTypeOf<T>::value)] = gather<T>;
  };
  for_types(Types<bool, Float16, BFloat16>{}, fill);
  for_types(Integers{}, fill);
  for_types(Floats{}, fill);
}

}  // namespace fastgrad::FASTGRAD_ISA
