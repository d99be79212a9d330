// Elements in another order, or several times.
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

// Copies `from`, rolled by shifts[d] along each dimension d >= first, to `to`: each dimension cuts both in two.
void roll_blocks(const Tensor& to, const Tensor& from, const Dims& shifts, int first) {
  while (first < shifts.size() && shifts[first] == 0) ++first;
  if (first == shifts.size()) return copy_(to, from);
  const Index n = from.sizes[first], shift = shifts[first];
  roll_blocks(narrow(to, first, shift, n - shift), narrow(from, first, 0, n - shift), shifts, first + 1);
  roll_blocks(narrow(to, first, 0, shift), narrow(from, first, n - shift, shift), shifts, first + 1);
}

// The shifts of each dimension, summed up and within [0, size).
Dims shifts_by_dim(const Tensor& x, const Dims& shifts, const Dims& dims) {
  Dims total(x.dim());
  for (int k = 0; k < dims.size(); ++k) {
    const int d = wrap_dim(dims[k], x.dim(), "roll");
    if (x.dim() == 0) fail(ErrorKind::index, "roll: Dimension specified as ", dims[k], " but tensor has no dimensions");
    const Index n = x.sizes[d];
    if (n > 0) total[d] = (total[d] + shifts[k] % n + n) % n;
  }
  return total;
}

}  // namespace

Tensor flip(const Tensor& x, const Dims& dims) {
  Tensor backwards = x;
  Dims seen(x.dim());
  for (Index dim : dims) {
    const int d = wrap_dim(dim, x.dim(), "flip");
    if (x.dim() == 0) continue;
    if (seen[d]++) fail("flip: dim ", d, " appears multiple times in the list of dims ", dims);
    if (x.sizes[d] == 0) continue;
    backwards.offset += (x.sizes[d] - 1) * x.strides[d];
    backwards.strides[d] = -x.strides[d];
  }
  return clone(backwards);
}

Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims) {
  if (shifts.empty()) fail("roll: `shifts` required; give one for each dimension of `dims`");
  if (dims.empty() && shifts.size() == 1) return view(roll(reshape(x, {-1}), shifts, {0}), x.sizes);
  if (dims.size() != shifts.size()) {
    fail("roll: shifts and dimensions must align. shifts: ", shifts.size(), ", dims: ", dims.size());
  }
  const Dims total = shifts_by_dim(x, shifts, dims);
  Tensor out = empty(x.sizes, x.dtype);
  if (x.numel() > 0) roll_blocks(out, x, total, 0);
  out.storage->version = 0;  // the first content is no change
  return out;
}

Tensor repeat(const Tensor& x, const Dims& repeats) {
  const int extra = repeats.size() - x.dim();
  if (extra < 0) {
    fail("repeat: Number of dimensions of repeat dims ", repeats,
         " can not be smaller than number of dimensions of tensor (", x.dim(), ")");
  }
  // Each dimension of the result as two: which copy, and where in it.
  Dims shape(repeats.size()), pairs(2 * repeats.size()), strides(2 * repeats.size());
  for (int d = 0; d < repeats.size(); ++d) {
    if (repeats[d] < 0) fail("repeat: the repeats must not be negative, got ", repeats);
    const Index n = d < extra ? 1 : x.sizes[d - extra];
    shape[d] = checked_multiply(repeats[d], n, repeats);
    pairs[2 * d] = repeats[d];
    pairs[2 * d + 1] = n;
    strides[2 * d + 1] = d < extra ? 0 : x.strides[d - extra];
  }
  Tensor out = empty(shape, x.dtype);
  copy_(out.view(pairs, contiguous_strides(pairs), 0), x.view(pairs, strides, x.offset));
  out.storage->version = 0;  // the first content is no change
  return out;
}

// Where the counts cannot be looked at one by one: element j belongs to the first whose repeats reach beyond j. Waits
// for their sum unless it is given.
static Tensor interleaved_on(const Tensor& counts, std::optional<Index> output_size, DType dtype) {
  if (counts.numel() == 0) return empty({0}, dtype);
  const Tensor ends = cumsum(counts, 0);
  const Index total = output_size ? *output_size : item(narrow(ends, 0, counts.numel() - 1, 1)).integer;
  const Tensor places = arange(Scalar::of(Index{0}), Scalar::of(Index{1}), total, DType::int64);
  const Tensor out = searchsorted(ends, places, {}, true);
  return dtype == DType::int64 ? out : cast(out, dtype);
}

Tensor repeat_interleave(const Tensor& repeats, std::optional<Index> output_size) {
  if (repeats.dim() != 1) {
    fail("repeat_interleave: only accepts a 1D vector (or a number) as repeats, got shape ", repeats.sizes);
  }
  if (repeats.dtype != DType::int64 && repeats.dtype != DType::int32) {
    fail(ErrorKind::not_implemented, "repeat_interleave: not implemented for repeats of ", dtype_name(repeats.dtype),
         "; use int64 or int32");
  }
  const Tensor counts = contiguous(repeats.dtype == DType::int64 ? repeats : cast(repeats, DType::int64));
  if (counts.device().is_cuda()) return interleaved_on(counts, output_size, repeats.dtype);
  const Index* count = counts.data<Index>();
  Index total = 0;
  for (Index i = 0; i < counts.numel(); ++i) {
    if (count[i] < 0) fail("repeat_interleave: repeats can not be negative, got ", count[i], " at position ", i);
    if (__builtin_add_overflow(total, count[i], &total)) fail("repeat_interleave: the repeats add up to too many");
  }
  if (output_size && *output_size != total) {
    fail("repeat_interleave: the repeats add up to ", total, ", but output_size is ", *output_size);
  }
  Tensor out = empty({total}, DType::int64);
  Index* to = out.data<Index>();
  for (Index i = 0; i < counts.numel(); ++i) {
    for (Index k = 0; k < count[i]; ++k) *to++ = i;
  }
  return repeats.dtype == DType::int64 ? out : cast(out, repeats.dtype);
}

}  // namespace fastgrad::ops
