// THE list of operations that Python sees, by family: one line each.
#include "bindings/functions.h"

#include <algorithm>
#include <iterator>

#include "bindings/function.h"
#include "ops/ops.h"

namespace fastgrad {
namespace {

using namespace ops;

constexpr Kind view_of_first = Kind::view;
constexpr Kind constant = Kind::constant;

// Operations that take 16-bit floats as they are.
template <auto f, Kind kind = Kind::differentiable>
PyMethodDef def_any(const char* name) {
  return def<f, kind, Halves::its_own>(name);
}

// Operations that compute on the host, wherever their tensors lie.
template <auto f, Kind kind = Kind::differentiable>
PyMethodDef def_on_host(const char* name) {
  return def<f, kind, Halves::widened, Devices::host>(name);
}

template <class F>
Tensor on(Index device, const F& make) {
  const DeviceGuard guard(Device{static_cast<std::int8_t>(device)});
  return make();
}

#define UNARY(name) def_any<[](const Tensor& x) { return unary(Unary::name, #name, x); }>(#name)
#define BINARY(name) \
  def_any<[](const Operand& a, const Operand& b) { return binary(Binary::name, #name, a, b); }>(#name)
#define TERNARY(name)                                                \
  def_any<[](const Operand& a, const Operand& b, const Operand& c) { \
    return ternary(Ternary::name, #name, a, b, c);                   \
  }>(#name)
#define TERNARY_INPLACE(name)                                                                                        \
  def_any<[](const Tensor& a, const Operand& b, const Operand& c) { ternary_(Ternary::name, #name "_", a, b, c); }>( \
      #name "_")
#define UNARY_INPLACE(name) def_any<[](const Tensor& x) { unary_(Unary::name, #name "_", x); }>(#name "_")
#define BINARY_INPLACE(name) \
  def_any<[](const Tensor& a, const Operand& b) { binary_(Binary::name, #name "_", a, b); }>(#name "_")

// An activation with none, one or two parameters, and its gradient.
#define ACTIVATION(name)                                                                                              \
  def<[](const Tensor& x) { return activation(Activation::name, #name, x, 0, 0); }>(#name),                           \
      def<[](const Tensor& g, const Tensor& x) { return activation_backward(Activation::name, #name, g, x, 0, 0); }>( \
          #name "_backward")
#define ACTIVATION_1(name)                                                                            \
  def<[](const Tensor& x, double a) { return activation(Activation::name, #name, x, a, 0); }>(#name), \
      def<[](const Tensor& g, const Tensor& x, double a) {                                            \
        return activation_backward(Activation::name, #name, g, x, a, 0);                              \
      }>(#name "_backward")
#define ACTIVATION_2(name)                                                                                      \
  def<[](const Tensor& x, double a, double b) { return activation(Activation::name, #name, x, a, b); }>(#name), \
      def<[](const Tensor& g, const Tensor& x, double a, double b) {                                            \
        return activation_backward(Activation::name, #name, g, x, a, b);                                        \
      }>(#name "_backward")

// A loss of an element and its target, with a parameter, and its gradient.
#define POINTWISE_LOSS(kind, name)                                                                \
  def<[](const Tensor& x, const Tensor& t, double a, bool total, double scale) {                  \
    return pointwise_loss(PointwiseLoss::kind, name, x, t, a, total, scale);                      \
  }>(name),                                                                                       \
      def<[](const Tensor& g, const Tensor& x, const Tensor& t, double a, double scale) {         \
        return pointwise_loss_backward(PointwiseLoss::kind, name "_backward", g, x, t, a, scale); \
      }>(name "_backward")

#define SCATTER(define, name, how)                                                  \
  define<[](const Tensor& to, Index dim, const Tensor& index, const Tensor& from) { \
    scatter_(#name, Scatter::how, to, dim, index, from);                            \
  }>(#name)
#define INDEX_WRITE(define, name, kind, how)                                          \
  define<[](const Tensor& to, Index dim, const Tensor& index, const Tensor& source) { \
    index_write_(#name, ErrorKind::kind, Scatter::how, to, dim, index, source);       \
  }>(#name)

PyMethodDef functions[] = {
    // creation
    def<[](const Dims& sizes, DType t) { return fastgrad::empty(sizes, t); }, constant>("empty"),
    def_any<empty_in_order_of, constant>("empty_in_order_of"),
    def<empty_strided, constant>("empty_strided"),
    def<full, constant>("full"),
    def<full_like, constant>("full_like"),
    def<eye, constant>("eye"),
    // the same on the device of that number
    def<[](Index at, const Dims& sizes, DType t) { return on(at, [&] { return fastgrad::empty(sizes, t); }); },
        constant>("empty_at"),
    def<[](Index at, const Dims& sizes, Scalar value, DType t) {
      return on(at, [&] { return full(sizes, value, t); });
    },
        constant>("full_at"),
    def<[](Index at, Index n, Index m, DType t) { return on(at, [&] { return eye(n, m, t); }); }, constant>("eye_at"),
    def<[](Index at, Scalar start, Scalar step, Index n, DType t) {
      return on(at, [&] { return arange(start, step, n, t); });
    },
        constant>("arange_at"),
    // ranges
    def<arange, constant>("arange"),
    def<linspace, constant>("linspace"),
    def<logspace, constant>("logspace"),
    def<triangle_indices, constant>("triangle_indices"),
    // zeros that are a result of x and y: inside vmap they differ between samples where these do
    def<[](const Tensor& x, const Tensor& /*y*/, const Dims& sizes) { return zeros(sizes, x.dtype); }, constant>(
        "zeros_for"),
    // transfer
    def<[](const Tensor& x, Index device, bool non_blocking) {
      return to_device(x, Device{static_cast<std::int8_t>(device)}, non_blocking);
    },
        Kind::differentiable, Halves::its_own, Devices::any>("to_device"),
    def_any<pinned>("pinned"),
    def<transfer_, Kind::differentiable, Halves::its_own, Devices::any>("transfer_"),
    def<[](const Tensor& to, const Tensor& from) { transfer_(to, from, false); }, Kind::differentiable, Halves::its_own,
        Devices::any>("copy_"),
    // conversion
    def_any<dense_copy>("cast"),
    def_any<clone>("clone"),
    def_any<fill_>("fill_"),
    def_any<where>("where"),
    def<[](const Tensor& x) { return x; }, constant>("detach"),
    def<[](const Tensor& x) { return x; }, constant>("cut"),
    // unary
    UNARY(neg),
    UNARY(cube),
    UNARY(frac),
    UNARY(abs),
    UNARY(sign),
    UNARY(floor),
    UNARY(ceil),
    UNARY(round),
    UNARY(trunc),
    UNARY(square),
    UNARY(exp),
    UNARY(exp2),
    UNARY(expm1),
    UNARY(log),
    UNARY(log2),
    UNARY(log10),
    UNARY(log1p),
    UNARY(sqrt),
    UNARY(rsqrt),
    UNARY(reciprocal),
    UNARY(sin),
    UNARY(cos),
    UNARY(tan),
    UNARY(asin),
    UNARY(acos),
    UNARY(atan),
    UNARY(sinh),
    UNARY(cosh),
    UNARY(tanh),
    UNARY(asinh),
    UNARY(acosh),
    UNARY(atanh),
    UNARY(erf),
    UNARY(sigmoid),
    UNARY(erfc),
    UNARY(erfcx),
    UNARY(erfinv),
    UNARY(ndtri),
    UNARY(lgamma),
    UNARY(digamma),
    UNARY(i0),
    UNARY(i0e),
    UNARY(i1),
    UNARY(i1e),
    UNARY(mantissa),
    UNARY(exponent),
    UNARY(relu),
    UNARY(logical_not),
    UNARY(isnan),
    UNARY(isinf),
    UNARY(isfinite),
    UNARY(signbit),
    UNARY_INPLACE(neg),
    UNARY_INPLACE(abs),
    UNARY_INPLACE(sign),
    UNARY_INPLACE(square),
    UNARY_INPLACE(exp),
    UNARY_INPLACE(exp2),
    UNARY_INPLACE(expm1),
    UNARY_INPLACE(log),
    UNARY_INPLACE(log2),
    UNARY_INPLACE(log10),
    UNARY_INPLACE(log1p),
    UNARY_INPLACE(sqrt),
    UNARY_INPLACE(rsqrt),
    UNARY_INPLACE(reciprocal),
    UNARY_INPLACE(sigmoid),
    UNARY_INPLACE(tanh),
    UNARY_INPLACE(relu),
    UNARY_INPLACE(floor),
    UNARY_INPLACE(ceil),
    UNARY_INPLACE(round),
    UNARY_INPLACE(trunc),
    UNARY_INPLACE(sin),
    UNARY_INPLACE(cos),
    UNARY_INPLACE(tan),
    UNARY_INPLACE(asin),
    UNARY_INPLACE(acos),
    UNARY_INPLACE(atan),
    UNARY_INPLACE(sinh),
    UNARY_INPLACE(cosh),
    UNARY_INPLACE(asinh),
    UNARY_INPLACE(acosh),
    UNARY_INPLACE(atanh),
    UNARY_INPLACE(erf),
    // binary
    BINARY(add),
    BINARY(sub),
    BINARY(mul),
    BINARY(div),
    BINARY(floor_divide),
    BINARY(remainder),
    BINARY(fmod),
    BINARY(pow),
    BINARY(maximum),
    BINARY(minimum),
    BINARY(atan2),
    BINARY(fmax),
    BINARY(fmin),
    BINARY(copysign),
    BINARY(hypot),
    BINARY(nextafter),
    BINARY(heaviside),
    BINARY(logaddexp),
    BINARY(logaddexp2),
    BINARY(ldexp),
    BINARY(xlogy),
    BINARY(xlog1py),
    BINARY(zeta),
    BINARY(bitwise_and),
    BINARY(bitwise_or),
    BINARY(bitwise_xor),
    BINARY(bitwise_left_shift),
    BINARY(bitwise_right_shift),
    BINARY(gcd),
    BINARY(lcm),
    BINARY(relu_backward),
    BINARY(sigmoid_backward),
    BINARY(tanh_backward),
    BINARY(eq),
    BINARY(ne),
    BINARY(lt),
    BINARY(le),
    BINARY(gt),
    BINARY(ge),
    BINARY(logical_and),
    BINARY(logical_or),
    BINARY(logical_xor),
    BINARY_INPLACE(add),
    BINARY_INPLACE(sub),
    BINARY_INPLACE(mul),
    BINARY_INPLACE(div),
    BINARY_INPLACE(maximum),
    BINARY_INPLACE(minimum),
    def_any<equal>("equal"),
    // ternary
    TERNARY(addcmul),
    TERNARY(addcdiv),
    TERNARY(lerp),
    TERNARY(clamp),
    TERNARY_INPLACE(addcmul),
    TERNARY_INPLACE(addcdiv),
    TERNARY_INPLACE(lerp),
    TERNARY_INPLACE(clamp),
    // reduction
    def<sum>("sum"),
    def<prod>("prod"),
    def<amax>("amax"),
    def<amin>("amin"),
    def<square_sum>("square_sum"),
    def<count_nonzero>("count_nonzero"),
    def<any>("any"),
    def<all>("all"),
    def<max_dim>("max_dim"),
    def<min_dim>("min_dim"),
    def<sum_to_size>("sum_to_size"),
    // scan
    def<cumsum>("cumsum"),
    def<cumprod>("cumprod"),
    def<cummax>("cummax"),
    def<cummin>("cummin"),
    def<logcumsumexp>("logcumsumexp"),
    def<recurrence>("recurrence"),
    // sort
    def<sort>("sort"),
    def<topk>("topk"),
    def<kthvalue>("kthvalue"),
    def<median>("median"),
    def<mode>("mode"),
    def<sort_rows>("sort_rows"),
    def<searchsorted>("searchsorted"),
    // statistics
    def<bincount, constant>("bincount"),
    // shape
    def<view, view_of_first>("view"),
    def<view_as_dtype, view_of_first>("view_as_dtype"),
    def<reshape, view_of_first>("reshape"),
    def<transpose, view_of_first>("transpose"),
    def<permute, view_of_first>("permute"),
    def<squeeze, view_of_first>("squeeze"),
    def<squeeze_all, view_of_first>("squeeze_all"),
    def<unsqueeze, view_of_first>("unsqueeze"),
    def<expand, view_of_first>("expand"),
    def<select, view_of_first>("select"),
    def<narrow, view_of_first>("narrow"),
    // strided
    def<as_strided, view_of_first>("as_strided"),
    def<strided_add>("strided_add"),
    def<unfold, view_of_first>("unfold"),
    // joining
    def_any<cat>("cat"),
    // arrangement
    def_any<flip>("flip"),
    def_any<roll>("roll"),
    def_any<repeat>("repeat"),
    def<repeat_interleave, constant>("repeat_interleave"),
    // indexing (getitem and setitem: bindings/indexing.cpp)
    def_any<nonzero>("nonzero"),
    def_any<index_select>("index_select"),
    def_any<gather>("gather"),
    def<one_hot>("one_hot"),
    // scatter
    SCATTER(def_any, scatter_, write),
    SCATTER(def, scatter_add_, add),
    SCATTER(def, scatter_multiply_, multiply),
    SCATTER(def, scatter_amin_, amin),
    SCATTER(def, scatter_amax_, amax),
    INDEX_WRITE(def, index_add_, runtime, add),
    INDEX_WRITE(def_any, index_copy_, index, write),
    def_any<index_fill_>("index_fill_"),
    def_any<[](const Tensor& to, Index dim, const Tensor& index, const Tensor& source) {
      return row_index("index_reduce", to, dim, index, source);
    }>("row_index"),
    def_any<masked_fill_>("masked_fill_"),
    // diagonal
    def<diagonal, view_of_first>("diagonal"),
    def_any<tril>("tril"),
    def_any<triu>("triu"),
    // matmul
    def_any<matmul>("matmul"),
    def_any<linear>("linear"),
    // linalg
    def_on_host<lu_factor>("lu_factor"),
    def_on_host<lu_solve>("lu_solve"),
    def_on_host<lu_permutation, constant>("lu_permutation"),
    def_on_host<solve_triangular>("solve_triangular"),
    def_on_host<ops::cholesky>("cholesky"),
    // distance
    def<cdist>("cdist"),
    // sampling
    def<sample>("sample"),
    def<sample_pixels_backward>("sample_pixels_backward"),
    def<sample_shares_backward>("sample_shares_backward"),
    // softmax
    def<softmax>("softmax"),
    def<log_softmax>("log_softmax"),
    def<softmax_backward>("softmax_backward"),
    def<log_softmax_backward>("log_softmax_backward"),
    // attention
    def<attention_forward>("attention"),
    def<attention_backward>("attention_backward"),
    // activation
    ACTIVATION(gelu),
    ACTIVATION(gelu_tanh),
    ACTIVATION(silu),
    ACTIVATION(mish),
    ACTIVATION_2(softplus),
    ACTIVATION(logsigmoid),
    ACTIVATION(softsign),
    ACTIVATION(tanhshrink),
    ACTIVATION_2(elu),
    ACTIVATION_1(celu),
    ACTIVATION_1(leaky_relu),
    ACTIVATION_2(hardtanh),
    ACTIVATION(hardswish),
    ACTIVATION(hardsigmoid),
    ACTIVATION_2(threshold),
    ACTIVATION_1(hardshrink),
    ACTIVATION_1(softshrink),
    // norm
    def<layer_norm>("layer_norm"),
    def<layer_norm_backward>("layer_norm_backward"),
    def<rms_norm>("rms_norm"),
    def<rms_norm_backward>("rms_norm_backward"),
    def<group_norm>("group_norm"),
    def<group_norm_backward>("group_norm_backward"),
    def<batch_norm>("batch_norm"),
    def<batch_norm_backward>("batch_norm_backward"),
    // conv
    def<convolution>("convolution"),
    def<convolution_input>("convolution_input"),
    def<convolution_weight>("convolution_weight"),
    def<im2col>("im2col"),
    def<col2im>("col2im"),
    // pool
    def<max_pool>("max_pool"),
    def<max_pool_places>("max_pool_places"),
    def<max_pool_backward>("max_pool_backward"),
    def<adaptive_max_pool>("adaptive_max_pool"),
    def<adaptive_max_pool_places>("adaptive_max_pool_places"),
    def<adaptive_max_pool_backward>("adaptive_max_pool_backward"),
    def<avg_pool>("avg_pool"),
    def<avg_pool_backward>("avg_pool_backward"),
    def<adaptive_avg_pool>("adaptive_avg_pool"),
    def<adaptive_avg_pool_backward>("adaptive_avg_pool_backward"),
    // loss
    def<cross_entropy>("cross_entropy"),
    def<cross_entropy_backward>("cross_entropy_backward"),
    def<nll_loss>("nll_loss"),
    def<nll_loss_backward>("nll_loss_backward"),
    POINTWISE_LOSS(mse, "mse_loss"),
    POINTWISE_LOSS(huber, "huber_loss"),
    POINTWISE_LOSS(kl_div, "kl_div"),
    POINTWISE_LOSS(kl_div_log, "kl_div_log"),
    POINTWISE_LOSS(bce_with_logits, "bce_with_logits"),
    def<label_weight>("label_weight"),
    def<[](const Tensor& target, Index classes, Index ignore_index) {
      return checked_labels("nll_loss", target, classes, ignore_index);
    }>("checked_labels"),
    // recurrent
    def<recurrent>("recurrent"),
    def<recurrent_backward>("recurrent_backward"),
    // ctc
    def<ctc_loss>("ctc_loss"),
    def<ctc_loss_backward>("ctc_loss_backward"),
    // random
    def_any<uniform_>("uniform_"),
    def_any<normal_>("normal_"),
    def_any<log_normal_>("log_normal_"),
    def_any<exponential_>("exponential_"),
    def_any<cauchy_>("cauchy_"),
    def_any<geometric_>("geometric_"),
    def_any<bernoulli_>("bernoulli_"),
    def_any<random_>("random_"),
    def<randperm, constant>("randperm"),
    def_any<multinomial, constant>("multinomial"),
    def_any<poisson, constant>("poisson"),
    // limits
    def<limit_multiply_add, constant>("limit_multiply_add"),
    def<limit_copy, constant>("limit_copy"),
    def<limit_triad, constant>("limit_triad"),
    def<limit_read, constant>("limit_read"),
    // optim: 16-bit parameters have 32-bit counters beside them
    def_any<sgd_>("sgd_"),
    def_any<adam_>("adam_"),
    def_any<adamax_>("adamax_"),
    def_any<nadam_>("nadam_"),
    def_any<radam_>("radam_"),
    def_any<rmsprop_>("rmsprop_"),
    def_any<adagrad_>("adagrad_"),
    def_any<adadelta_>("adadelta_"),
    def_any<rprop_>("rprop_"),
    def_any<asgd_>("asgd_"),
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

PyObject* after_exception(PyCFunction function, PyObject* const* args, Py_ssize_t count) {
  const auto found = [function] {
    return std::find_if(std::begin(functions), std::end(functions),
                        [&](const auto& f) { return f.ml_meth == function; });
  };
  try {
    throw;
  } catch (const BatchedArgument&) {
    return batched_call(found()->ml_name, args, count);
  } catch (const NoKernel&) {
    PyErr_SetString(PyExc_NotImplementedError, NoKernel(found()->ml_name).what());
    return nullptr;
  } catch (...) {
    translate_exception();
    return nullptr;
  }
}

void add_functions(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) != 0) throw PythonError{};
}

}  // namespace fastgrad
