// Copies between geometries and dtypes, fills, and choices.
#include "cuda/elementwise.cuh"
#include "cuda/families.h"
#include "cuda/number.cuh"

namespace fastgrad::cuda {
namespace {

template <class To, class From>
struct Convert {
  __device__ To operator()(From x) const { return converted<To>(x); }
};

template <class T>
struct Choose {
  __device__ T operator()(bool condition, T a, T b) const { return condition ? a : b; }
};

}  // namespace

void copy(const Tensor& to, const Tensor& from) {
  if (to.dtype == from.dtype) {
    visit_width(to.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      map<T, T>("copy", Convert<T, T>{}, to, {Term{&from, nullptr}});
    });
    return;
  }
  visit_every_dtype(to.dtype, [&](auto to_tag) {
    visit_every_dtype(from.dtype, [&](auto from_tag) {
      using To = typename decltype(to_tag)::type;
      using From = typename decltype(from_tag)::type;
      if constexpr (!std::is_same_v<To, From>) {
        map<To, From>("copy", Convert<To, From>{}, to, {Term{&from, nullptr}});
      }
    });
  });
}

void fill(const Tensor& to, const void* number) {
  visit_width(to.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>("fill", Convert<T, T>{}, to, {Term{nullptr, number}});
  });
}

void where(const Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b) {
  visit_width(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, bool, T, T>("where", Choose<T>{}, out, {Term{&condition, nullptr}, Term{&a, nullptr}, Term{&b, nullptr}});
  });
}

}  // namespace fastgrad::cuda
