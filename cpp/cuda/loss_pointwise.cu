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

// A block sums up what its threads meet, in an order that depends on the grid alone. The sum is scaled, so that that of
// nothing is NaN where the scale is infinite: a mean.
template <class F, class T>
__global__ void write_sums(F f, T scale, T* sums, const T* x, const T* target, Index n) {
  __shared__ T staged[block_threads];
  T sum{};
  for (Index i = thread_index(); i < n; i += thread_count()) sum += f(x[i], target[i]);
  staged[threadIdx.x] = sum;
  for (int half = block_threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < half) staged[threadIdx.x] += staged[threadIdx.x + half];
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = staged[0] * scale;
}

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

void pointwise_loss_sums(PointwiseLoss loss, const Tensor& sums, const Tensor& x, const Tensor& target, double a,
                         double scale) {
  visit(loss, x.dtype, [&](auto function, auto tag) {
    using T = typename decltype(tag)::type;
    using F = Value<decltype(function), T>;
    launch("pointwise_loss", write_sums<F, T>, static_cast<unsigned>(sums.numel()), block_threads, 0,
           F{static_cast<T>(a), T{1}}, static_cast<T>(scale), static_cast<T*>(sums.address()),
           static_cast<const T*>(x.address()), static_cast<const T*>(target.address()), x.numel());
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
