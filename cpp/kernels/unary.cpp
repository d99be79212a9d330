// Elementwise kernels of one input: plain loops where the compiler finds the vectors itself, vector loops where the
// function is one of math.h's.
#include <math.h>

#include "kernels.h"
#include "kernels/loop.h"
#include "kernels/math.h"
#include "kernels/trigonometry.h"
#include "kernels/vec.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// ----------------------------------------------------------------------------------------------------------- loops

// In-place calls have out == in: equal addresses are fine, the ops layer copies inputs that overlap otherwise.
template <class Out, class T, class F>
void plain_loop(void* out, const void* in, Index n, Index out_stride, Index in_stride) {
  auto* to = static_cast<Out*>(out);
  const auto* from = static_cast<const T*>(in);
  if (out_stride == 1 && in_stride == 1) {
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) to[i] = F{}(from[i]);
  } else {
    for (Index i = 0; i < n; ++i) to[i * out_stride] = F{}(from[i * in_stride]);
  }
}

// F on vectors of C over contiguous elements of T. The tail goes through the same code on a padded vector, so that
// an element's bits do not depend on where it lies.
template <class T, class C, class F>
void map_contiguous(T* to, const T* from, Index n) {
  Index i = 0;
  for (; i + lanes<C> <= n; i += lanes<C>) store_as<C>(to + i, F{}(load_as<C>(from + i)));
  if (i == n) return;
  const auto tail_bytes = static_cast<std::size_t>(n - i) * sizeof(T);
  T tail[lanes<C>] = {};
  __builtin_memcpy(tail, from + i, tail_bytes);
  store_as<C>(tail, F{}(load_as<C>(tail)));
  __builtin_memcpy(to + i, tail, tail_bytes);
}

// As above with strides: blocks are gathered into contiguous memory and scattered from there.
template <class T, class C, class F>
void vector_loop(void* out, const void* in, Index n, Index out_stride, Index in_stride) {
  auto* to = static_cast<T*>(out);
  const auto* from = static_cast<const T*>(in);
  if (out_stride == 1 && in_stride == 1) return map_contiguous<T, C, F>(to, from, n);
  constexpr Index block_length = 256;
  T block[block_length];
  for (Index begin = 0; begin < n; begin += block_length) {
    const Index length = n - begin < block_length ? n - begin : block_length;
    for (Index i = 0; i < length; ++i) block[i] = from[(begin + i) * in_stride];
    map_contiguous<T, C, F>(block, block, length);
    for (Index i = 0; i < length; ++i) to[(begin + i) * out_stride] = block[i];
  }
}

// ------------------------------------------------------------------------------------------------- filling the table

template <class T>
UnaryLoop& entry(Kernels& table, Unary op) {
  return table.unary[static_cast<int>(op)][static_cast<int>(DTypeOf<T>::value)];
}

template <class... T, class F>
void set(Kernels& table, Unary op, F) {
  ((entry<T>(table, op) = plain_loop<T, T, F>), ...);
}

// Two's complement lets unsigned arithmetic stand for signed arithmetic that wraps around.
template <class F>
void set_wrapping(Kernels& table, Unary op, F f) {
  set<std::uint8_t, std::int8_t, std::int16_t, float, double>(table, op, f);
  entry<std::int32_t>(table, op) = plain_loop<std::uint32_t, std::uint32_t, F>;
  entry<Index>(table, op) = plain_loop<std::uint64_t, std::uint64_t, F>;
}

template <class F>
void set_test(Kernels& table, Unary op, F) {
  const auto set_for = [&](auto tag) {
    using T = typename decltype(tag)::type;
    entry<T>(table, op) = plain_loop<bool, T, F>;
  };
  set_for(TypeTag<bool>{});
  for_types(Integers{}, set_for);
  for_types(Floats{}, set_for);
}

template <class... T, class F>
void set_vector(Kernels& table, Unary op, F) {
  ((entry<T>(table, op) = vector_loop<T, T, F>), ...);
}

// float through vectors of double: (nearly) correctly rounded.
template <class F>
void set_float_through_double(Kernels& table, Unary op, F) {
  entry<float>(table, op) = vector_loop<float, double, F>;
}

