// Rows moved by index.
#include "kernels.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// A width known at compile time makes one load and one store of the copy. Rows may lie at any address.
template <Index width>
void gather_words(char* to, const char* from, const Index* index, Index n) {
  for (Index i = 0; i < n; ++i) __builtin_memcpy(to + i * width, from + index[i] * width, width);
}

void gather_rows(void* to, const void* from, const Index* index, Index n, Index width) {
  auto* out = static_cast<char*>(to);
  const auto* in = static_cast<const char*>(from);
  if (width == 4) return gather_words<4>(out, in, index, n);
  if (width == 8) return gather_words<8>(out, in, index, n);
  for (Index i = 0; i < n; ++i) __builtin_memcpy(out + i * width, in + index[i] * width, width);
}

}  // namespace

void fill_indexing(Kernels& table) { table.gather_rows = gather_rows; }

}  // namespace fastgrad::FASTGRAD_ISA
