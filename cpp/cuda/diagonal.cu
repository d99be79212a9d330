// The parts of matrices on either side of a diagonal.
#include <algorithm>

#include "cuda/families.h"
#include "cuda/launch.cuh"

namespace fastgrad::cuda {
namespace {

// Columns from `row + diagonal` on are kept of each row, or those up to it; the others become 0. A block for each row.
template <class T>
__global__ void keep_triangle(const T* x, T* out, Index all_rows, Index rows, Index columns, Index diagonal,
                              bool upper) {
  for (Index r = blockIdx.x; r < all_rows; r += gridDim.x) {
    const Index border = r % rows + diagonal;
    for (Index c = threadIdx.x; c < columns; c += blockDim.x) {
      const bool kept = upper ? c >= border : c <= border;
      out[r * columns + c] = kept ? x[r * columns + c] : T{0};
    }
  }
}

template <class T>
void start(const Tensor& out, const Tensor& x, Index diagonal, bool upper) {
  const Index rows = x.sizes[x.dim() - 2], columns = x.sizes[x.dim() - 1], all_rows = x.numel() / columns;
  const int threads = columns > 128 ? block_threads : 32;
  launch(upper ? "triu" : "tril", keep_triangle<T>, static_cast<unsigned>(std::min<Index>(all_rows, 1 << 20)), threads,
         0, static_cast<const T*>(x.address()), static_cast<T*>(out.address()), all_rows, rows, columns, diagonal,
         upper);
}

}  // namespace

void triangle(const Tensor& out, const Tensor& x, Index diagonal, bool upper) {
  switch (item_size(x.dtype)) {
    case 1:
      return start<std::uint8_t>(out, x, diagonal, upper);
    case 2:
      return start<std::uint16_t>(out, x, diagonal, upper);
    case 4:
      return start<std::uint32_t>(out, x, diagonal, upper);
    default:
      return start<std::uint64_t>(out, x, diagonal, upper);
  }
}

}  // namespace fastgrad::cuda