// A rounding function: integers are copied.
template <class F>
void set_rounding(Kernels& table, Unary op, F f) {
  set<std::uint8_t, std::int8_t, std::int16_t, std::int32_t, Index>(table, op, [](auto x) { return x; });
  set_vector<float, double>(table, op, f);
}

// The C library's function of each element, for those that no inner loop of learning needs.
template <class T, T (*function)(T)>
void libm_loop(void* out, const void* in, Index n, Index out_stride, Index in_stride) {
  auto* to = static_cast<T*>(out);
  const auto* from = static_cast<const T*>(in);
  for (Index i = 0; i < n; ++i) to[i * out_stride] = function(from[i * in_stride]);
}

// ---------------------------------------------------------------------------------------------------------- rounding

// `rounded`, which may have lost the sign of a zero, or x itself where x is too large to have a fraction, or NaN.
template <class V>
FASTGRAD_INLINE V unless_whole(V x, V rounded) {
  return magnitude(x) < Traits<V>::exponent_magic ? with_sign(rounded, x) : x;
}

// x rounded half to even, for |x| < 2^mantissa_bits.
template <class V>
FASTGRAD_INLINE V round_even(V x) {
  const V magic = with_sign(splat<V>(Traits<V>::exponent_magic), x);
  return (x + magic) - magic;
}

template <class V>
FASTGRAD_INLINE V one_where(decltype(V{} < V{}) mask) {
  return mask ? splat<V>(1) : V{};
}

template <class V>
FASTGRAD_INLINE V floor(V x) {
  const V near = round_even(x);
  return unless_whole(x, near - one_where<V>(near > x));
}

template <class V>
FASTGRAD_INLINE V ceil(V x) {
  const V near = round_even(x);
  return unless_whole(x, near + one_where<V>(near < x));
}

// ---------------------------------------------------------------------------------------------------------- families

void fill_arithmetic(Kernels& table) {
  set_wrapping(table, Unary::neg, [](auto x) { return static_cast<decltype(x)>(-x); });
  set_wrapping(table, Unary::square, [](auto x) { return static_cast<decltype(x)>(x * x); });
  set<float, double>(table, Unary::cube, [](auto x) { return x * x * x; });
  set_vector<float, double>(table, Unary::abs, [](auto x) { return magnitude(x); });
  set<std::uint8_t>(table, Unary::abs, [](auto x) { return x; });
  set<std::int8_t, std::int16_t>(table, Unary::abs, [](auto x) { return static_cast<decltype(x)>(x < 0 ? -x : x); });
  set<std::int32_t>(table, Unary::abs, [](auto x) { return x < 0 ? static_cast<std::int32_t>(0u - x) : x; });
  set<Index>(table, Unary::abs, [](auto x) { return x < 0 ? static_cast<Index>(std::uint64_t{0} - x) : x; });
  set<bool>(table, Unary::sign, [](auto x) { return x; });
  set<std::uint8_t, std::int8_t, std::int16_t, std::int32_t, Index, float, double>(
      table, Unary::sign, [](auto x) { return static_cast<decltype(x)>((x > 0) - (x < 0)); });
  set<std::uint8_t, std::int8_t, std::int16_t, std::int32_t, Index, float, double>(
      table, Unary::relu, [](auto x) { return x < 0 ? decltype(x){0} : x; });  // NaN and -0.0 stay
}

void fill_rounding(Kernels& table) {
  set_rounding(table, Unary::floor, [](auto x) { return floor(x); });
  set_rounding(table, Unary::ceil, [](auto x) { return ceil(x); });
  set_rounding(table, Unary::round, [](auto x) { return unless_whole(x, round_even(x)); });
  set_rounding(table, Unary::trunc, [](auto x) { return x < 0 ? ceil(x) : floor(x); });
  set_vector<float, double>(table, Unary::frac, [](auto x) { return x - (x < 0 ? ceil(x) : floor(x)); });
}

void fill_roots(Kernels& table) {
  set_vector<float, double>(table, Unary::sqrt, [](auto x) { return sqrt(x); });
  set_vector<float, double>(table, Unary::rsqrt, [](auto x) { return 1 / sqrt(x); });
  set_vector<float, double>(table, Unary::reciprocal, [](auto x) { return 1 / x; });
}

