// Elementwise kernels of two inputs. Plain loops: the compiler makes vectors of them for each instruction set; and
// vector loops for those functions of floats that are computed in vectors of double.
#include <math.h>

#include "kernels.h"
#include "kernels/loop.h"
#include "kernels/trigonometry.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

template <class T>
constexpr bool is_float = sizeof(T) == 0;
template <>
constexpr bool is_float<float> = true;
template <>
constexpr bool is_float<double> = true;

// Integer arithmetic wraps around as PyTorch's does; in C++ only unsigned types may.
template <class T>
struct WrappingOf {
  using type = T;
};
template <>
struct WrappingOf<std::int32_t> {
  using type = std::uint32_t;
};
template <>
struct WrappingOf<Index> {
  using type = std::uint64_t;
};
template <class T>
using Wrapping = typename WrappingOf<T>::type;

struct Add {
  template <class T>
  static T of(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
  }
  static bool of(bool a, bool b) { return a | b; }
};

struct Sub {
  template <class T>
  static T of(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b));
  }
};

struct Mul {
  template <class T>
  static T of(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b));
  }
  static bool of(bool a, bool b) { return a & b; }
};

struct Div {
  template <class T>
  static T of(T a, T b) {
    return a / b;
  }
};

float fmod_of(float a, float b) { return fmodf(a, b); }
double fmod_of(double a, double b) { return fmod(a, b); }
float floor_of(float a) { return __builtin_floorf(a); }
double floor_of(double a) { return __builtin_floor(a); }

// The ops layer has refused integer division by zero; MIN / -1 traps on x86 and is done by wrapping negation.
template <class T>
T truncated_quotient(T a, T b) {
  if constexpr (static_cast<T>(-1) < T{0}) {
    if (b == T{-1}) return Sub::of(T{0}, a);
  }
  return static_cast<T>(a / b);
}

struct Fmod {
  template <class T>
  static T of(T a, T b) {
    if constexpr (is_float<T>) {
      return fmod_of(a, b);
    } else {
      return Sub::of(a, Mul::of(truncated_quotient(a, b), b));
    }
  }
};

// The sign of the divisor, as in Python.
struct Remainder {
  template <class T>
  static T of(T a, T b) {
    const T r = Fmod::of(a, b);
    return r != T{0} && (r < T{0}) != (b < T{0}) ? Add::of(r, b) : r;
  }
};

// Rounds towards minus infinity; for floats by way of fmod, so that the result fits `remainder` exactly.
struct FloorDivide {
  template <class T>
  static T of(T a, T b) {
    if constexpr (is_float<T>) {
      if (b == T{0}) return a / b;
      const T r = fmod_of(a, b);
      T quotient = (a - r) / b;
      if (r != T{0} && (r < T{0}) != (b < T{0})) quotient -= T{1};
      if (quotient == T{0}) return static_cast<T>(__builtin_copysign(0.0, a / b));
      const T whole = floor_of(quotient);
      return quotient - whole > T{0.5} ? whole + T{1} : whole;
    } else {
      const T quotient = truncated_quotient(a, b);
      const T r = Sub::of(a, Mul::of(quotient, b));
      return r != T{0} && (r < T{0}) != (b < T{0}) ? static_cast<T>(quotient - T{1}) : quotient;
    }
  }
};

struct Pow {
  static float of(float a, float b) { return powf(a, b); }
  static double of(double a, double b) { return pow(a, b); }
  template <class T>
  static T of(T a, T b) {
    if (b < T{0}) {  // 1 / a**-b in whole numbers
      if (a == T{1}) return T{1};
      return a == static_cast<T>(-1) ? ((b & T{1}) != 0 ? a : T{1}) : T{0};
    }
    T result = T{1};
    for (; b != T{0}; b = static_cast<T>(b >> 1)) {
      if ((b & T{1}) != 0) result = Mul::of(result, a);
      a = Mul::of(a, a);
    }
    return result;
  }
};

// NaN wins.
struct Maximum {
  template <class T>
  static T of(T a, T b) {
    return a > b || a != a ? a : b;
  }
};

struct Minimum {
  template <class T>
  static T of(T a, T b) {
    return a < b || a != a ? a : b;
  }
};

struct Atan2 {
  static float of(float a, float b) { return atan2f(a, b); }
  static double of(double a, double b) { return atan2(a, b); }
};

// A number wins over NaN.
struct Fmax {
  template <class T>
  static T of(T a, T b) {
    return a >= b || b != b ? a : b;
  }
};

struct Fmin {
  template <class T>
  static T of(T a, T b) {
    return a <= b || b != b ? a : b;
  }
};

