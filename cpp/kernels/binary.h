// The elementwise functions of two numbers, with the element types that they are defined for.
#pragma once

#include <math.h>

#include "kernels/function.h"

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
  using Types = All;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
  }
  FASTGRAD_FUNCTION static bool of(bool a, bool b) { return a | b; }
};

struct Sub {
  using Types = Numbers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b));
  }
};

struct Mul {
  using Types = All;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b));
  }
  FASTGRAD_FUNCTION static bool of(bool a, bool b) { return a & b; }
};

struct Div {
  using Types = Floats;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    return a / b;
  }
};

FASTGRAD_FUNCTION inline float fmod_of(float a, float b) { return fmodf(a, b); }
FASTGRAD_FUNCTION inline double fmod_of(double a, double b) { return fmod(a, b); }
FASTGRAD_FUNCTION inline float floor_of(float a) { return floorf(a); }
FASTGRAD_FUNCTION inline double floor_of(double a) { return floor(a); }

// The ops layer has refused integer division by zero; MIN / -1 traps on x86 and is done by wrapping negation.
template <class T>
FASTGRAD_FUNCTION T truncated_quotient(T a, T b) {
#if defined(FASTGRAD_ON_CUDA)
  if (b == T{0}) return static_cast<T>(-1);  // there they are not looked for
#endif
  if constexpr (is_signed<T>) {
    if (b == T{-1}) return Sub::of(T{0}, a);
  }
  return static_cast<T>(a / b);
}

struct Fmod {
  using Types = Numbers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    if constexpr (is_float<T>) {
      return fmod_of(a, b);
    } else {
      return Sub::of(a, Mul::of(truncated_quotient(a, b), b));
    }
  }
};

// The sign of the divisor, as in Python.
struct Remainder {
  using Types = Numbers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    const T r = Fmod::of(a, b);
    return r != T{0} && is_negative(r) != is_negative(b) ? Add::of(r, b) : r;
  }
};

// Rounds towards minus infinity; for floats by way of fmod, so that the result fits `remainder` exactly.
struct FloorDivide {
  using Types = Numbers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    if constexpr (is_float<T>) {
      if (b == T{0}) return a / b;
      const T r = fmod_of(a, b);
      T quotient = (a - r) / b;
      if (r != T{0} && is_negative(r) != is_negative(b)) quotient -= T{1};
      if (quotient == T{0}) return static_cast<T>(copysign(0.0, static_cast<double>(a / b)));
      const T whole = floor_of(quotient);
      return quotient - whole > T{0.5} ? whole + T{1} : whole;
    } else {
      const T quotient = truncated_quotient(a, b);
      const T r = Sub::of(a, Mul::of(quotient, b));
      return r != T{0} && is_negative(r) != is_negative(b) ? static_cast<T>(quotient - T{1}) : quotient;
    }
  }
};

struct Pow {
  using Types = Numbers;
  FASTGRAD_FUNCTION static float of(float a, float b) { return powf(a, b); }
  FASTGRAD_FUNCTION static double of(double a, double b) { return pow(a, b); }
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    if (is_negative(b)) {  // 1 / a**-b in whole numbers
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
  using Types = All;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    return a > b || a != a ? a : b;
  }
};

struct Minimum {
  using Types = All;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    return a < b || a != a ? a : b;
  }
};

struct Atan2 {
  using Types = Floats;
  FASTGRAD_FUNCTION static float of(float a, float b) { return atan2f(a, b); }
  FASTGRAD_FUNCTION static double of(double a, double b) { return atan2(a, b); }
};

// A number wins over NaN.
struct Fmax {
  using Types = All;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    return a >= b || b != b ? a : b;
  }
};

struct Fmin {
  using Types = All;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    return a <= b || b != b ? a : b;
  }
};

struct Copysign {
  using Types = Floats;
  FASTGRAD_FUNCTION static float of(float a, float b) { return copysignf(a, b); }
  FASTGRAD_FUNCTION static double of(double a, double b) { return copysign(a, b); }
};

struct Hypot {
  using Types = Floats;
  FASTGRAD_FUNCTION static float of(float a, float b) { return hypotf(a, b); }
  FASTGRAD_FUNCTION static double of(double a, double b) { return hypot(a, b); }
};

struct Nextafter {
  using Types = Floats;
  FASTGRAD_FUNCTION static float of(float a, float b) { return nextafterf(a, b); }
  FASTGRAD_FUNCTION static double of(double a, double b) { return nextafter(a, b); }
};

struct Heaviside {
  using Types = All;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    return a == T{0} ? b : static_cast<T>(a > T{0});
  }
};

struct And {
  using Types = WholeNumbers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    return static_cast<T>(a & b);
  }
};

