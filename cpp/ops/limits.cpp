// The limits of the machine, on all threads at once. Each thread works on slices of its own, again and again, so that
// a slice stays in the cache whose bandwidth is asked for.
#include "core/error.h"
#include "core/parallel.h"
#include "kernels.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

constexpr Index line = 64;  // kernels move so many floats at a time

// The floats of one of `slices` slices of a vector.
Index slice_of(const char* op, const Tensor& t, Index slices) {
  if (t.dtype != DType::float32 || t.dim() != 1 || !t.is_contiguous()) {
    fail(op, ": expects contiguous vectors of float32");
  }
  if (slices < 1 || t.numel() % (slices * line) != 0 || reinterpret_cast<std::uintptr_t>(t.raw()) % 64 != 0) {
    fail(op, ": expects vectors aligned to 64 bytes whose length is a multiple of 64 times the slices (", slices,
         "), got ", t.numel(), " elements");
  }
  return t.numel() / slices;
}

void check_same_length(const char* op, const Tensor& a, const Tensor& b) {
  if (a.numel() != b.numel()) fail(op, ": expects vectors of one length, got ", a.numel(), " and ", b.numel());
}

void check_repeats(const char* op, Index repeats) {
  if (repeats < 1) fail(op, ": expects a positive number of repeats, got ", repeats);
}

// f(begin of the slice) for each slice, `repeats` times.
template <class F>
void for_slices(Index slices, Index repeats, Index length, const F& f) {
  parallel_for(0, slices, 1, [&](Index begin, Index end) {
    for (Index slice = begin; slice < end; ++slice) {
      for (Index r = 0; r < repeats; ++r) f(slice, slice * length);
    }
  });
}

}  // namespace

Index limit_multiply_add(const Tensor& sums, Index rounds, double term) {
  check_writable("limit_multiply_add", sums);
  const Index slices = sums.numel();
  if (sums.dtype != DType::float32 || sums.dim() != 1 || !sums.is_contiguous()) {
    fail("limit_multiply_add: expects a contiguous vector of float32");
  }
  check_repeats("limit_multiply_add", rounds);
  const LimitKernels& limits = kernels().limits;
  float* out = sums.data<float>();
  for_slices(slices, 1, 1,
             [&](Index slice, Index) { out[slice] = limits.multiply_add(rounds, static_cast<float>(term)); });
  bump_version(sums);
  return slices * rounds * limits.flops;
}

void limit_copy(const Tensor& to, const Tensor& from, Index slices, Index repeats, bool past_caches) {
  check_writable("limit_copy", to);
  const Index n = slice_of("limit_copy", to, slices);
  slice_of("limit_copy", from, slices);
  check_same_length("limit_copy", to, from);
  check_repeats("limit_copy", repeats);
  float* out = to.data<float>();
  const float* in = from.data<float>();
  const auto copy = kernels().limits.copy;
  for_slices(slices, repeats, n, [&](Index, Index at) { copy(out + at, in + at, n, past_caches); });
  bump_version(to);
}

void limit_triad(const Tensor& to, const Tensor& a, const Tensor& b, Index slices, Index repeats, bool past_caches) {
  check_writable("limit_triad", to);
  const Index n = slice_of("limit_triad", to, slices);
  for (const Tensor* t : {&a, &b}) {
    slice_of("limit_triad", *t, slices);
    check_same_length("limit_triad", to, *t);
  }
  check_repeats("limit_triad", repeats);
  float* out = to.data<float>();
  const float *pa = a.data<float>(), *pb = b.data<float>();
  const auto triad = kernels().limits.triad;
  for_slices(slices, repeats, n, [&](Index, Index at) { triad(out + at, pa + at, pb + at, n, past_caches); });
  bump_version(to);
}

void limit_read(const Tensor& sums, const Tensor& from, Index repeats) {
  check_writable("limit_read", sums);
  const Index slices = sums.numel();
  if (sums.dtype != DType::float32 || sums.dim() != 1 || !sums.is_contiguous()) {
    fail("limit_read: expects a contiguous vector of float32 for the sums");
  }
  const Index n = slice_of("limit_read", from, slices);
  check_repeats("limit_read", repeats);
  float* out = sums.data<float>();
  const float* in = from.data<float>();
  const auto read = kernels().limits.read;
  for_slices(slices, repeats, n, [&](Index slice, Index at) { out[slice] = read(in + at, n); });
  bump_version(sums);
}

}  // namespace fastgrad::ops
