// Elementwise functions of one tensor. Those of floats have a kernel each; the others share one that is told at run
// time which function to compute.
#include "cuda/families.h"
#include "cuda/special.cuh"
#include "kernels/vectors.h"

namespace fastgrad::cuda {
namespace {

// Arithmetic wraps around. Rounding leaves integers as they are.
struct OfIntegers {
  Unary op;

  template <class T>
  __device__ T operator()(T x) const {
    const auto bits = static_cast<std::uint64_t>(x);
    const auto negated = static_cast<T>(std::uint64_t{0} - bits);
    switch (op) {
      case Unary::neg:
        return negated;
      case Unary::abs:
        return is_negative(x) ? negated : x;
      case Unary::sign:
        return static_cast<T>((x > T{0}) - is_negative(x));
      case Unary::square:
        return static_cast<T>(bits * bits);
      case Unary::relu:
        return is_negative(x) ? T{0} : x;
      default:
        return x;
    }
  }
};

template <class T>
__device__ bool has_sign(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    return copysign(T{1}, x) < 0;
  } else {
    return is_negative(x);
  }
}

struct Test {
  Unary op;

  template <class T>
  __device__ bool operator()(T x) const {
    switch (op) {
      case Unary::logical_not:
        return x == 0;
      case Unary::isnan:
        return x != x;
      case Unary::isinf:
        return x == x && x - x != 0;  // infinity minus itself is NaN
      case Unary::isfinite:
        return x - x == 0;
      default:
        return has_sign(x);
    }
  }
};

template <Unary op>
struct OfFloats {
  template <class T>
  __device__ T operator()(T x) const {
    if constexpr (op == Unary::neg) {
      return -x;
    } else if constexpr (op == Unary::abs) {
      return magnitude(x);
    } else if constexpr (op == Unary::sign) {
      return static_cast<T>((x > 0) - (x < 0));
    } else if constexpr (op == Unary::floor) {
      return ::floor(x);
    } else if constexpr (op == Unary::ceil) {
      return ::ceil(x);
    } else if constexpr (op == Unary::round) {
      return ::rint(x);
    } else if constexpr (op == Unary::trunc) {
      return ::trunc(x);
    } else if constexpr (op == Unary::square) {
      return x * x;
    } else if constexpr (op == Unary::cube) {
      return x * x * x;
    } else if constexpr (op == Unary::frac) {
      return x - ::trunc(x);
    } else if constexpr (op == Unary::exp) {
      return ::exp(x);
    } else if constexpr (op == Unary::exp2) {
      return ::exp2(x);
    } else if constexpr (op == Unary::expm1) {
      return ::expm1(x);
    } else if constexpr (op == Unary::log) {
      return ::log(x);
    } else if constexpr (op == Unary::log2) {
      return ::log2(x);
    } else if constexpr (op == Unary::log10) {
      return ::log10(x);
    } else if constexpr (op == Unary::log1p) {
      return ::log1p(x);
    } else if constexpr (op == Unary::sqrt) {
      return ::sqrt(x);
    } else if constexpr (op == Unary::rsqrt) {
      return ::rsqrt(x);
    } else if constexpr (op == Unary::sin) {
      return ::sin(x);
    } else if constexpr (op == Unary::cos) {
      return ::cos(x);
    } else if constexpr (op == Unary::tan) {
      return ::tan(x);
    } else if constexpr (op == Unary::asin) {
      return ::asin(x);
    } else if constexpr (op == Unary::acos) {
      return ::acos(x);
    } else if constexpr (op == Unary::atan) {
      return ::atan(x);
    } else if constexpr (op == Unary::sinh) {
      return ::sinh(x);
    } else if constexpr (op == Unary::cosh) {
      return ::cosh(x);
    } else if constexpr (op == Unary::tanh) {
      return ::tanh(x);
    } else if constexpr (op == Unary::asinh) {
      return ::asinh(x);
    } else if constexpr (op == Unary::acosh) {
      return ::acosh(x);
    } else if constexpr (op == Unary::atanh) {
      return ::atanh(x);
    } else if constexpr (op == Unary::erf) {
      return ::erf(x);
    } else if constexpr (op == Unary::erfc) {
      return ::erfc(x);
    } else if constexpr (op == Unary::reciprocal) {
      return 1 / x;
    } else if constexpr (op == Unary::sigmoid) {
      return cuda::sigmoid(x);
    } else {
      static_assert(op == Unary::relu);
      return x < 0 ? T{0} : x;  // NaN and -0.0 stay
    }
  }
};

// f(OfFloats<op>{}) for an op from `first` to `last`.
template <Unary first, Unary last, class F>
void visit_from(Unary op, const F& f) {
  if (op == first) return f(OfFloats<first>{});
  if constexpr (first != last) visit_from<static_cast<Unary>(static_cast<int>(first) + 1), last>(op, f);
}

template <class T>
void of_floats(Unary op, const Tensor& out, const Tensor& x) {
  const auto run = [&](auto function) { map<T, T>("unary", function, out, {Term{&x, nullptr}}); };
  if (is_special(op)) return run(Special<T, Unary>{op});
  if (op == Unary::relu) return run(OfFloats<Unary::relu>{});
  visit_from<Unary::neg, Unary::erfc>(op, run);
}

}  // namespace

void unary(Unary op, const Tensor& out, const Tensor& x) {
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (gives_bool(op)) {
      map<bool, T>("unary", Test{op}, out, {Term{&x, nullptr}});
    } else if constexpr (std::is_floating_point_v<T>) {
      of_floats<T>(op, out, x);
    } else {
      map<T, T>("unary", OfIntegers{op}, out, {Term{&x, nullptr}});
    }
  });
}

}  // namespace fastgrad::cuda