struct Copysign {
  static float of(float a, float b) { return __builtin_copysignf(a, b); }
  static double of(double a, double b) { return __builtin_copysign(a, b); }
};

struct Hypot {
  static float of(float a, float b) { return hypotf(a, b); }
  static double of(double a, double b) { return hypot(a, b); }
};

struct Nextafter {
  static float of(float a, float b) { return nextafterf(a, b); }
  static double of(double a, double b) { return nextafter(a, b); }
};

struct Heaviside {
  template <class T>
  static T of(T a, T b) {
    return a == T{0} ? b : static_cast<T>(a > T{0});
  }
};

struct And {
  template <class T>
  static T of(T a, T b) {
    return static_cast<T>(a & b);
  }
};

struct Or {
  template <class T>
  static T of(T a, T b) {
    return static_cast<T>(a | b);
  }
};

struct Xor {
  template <class T>
  static T of(T a, T b) {
    return static_cast<T>(a ^ b);
  }
};

template <class T>
constexpr bool is_signed = static_cast<T>(-1) < T{0};

// A shift by a negative number of bits, or by more than there are, shifts all of them out.
template <class T>
bool shifts_all_out(T bits) {
  return bits < T{0} || bits >= static_cast<T>(8 * sizeof(T));
}

struct LeftShift {
  template <class T>
  static T of(T a, T bits) {
    return shifts_all_out(bits) ? T{0} : static_cast<T>(static_cast<Wrapping<T>>(a) << bits);
  }
};

struct RightShift {
  template <class T>
  static T of(T a, T bits) {
    if (shifts_all_out(bits)) return is_signed<T> && a < T{0} ? static_cast<T>(-1) : T{0};
    return static_cast<T>(a >> bits);
  }
};

template <class T>
Wrapping<T> size_of(T a) {
  return a < T{0} ? static_cast<Wrapping<T>>(Wrapping<T>{0} - static_cast<Wrapping<T>>(a))
                  : static_cast<Wrapping<T>>(a);
}

struct Gcd {
  template <class T>
  static T of(T a, T b) {
    Wrapping<T> x = size_of(a), y = size_of(b);
    while (y != 0) {
      const auto rest = static_cast<Wrapping<T>>(x % y);
      x = y;
      y = rest;
    }
    return static_cast<T>(x);
  }
};

struct Lcm {
  template <class T>
  static T of(T a, T b) {
    const Wrapping<T> divisor = size_of(Gcd::of(a, b));
    return divisor == 0 ? T{0} : static_cast<T>(static_cast<Wrapping<T>>(size_of(a) / divisor) * size_of(b));
  }
};

// The gradients of functions whose derivative is cheap in terms of their result y.
struct ReluBackward {
  template <class T>
  static T of(T g, T y) {
    return y <= T{0} ? T{0} : g;
  }
};

struct SigmoidBackward {
  template <class T>
  static T of(T g, T y) {
    return g * (y * (T{1} - y));
  }
};

struct TanhBackward {
  template <class T>
  static T of(T g, T y) {
    return g * (T{1} - y * y);
  }
};

#define FASTGRAD_PREDICATE(Name, expression) \
  struct Name {                              \
    template <class T>                       \
    static bool of(T a, T b) {               \
      return expression;                     \
    }                                        \
  };
FASTGRAD_PREDICATE(Eq, a == b)
FASTGRAD_PREDICATE(Ne, a != b)
FASTGRAD_PREDICATE(Lt, a < b)
FASTGRAD_PREDICATE(Le, a <= b)
FASTGRAD_PREDICATE(Gt, a > b)
FASTGRAD_PREDICATE(Ge, a >= b)
FASTGRAD_PREDICATE(LogicalAnd, (a != T{0}) & (b != T{0}))
FASTGRAD_PREDICATE(LogicalOr, (a != T{0}) | (b != T{0}))
FASTGRAD_PREDICATE(LogicalXor, (a != T{0}) != (b != T{0}))
#undef FASTGRAD_PREDICATE

// In-place calls have out == a: equal addresses are fine, the ops layer copies inputs that overlap otherwise.
template <class F, class T>
void loop(void* out, const void* left, const void* right, Index n, Index so, Index sa, Index sb) {
  using Result = decltype(F::of(T{}, T{}));
  auto* o = static_cast<Result*>(out);
  const auto* a = static_cast<const T*>(left);
  const auto* b = static_cast<const T*>(right);
  if (so == 1 && sa == 1 && sb == 1) {
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) o[i] = F::of(a[i], b[i]);
  } else if (so == 1 && sa == 1 && sb == 0) {
    const T y = *b;
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) o[i] = F::of(a[i], y);
  } else if (so == 1 && sa == 0 && sb == 1) {
    const T x = *a;
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) o[i] = F::of(x, b[i]);
  } else {
    for (Index i = 0; i < n; ++i) o[i * so] = F::of(a[i * sa], b[i * sb]);
  }
}

