// Rows moved by index.
#include "kernels.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

template <class Word>
void gather_words(void* to, const void* from, const Index* index, Index n) {
  for (Index i = 0; i < n; ++i) static_cast<Word*>(to)[i] = static_cast<const Word*>(from)[index[i]];
}

void gather_rows(void* to, const void* from, const Index* index, Index n, Index width) {
  if (width == 4) return gather_words<std::uint32_t>(to, from, index, n);
  if (width == 8) return gather_words<std::uint64_t>(to, from, index, n);
  for (Index i = 0; i < n; ++i) {
    __builtin_memcpy(static_cast<char*>(to) + i * width, static_cast<const char*>(from) + index[i] * width, width);
  }
}

}  // namespace

void fill_indexing(Kernels& table) { table.gather_rows = gather_rows; }

}  // namespace fastgrad::FASTGRAD_ISA