void fill_exponential(Kernels& table) {
  set_vector<float, double>(table, Unary::exp, [](auto x) { return exp(x); });
  set_vector<float, double>(table, Unary::exp2, [](auto x) { return exp2(x); });
  set_vector<float, double>(table, Unary::expm1, [](auto x) { return expm1(x); });
  set_vector<float, double>(table, Unary::tanh, [](auto x) { return tanh(x); });
  set_vector<float, double>(table, Unary::sigmoid, [](auto x) { return sigmoid(x); });
  set_float_through_double(table, Unary::sinh, [](auto x) { return for_float::sinh(x); });
  set_float_through_double(table, Unary::cosh, [](auto x) { return for_float::cosh(x); });
  entry<double>(table, Unary::sinh) = libm_loop<double, ::sinh>;
  entry<double>(table, Unary::cosh) = libm_loop<double, ::cosh>;
}

void fill_logarithm(Kernels& table) {
  set_vector<float, double>(table, Unary::log, [](auto x) { return log(x); });
  set_vector<double>(table, Unary::log1p, [](auto x) { return log1p(x); });
  set_float_through_double(table, Unary::log1p, [](auto x) { return for_float::log1p(x); });
  set_vector<float, double>(table, Unary::log2, [](auto x) { return log2(x); });
  set_vector<double>(table, Unary::log10, [](auto x) { return log10(x); });
  set_float_through_double(table, Unary::log10, [](auto x) { return for_float::log10(x); });
}

void fill_trigonometry(Kernels& table) {
  set_vector<float, double>(table, Unary::sin, [](auto x) { return sin(x); });
  set_vector<float, double>(table, Unary::cos, [](auto x) { return cos(x); });
  set_vector<float, double>(table, Unary::tan, [](auto x) { return tan(x); });
  set_vector<float, double>(table, Unary::asin, [](auto x) { return asin(x); });
  set_vector<float, double>(table, Unary::acos, [](auto x) { return acos(x); });
  set_vector<float, double>(table, Unary::atan, [](auto x) { return atan(x); });
  set_float_through_double(table, Unary::asinh, [](auto x) { return for_float::asinh(x); });
  set_float_through_double(table, Unary::acosh, [](auto x) { return for_float::acosh(x); });
  set_float_through_double(table, Unary::atanh, [](auto x) { return for_float::atanh(x); });
  entry<double>(table, Unary::asinh) = libm_loop<double, ::asinh>;
  entry<double>(table, Unary::acosh) = libm_loop<double, ::acosh>;
  entry<double>(table, Unary::atanh) = libm_loop<double, ::atanh>;
}

void fill_erf(Kernels& table) {
  set_vector<float, double>(table, Unary::erf, [](auto x) { return erf(x); });
  set_float_through_double(table, Unary::erfc, [](auto x) { return for_float::erfc(x); });
  set_vector<double>(table, Unary::erfc, [](auto x) { return erfc(x); });
}

bool has_sign(float x) { return __builtin_signbit(x) != 0; }
bool has_sign(double x) { return __builtin_signbit(x) != 0; }
template <class T>
bool has_sign(T x) {
  return x < T{0};
}

void fill_tests(Kernels& table) {
  set_test(table, Unary::logical_not, [](auto x) { return x == 0; });
  set_test(table, Unary::isnan, [](auto x) { return x != x; });
  // Infinity minus itself is NaN; every whole number minus itself is 0.
  set_test(table, Unary::isinf, [](auto x) { return x == x && x - x != 0; });
  set_test(table, Unary::isfinite, [](auto x) { return x - x == 0; });
  set_test(table, Unary::signbit, [](auto x) { return has_sign(x); });
}

}  // namespace

void fill_unary(Kernels& table) {
  fill_arithmetic(table);
  fill_rounding(table);
  fill_roots(table);
  fill_exponential(table);
  fill_logarithm(table);
  fill_trigonometry(table);
  fill_erf(table);
  fill_tests(table);
}

}  // namespace fastgrad::FASTGRAD_ISA