// ------------------------------------------------------------------------- floats by way of vectors of double
//
// value() gives a result for ordinary arguments and says which these are; the others ask the scalar function.

struct Partial {
  Vec<double> value;
  decltype(Vec<double>{} < Vec<double>{}) ordinary;
};

// a^b = exp(b log(a)) for a positive base.
struct WidePow : Pow {
  FASTGRAD_INLINE static Partial value(Vec<double> a, Vec<double> b) {
    return {exp(b * log(a)),
            (a > 0) & (a < FloatTraits<double>::infinity) & (magnitude(b) < FloatTraits<double>::infinity)};
  }
};

// a - n b is exact in double for floats a and b and n = trunc(a / b) below 2^28.
struct Division {
  Vec<double> quotient, rest;
  decltype(Vec<double>{} < Vec<double>{}) ordinary;
};
FASTGRAD_INLINE Division divided(Vec<double> a, Vec<double> b) {
  using V = Vec<double>;
  const V size = magnitude(a), step = magnitude(b), ratio = size / step, near = round_small(ratio);
  const V n = near > ratio ? near - 1 : near;
  return {n, with_sign(size - n * step, a), (ratio < 0x1p28) & (step < FloatTraits<double>::infinity)};
}

struct WideFmod : Fmod {
  FASTGRAD_INLINE static Partial value(Vec<double> a, Vec<double> b) {
    const Division d = divided(a, b);
    return {d.rest, d.ordinary};
  }
};

struct WideRemainder : Remainder {
  FASTGRAD_INLINE static Partial value(Vec<double> a, Vec<double> b) {
    const Division d = divided(a, b);
    return {(d.rest != 0) & ((d.rest < 0) != (b < 0)) ? d.rest + b : d.rest, d.ordinary};
  }
};

struct WideFloorDivide : FloorDivide {
  FASTGRAD_INLINE static Partial value(Vec<double> a, Vec<double> b) {
    const Division d = divided(a, b);
    const auto negative = (a < 0) != (b < 0);
    const Vec<double> down = -(d.rest != 0 ? d.quotient + 1 : d.quotient);
    return {negative ? down : d.quotient, d.ordinary & (a != 0) & (d.quotient < 0x1p22)};
  }
};

struct WideAtan2 : Atan2 {
  FASTGRAD_INLINE static Partial value(Vec<double> y, Vec<double> x) {
    const Vec<double> slope = magnitude(y) / magnitude(x), angle = atan(slope);
    return {with_sign(x < 0 ? 2 * half_pi - angle : angle, y), slope == slope};
  }
};

struct WideHypot : Hypot {
  FASTGRAD_INLINE static Partial value(Vec<double> a, Vec<double> b) {
    const Vec<double> square = a * a + b * b;
    return {sqrt(square), square < FloatTraits<double>::infinity};
  }
};

constexpr Index wide_block = 256;

template <class F>
FASTGRAD_INLINE void wide_vector(float* out, const float* a, const float* b) {
  const Vec<double> x = load_as<double>(a), y = load_as<double>(b);
  const Partial found = F::value(x, y);
  Vec<double> result = found.value;
  if (any(~found.ordinary)) {
    for (int k = 0; k < lanes<double>; ++k) {
      if (!found.ordinary[k]) result[k] = F::of(static_cast<float>(x[k]), static_cast<float>(y[k]));
    }
  }
  store_as<double>(out, result);
}

template <class F>
void wide_contiguous(float* out, const float* a, const float* b, Index n) {
  constexpr int width = lanes<double>;
  Index i = 0;
  for (; i + width <= n; i += width) wide_vector<F>(out + i, a + i, b + i);
  if (i == n) return;
  const auto bytes = static_cast<std::size_t>(n - i) * sizeof(float);
  float x[width] = {}, y[width] = {};
  __builtin_memcpy(x, a + i, bytes);
  __builtin_memcpy(y, b + i, bytes);
  wide_vector<F>(x, x, y);
  __builtin_memcpy(out + i, x, bytes);
}