struct Or {
  using Types = WholeNumbers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    return static_cast<T>(a | b);
  }
};

struct Xor {
  using Types = WholeNumbers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    return static_cast<T>(a ^ b);
  }
};

// A shift by a negative number of bits, or by more than there are, shifts all of them out.
template <class T>
FASTGRAD_FUNCTION bool shifts_all_out(T bits) {
  return is_negative(bits) || bits >= static_cast<T>(8 * sizeof(T));
}

struct LeftShift {
  using Types = Integers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T bits) {
    return shifts_all_out(bits) ? T{0} : static_cast<T>(static_cast<Wrapping<T>>(a) << bits);
  }
};

struct RightShift {
  using Types = Integers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T bits) {
    if (shifts_all_out(bits)) return is_negative(a) ? static_cast<T>(-1) : T{0};
    return static_cast<T>(a >> bits);
  }
};

template <class T>
FASTGRAD_FUNCTION Wrapping<T> size_of(T a) {
  return is_negative(a) ? static_cast<Wrapping<T>>(Wrapping<T>{0} - static_cast<Wrapping<T>>(a))
                        : static_cast<Wrapping<T>>(a);
}

struct Gcd {
  using Types = Integers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
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
  using Types = Integers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b) {
    const Wrapping<T> divisor = size_of(Gcd::of(a, b));
    return divisor == 0 ? T{0} : static_cast<T>(static_cast<Wrapping<T>>(size_of(a) / divisor) * size_of(b));
  }
};

// The gradients of functions whose derivative is cheap in terms of their result y.
struct ReluBackward {
  using Types = Numbers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T g, T y) {
    return y <= T{0} ? T{0} : g;
  }
};

struct SigmoidBackward {
  using Types = Floats;
  template <class T>
  FASTGRAD_FUNCTION static T of(T g, T y) {
    return g * (y * (T{1} - y));
  }
};

struct TanhBackward {
  using Types = Floats;
  template <class T>
  FASTGRAD_FUNCTION static T of(T g, T y) {
    return g * (T{1} - y * y);
  }
};

#define FASTGRAD_PREDICATE(Name, expression)     \
  struct Name {                                  \
    using Types = All;                           \
    template <class T>                           \
    FASTGRAD_FUNCTION static bool of(T a, T b) { \
      return expression;                         \
    }                                            \
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

// f(Function{}) with the function of an op; nothing for those in special.h.
FASTGRAD_CALLS_ANY
template <class F>
FASTGRAD_FUNCTION void visit_function(Binary op, const F& f) {
  switch (op) {
    case Binary::add:
      return f(Add{});
    case Binary::sub:
      return f(Sub{});
    case Binary::mul:
      return f(Mul{});
    case Binary::div:
      return f(Div{});
    case Binary::floor_divide:
      return f(FloorDivide{});
    case Binary::remainder:
      return f(Remainder{});
    case Binary::fmod:
      return f(Fmod{});
    case Binary::pow:
      return f(Pow{});
    case Binary::maximum:
      return f(Maximum{});
    case Binary::minimum:
      return f(Minimum{});
    case Binary::atan2:
      return f(Atan2{});
    case Binary::fmax:
      return f(Fmax{});
    case Binary::fmin:
      return f(Fmin{});
    case Binary::copysign:
      return f(Copysign{});
    case Binary::hypot:
      return f(Hypot{});
    case Binary::nextafter:
      return f(Nextafter{});
    case Binary::heaviside:
      return f(Heaviside{});
    case Binary::bitwise_and:
      return f(And{});
    case Binary::bitwise_or:
      return f(Or{});
    case Binary::bitwise_xor:
      return f(Xor{});
    case Binary::bitwise_left_shift:
      return f(LeftShift{});
    case Binary::bitwise_right_shift:
      return f(RightShift{});
    case Binary::gcd:
      return f(Gcd{});
    case Binary::lcm:
      return f(Lcm{});
    case Binary::relu_backward:
      return f(ReluBackward{});
    case Binary::sigmoid_backward:
      return f(SigmoidBackward{});
    case Binary::tanh_backward:
      return f(TanhBackward{});
    case Binary::eq:
      return f(Eq{});
    case Binary::ne:
      return f(Ne{});
    case Binary::lt:
      return f(Lt{});
    case Binary::le:
      return f(Le{});
    case Binary::gt:
      return f(Gt{});
    case Binary::ge:
      return f(Ge{});
    case Binary::logical_and:
      return f(LogicalAnd{});
    case Binary::logical_or:
      return f(LogicalOr{});
    case Binary::logical_xor:
      return f(LogicalXor{});
    default:
      return;
  }
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
