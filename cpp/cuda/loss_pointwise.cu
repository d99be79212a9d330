// Losses of an element and its target, and their gradients.
#include "cuda/elementwise.cuh"
#include "cuda/families.h"
#include "kernels/loss_pointwise.h"

namespace fastgrad::cuda {
namespace {

template <class F, class T>
struct Value {
  T a, scale;
  __device__ T operator()(T x, T target) const { return F::value(x, target, a) * scale; }
};

template <class F, class T>
struct Gradient {
  T a, scale;
  __device__ T operator()(T g, T x, T target) const { return F::slope(x, target, a) * (g * scale); }
};

// f(Function{}, TypeTag<T>{}) with the function of a loss and a type of floats.
template <class F>
void visit(PointwiseLoss loss, DType dtype, const F& f) {
  visit_function(loss, [&](auto function) {
    visit_dtype(dtype, [&](auto tag) {
      if constexpr (std::is_floating_point_v<typename decltype(tag)::type>) f(function, tag);
    });
  });
}

}  // namespace

void pointwise_loss(PointwiseLoss loss, const Tensor& out, const Tensor& x, const Tensor& target, double a,
                    double scale) {
  visit(loss, x.dtype, [&](auto function, auto tag) {
    using T = typename decltype(tag)::type;
    const Value<decltype(function), T> value{static_cast<T>(a), static_cast<T>(scale)};
    map<T, T, T>("pointwise_loss", value, out, {Term{&x, nullptr}, Term{&target, nullptr}});
  });
}

void pointwise_loss_backward(PointwiseLoss loss, const Tensor& dx, const Tensor& g, const Tensor& x,
                             const Tensor& target, double a, double scale) {
  visit(loss, x.dtype, [&](auto function, auto tag) {
    using T = typename decltype(tag)::type;
    const Gradient<decltype(function), T> gradient{static_cast<T>(a), static_cast<T>(scale)};
    map<T, T, T, T>("pointwise_loss", gradient, dx, {Term{&g, nullptr}, Term{&x, nullptr}, Term{&target, nullptr}});
  });
}

}  // namespace fastgrad::cuda