// Blocks are gathered into contiguous memory; so is a number that is repeated.
template <class F>
void wide_loop(void* out, const void* left, const void* right, Index n, Index so, Index sa, Index sb) {
  auto* o = static_cast<float*>(out);
  const auto* a = static_cast<const float*>(left);
  const auto* b = static_cast<const float*>(right);
  if (so == 1 && sa == 1 && sb == 1) return wide_contiguous<F>(o, a, b, n);
  float x[wide_block], y[wide_block];
  for (Index begin = 0; begin < n; begin += wide_block) {
    const Index count = n - begin < wide_block ? n - begin : wide_block;
    for (Index i = 0; i < count; ++i) {
      x[i] = a[(begin + i) * sa];
      y[i] = b[(begin + i) * sb];
    }
    wide_contiguous<F>(x, x, y, count);
    for (Index i = 0; i < count; ++i) o[(begin + i) * so] = x[i];
  }
}

template <class F>
void set_wide(Kernels& table, Binary op) {
  table.binary[static_cast<int>(op)][static_cast<int>(DType::float32)] = wide_loop<F>;
}

template <class F, class... T>
void set(Kernels& table, Binary op) {
  ((table.binary[static_cast<int>(op)][static_cast<int>(DTypeOf<T>::value)] = loop<F, T>), ...);
}

template <class F>
void set_numbers(Kernels& table, Binary op) {
  set<F, std::uint8_t, std::int8_t, std::int16_t, std::int32_t, Index, float, double>(table, op);
}

template <class F>
void set_integers(Kernels& table, Binary op) {
  for_types(Integers{}, [&](auto tag) { set<F, typename decltype(tag)::type>(table, op); });
}

template <class F>
void set_all(Kernels& table, Binary op) {
  set<F, bool>(table, op);
  set_numbers<F>(table, op);
}

template <class F>
void set_floats(Kernels& table, Binary op) {
  set<F, float, double>(table, op);
}

template <class F>
void set_whole(Kernels& table, Binary op) {
  set<F, bool, std::uint8_t, std::int8_t, std::int16_t, std::int32_t, Index>(table, op);
}

void fill_arithmetic(Kernels& table) {
  set_all<Add>(table, Binary::add);
  set_numbers<Sub>(table, Binary::sub);
  set_all<Mul>(table, Binary::mul);
  set_floats<Div>(table, Binary::div);
  set_numbers<FloorDivide>(table, Binary::floor_divide);
  set_numbers<Remainder>(table, Binary::remainder);
  set_numbers<Fmod>(table, Binary::fmod);
  set_numbers<Pow>(table, Binary::pow);
  set_all<Maximum>(table, Binary::maximum);
  set_all<Minimum>(table, Binary::minimum);
  set_floats<Atan2>(table, Binary::atan2);
  set_all<Fmax>(table, Binary::fmax);
  set_all<Fmin>(table, Binary::fmin);
  set_floats<Copysign>(table, Binary::copysign);
  set_floats<Hypot>(table, Binary::hypot);
  set_floats<Nextafter>(table, Binary::nextafter);
  set_all<Heaviside>(table, Binary::heaviside);
  set_whole<And>(table, Binary::bitwise_and);
  set_whole<Or>(table, Binary::bitwise_or);
  set_whole<Xor>(table, Binary::bitwise_xor);
  set_integers<LeftShift>(table, Binary::bitwise_left_shift);
  set_integers<RightShift>(table, Binary::bitwise_right_shift);
  set_integers<Gcd>(table, Binary::gcd);
  set_integers<Lcm>(table, Binary::lcm);
  set_numbers<ReluBackward>(table, Binary::relu_backward);
  set_floats<SigmoidBackward>(table, Binary::sigmoid_backward);
  set_floats<TanhBackward>(table, Binary::tanh_backward);
}

void fill_wide(Kernels& table) {
  set_wide<WidePow>(table, Binary::pow);
  set_wide<WideFmod>(table, Binary::fmod);
  set_wide<WideRemainder>(table, Binary::remainder);
  set_wide<WideFloorDivide>(table, Binary::floor_divide);
  set_wide<WideAtan2>(table, Binary::atan2);
  set_wide<WideHypot>(table, Binary::hypot);
}

void fill_predicates(Kernels& table) {
  set_all<Eq>(table, Binary::eq);
  set_all<Ne>(table, Binary::ne);
  set_all<Lt>(table, Binary::lt);
  set_all<Le>(table, Binary::le);
  set_all<Gt>(table, Binary::gt);
  set_all<Ge>(table, Binary::ge);
  set_all<LogicalAnd>(table, Binary::logical_and);
  set_all<LogicalOr>(table, Binary::logical_or);
  set_all<LogicalXor>(table, Binary::logical_xor);
}

}  // namespace

void fill_binary(Kernels& table) {
  fill_arithmetic(table);
  fill_wide(table);
  fill_predicates(table);
}

}  // namespace fastgrad::FASTGRAD_ISA
