// Activation functions with up to two parameters, and their gradients.
#include "cuda/elementwise.cuh"
#include "cuda/families.h"
#include "kernels/activation.h"

namespace fastgrad::cuda {
namespace {

template <class F, class T>
struct Value {
  T a, b;
  __device__ T operator()(T x) const { return F::value(x, a, b); }
};

template <class F, class T>
struct Gradient {
  T a, b;
  __device__ T operator()(T g, T x) const { return F::gradient(g, x, a, b); }
};

// f(Function{}, TypeTag<T>{}) with the function of an op and a type of floats.
template <class F>
void visit(Activation op, DType dtype, const F& f) {
  visit_function(op, [&](auto function) {
    visit_dtype(dtype, [&](auto tag) {
      if constexpr (std::is_floating_point_v<typename decltype(tag)::type>) f(function, tag);
    });
  });
}

}  // namespace

void activation(Activation op, const Tensor& out, const Tensor& x, double a, double b) {
  visit(op, x.dtype, [&](auto function, auto tag) {
    using T = typename decltype(tag)::type;
    const Value<decltype(function), T> value{static_cast<T>(a), static_cast<T>(b)};
    map<T, T>("activation", value, out, {Term{&x, nullptr}});
  });
}

void activation_backward(Activation op, const Tensor& dx, const Tensor& g, const Tensor& x, double a, double b) {
  visit(op, x.dtype, [&](auto function, auto tag) {
    using T = typename decltype(tag)::type;
    const Gradient<decltype(function), T> gradient{static_cast<T>(a), static_cast<T>(b)};
    map<T, T, T>("activation", gradient, dx, {Term{&g, nullptr}, Term{&x, nullptr}});
  });
}

}  // namespace fastgrad::cuda
