// THE list of kernels: every kernel's name and signature. One table of function pointers is made from it
// per instruction set (kernels/table.cpp), and core/isa.cpp picks one when the library is loaded.
//
// A kernel sees raw pointers, sizes and strides (both in elements), never a tensor; it does not allocate,
// does not throw, does not start threads, and gives each output element the same bits wherever the caller
// cuts the work into pieces. A null entry means "no such kernel for this dtype"; the ops layer says so.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace fastgrad {

using Index = std::int64_t;

// clang-format off
enum class Unary : int {
  neg, abs, sign, floor, ceil, round, trunc, square,                    // any number
  cube, frac,                                                           // floats only from here
  exp, exp2, expm1, log, log2, log10, log1p, sqrt, rsqrt, reciprocal,
  sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, asinh, acosh, atanh, erf, sigmoid,
  erfc, erfcx, erfinv, ndtri, lgamma, digamma, i0, i0e, i1, i1e,
  mantissa, exponent,                                                   // the two parts of frexp
  relu,
  logical_not, isnan, isinf, isfinite, signbit,                         // bool results
  count
};

enum class Binary : int {
  add, sub, mul, div, floor_divide, remainder, fmod, pow, maximum, minimum, atan2,
  fmax, fmin, copysign, hypot, nextafter, heaviside, logaddexp, logaddexp2, ldexp, xlogy, xlog1py, zeta,
  bitwise_and, bitwise_or, bitwise_xor, bitwise_left_shift, bitwise_right_shift, gcd, lcm,
  relu_backward, sigmoid_backward, tanh_backward,                       // (gradient, result of the forward)
  eq, ne, lt, le, gt, ge, logical_and, logical_or, logical_xor,         // bool results
  count
};
// clang-format on

// a + b c, a + b / c, a moved towards b by the fraction c of the way, and a limited to [b, c].
enum class Ternary : int { addcmul, addcdiv, lerp, clamp, count };

// Sums and products of integers are int64, as is how many elements are not 0.
enum class Reduce : int { sum, prod, max, min, square_sum, nonzero, count };

// Functions f(x; a, b) of one element with up to two parameters.
enum class Activation : int {
  gelu,
  gelu_tanh,
  silu,
  mish,
  softplus,  // a: beta, b: threshold
  logsigmoid,
  softsign,
  tanhshrink,
  elu,         // a: alpha, b: scale
  celu,        // a: alpha
  leaky_relu,  // a: negative slope
  hardtanh,    // a: min, b: max
  hardswish,
  hardsigmoid,
  threshold,   // a: threshold, b: value
  hardshrink,  // a: lambda
  softshrink,  // a: lambda
  count
};

// Losses f(x, t; a) of an element x and its target t.
enum class PointwiseLoss : int {
  mse,
  huber,       // a: delta
  kl_div,      // x: the logarithm of a probability
  kl_div_log,  // t: too
  bce_with_logits,
  count
};

constexpr bool gives_bool(Unary op) { return op >= Unary::logical_not; }
constexpr bool gives_bool(Binary op) { return op >= Binary::eq; }

// out[i * out_stride] = f(in[i * in_stride]) for i < n.
using UnaryLoop = void (*)(void* out, const void* in, Index n, Index out_stride, Index in_stride);
// out[i * so] = f(a[i * sa], b[i * sb]) for i < n; a stride of 0 repeats one element.
using BinaryLoop = void (*)(void* out, const void* a, const void* b, Index n, Index so, Index sa, Index sb);
// out[i * so] = f(a[i * sa], b[i * sb], c[i * sc]) for i < n; a stride of 0 repeats one element.
using TernaryLoop = void (*)(void* out, const void* a, const void* b, const void* c, Index n, Index so, Index sa,
                             Index sb, Index sc);
// out[i] = mask[i] ? a[i] : b[i], each with its own stride.
using WhereLoop = void (*)(void* out, const bool* mask, const void* a, const void* b, Index n, Index so, Index sm,
                           Index sa, Index sb);
// out[r] = f over in[r * row_stride + i], i < n, for each row r < rows.
using ReduceRows = void (*)(void* out, const void* in, Index rows, Index n, Index row_stride);
// out[c] = f over in[r * row_stride + c], r < rows, for each column c < n.
using ReduceColumns = void (*)(void* out, const void* in, Index rows, Index n, Index row_stride);
// The value and the position of the first largest (or smallest) of n strided elements; NaN wins.
using ArgLoop = void (*)(void* value, Index* position, const void* in, Index n, Index stride);
// The same of each column c < n over in[r * row_stride + c], r < rows.
using ArgColumns = void (*)(void* value, Index* position, const void* in, Index rows, Index n, Index row_stride);
struct ArgKernels {
  ArgLoop line;
  ArgColumns columns;
};
// out[r * out_stride + c] = in[c * in_stride + r] for r < rows and c < columns.
using TransposeLoop = void (*)(void* out, const void* in, Index rows, Index columns, Index out_stride, Index in_stride);

// Rows of `width` bytes moved by index: row i of `to` starts at byte index[i] * step of `from`, i < n. Indices are
// already checked, here and below.
using GatherRows = void (*)(void* to, const void* from, const Index* index, Index n, Index width, Index step);
// Elements i < n, one after the other: element i of the indexed side lies at i * line + index[i * index_step] * step,
// and i * other_step is that of the other side.
struct IndexedSteps {
  Index line, step, index_step, other_step;
};
using GatherLoop = void (*)(void* to, const void* indexed, const Index* index, Index n, const IndexedSteps& steps);
using ScatterLoop = void (*)(void* indexed, const void* from, const Index* index, Index n, const IndexedSteps& steps);
// What becomes of an element that is written to: the new one, or one made of both.
enum class Scatter { write, add, multiply, amin, amax, count };

// Windows that move over the three last dimensions of an image (the first of them has size 1 where there are fewer).
// Along dimension d window i has the places i * stride - padding + k * dilation, k < kernel; outside of the image is 0.
struct Windows {
  Index in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
};
// A matrix of one row for each place in a window, in which each window has a column, for each channel of an image.
using UnfoldLoop = void (*)(void* columns, const void* image, Index channels, const Windows& w);
// The adjoint of that: every element of the image becomes the sum of those that were copied from it.
using FoldLoop = void (*)(void* image, const void* columns, Index channels, const Windows& w);

// Direct convolutions of float32 (ops/conv_direct.cpp drives them). What they read of an image is found through lists
// of places, which are distances from a pointer.
using Place = std::int32_t;

// c[i * plane + r * c_row + j] = bias[i] + sum over p < depth of weight[p * filters + i] * a[at[p] + r * a_row + j];
// of a, elements behind the last column's are read, fewer than a vector has.
struct FewFilters {
  float* c;
  Index plane, c_row;
  const float* a;
  const Place* at;
  Index a_row;
  const float* weight;
  const float* bias;  // or null
  Index filters, depth;
};

// c[(i * taps + t) * lanes + l] += the sum over rows r, and over the columns j with j % lanes == l, of
// g[i * plane + r * g_row + j] * a[tap[t] + r * a_row + j].
struct FewDots {
  Index plane, g_row, a_row, taps, rows, columns;
};

// Row i < rows of `to` gets, at phase * width + q for phase < stride and q < width, the element q * stride + phase -
// left of row i - first_row of `from`, whose rows are `in` long and follow each other; 0 where there is none, and in
// the rows before first_row and from last_row on. With `inside` only the elements that exist are written.
struct PaddedRows {
  Index width, stride, left, in, rows, first_row, last_row;
  bool inside;
};

struct ConvKernels {
  Index lanes;  // elements of a vector
  Index wide;   // the most vectors side by side
  // c[i * width + j] = sum over p < depth of a[at[p] + i] * b[p * width + j] for i < count and j < width = vectors *
  // lanes, where vectors is 1, 2 or `wide`; added to c when `add`.
  void (*positions)(float* c, const float* a, const Place* at, Index count, const float* b, Index vectors, Index depth,
                    bool add);
  // c[i * width + j] = sum over p < depth of a[tap[i] + at[p]] * b[p * width + j]; added to c when `add`.
  void (*taps)(float* c, const float* a, const Place* tap, Index count, const Place* at, const float* b, Index vectors,
               Index depth, bool add);
  void (*filters)(const FewFilters& f, Index rows, Index columns);
  void (*dots)(float* c, const float* g, Index filters, const float* a, const Place* tap, const FewDots& d);
  // to[j * to_stride + i] = from[i * from_stride + j], plus bias[j] unless bias is null, for i < rows, j < columns.
  void (*transpose)(float* to, Index to_stride, const float* from, Index from_stride, const float* bias, Index rows,
                    Index columns);
  void (*pad_rows)(float* to, const float* from, const PaddedRows& r);
};

// The transformations of Winograd's convolution (ops/conv_winograd.cpp): a tile of 2 x 2 results comes from 4 x 4
// elements of an image and 3 x 3 of a kernel, which are turned into 16 numbers each. Number k lies in the plane k.
struct WinogradKernels {
  // u[k * plane + c] of the kernels weight[c * stride + 0 ... 8], c < channels; `flipped`: turned around.
  void (*weights)(float* u, Index plane, const float* weight, Index stride, Index channels, bool flipped);
  // v[k * plane + r * tiles + t] of tile t in row r. Row i of the image lies at image + i * 2 * width: its elements of
  // even numbers, and those of odd numbers from `width` on. Both v and the image are touched behind their ends, by less
  // than a vector each.
  void (*image)(float* v, Index plane, const float* image, Index width, Index rows, Index tiles);
  // The results, rows x columns of them, `columns` apart, from the products m[k * plane + r * tiles + t], plus a bias.
  void (*results)(float* out, const float* m, Index plane, Index rows, Index columns, float bias);
};

// The places begin, begin + step, ... below end that a window has along one dimension of an image, where begin is a
// place in any case; an average is divided by the product of the three sizes.
struct Span {
  Index begin, end, size;
};
struct Spans {
  Index in[3], out[3], step[3];
  const Span* span[3];  // out[d] of them
  Index reach[3];       // the most places that a window has
  // Along the last dimension the windows [whole_begin, whole_end) have reach[2] places and begin `stride` apart, and
  // their sizes are equal.
  Index whole_begin, whole_end, stride;
};
// The largest element of each window and where it is. NaN wins; of equals the first. `where` is its place in the image,
// which has `planes` channels, as an Index, or, from the kernel for windows that reach no more than
// largest_small_window places (max_pool_small), its number in the window, a byte; the numbers count along reach[0],
// reach[1] and reach[2].
using MaxPoolLoop = void (*)(void* out, void* where, const void* in, Index planes, const Spans& s);
inline constexpr Index largest_small_window = 256;
// The first from the second.
using MaxPoolPlaces = void (*)(Index* place, const std::uint8_t* where, Index planes, const Spans& s);
// The gradient of the image, from either.
using MaxPoolBackwardLoop = void (*)(void* dx, const void* g, const void* where, Index planes, const Spans& s);
using AvgPoolLoop = void (*)(void* out, const void* in, Index planes, const Spans& s);
using AvgPoolBackwardLoop = void (*)(void* dx, const void* g, Index planes, const Spans& s);

// One side of a matrix product, read as panels of whole tile rows of A or tile columns of B: element i of the panel q
// at depth p lies at data[q * panel + i * element + p * step]. B's `element` is always 1.
template <class T>
struct Panels {
  const T* data;
  Index panel, element, step;
};

// The matrix product's inner loops (ops/gemm.cpp drives them), for T = float and double. All add to C when `add`,
// and overwrite it otherwise.
template <class T>
struct MatmulKernels {
  Index tile_rows, tile_columns;  // a panel of A has so many rows, one of B so many columns

  // c[i * ldc + j] = sum over p of A[i, p] B[p, j]; sums of outer products, the quickest way for all but thin shapes.
  // A's `element` or its `step` is 1.
  void (*multiply)(T* c, Index ldc, const Panels<T>& a, const Panels<T>& b, Index rows, Index columns, Index depth,
                   bool add);
  // c[i * ldc + j] = sum over p of a[i * lda + p] b[j * ldb + p]; dot products, for few columns (or few rows).
  void (*dot)(T* c, Index ldc, const T* a, Index lda, const T* b, Index ldb, Index rows, Index columns, Index depth,
              bool add);
  // c[j] = sum over p of a[p * a_stride] b[p * ldb + j]; reads a large b once, row after row.
  void (*combine_rows)(T* c, const T* a, Index a_stride, const T* b, Index ldb, Index columns, Index depth, bool add);
  // to[p * width + i] = from[i * stride + p * step] for i < count and p < depth, in panels of `width` i each, which
  // follow each other; the places of missing i in the last one stay as they are.
  void (*pack)(T* to, const T* from, Index stride, Index step, Index count, Index width, Index depth);
  // c[i * ldc + j] += bias[j], or bias[i] if that belongs to the rows
  void (*add_bias)(T* c, Index ldc, const T* bias, bool of_rows, Index rows, Index columns);
};

// Row-wise kernels over contiguous rows of n elements.
template <class T>
struct SoftmaxKernels {
  // y[r] = softmax(x[r]); y may be x.
  void (*softmax)(T* y, const T* x, Index rows, Index n);
  void (*log_softmax)(T* y, const T* x, Index rows, Index n);
  // dx[r] = y[r] * (g[r] - sum(g[r] * y[r])); dx may be g.
  void (*softmax_backward)(T* dx, const T* g, const T* y, Index rows, Index n);
  // dx[r] = g[r] - exp(y[r]) * sum(g[r]); dx may be g.
  void (*log_softmax_backward)(T* dx, const T* g, const T* y, Index rows, Index n);
  // The same of columns: n rows of `columns` elements each, at a distance `stride`.
  void (*softmax_columns)(T* y, const T* x, Index n, Index columns, Index stride);
  void (*log_softmax_columns)(T* y, const T* x, Index n, Index columns, Index stride);
  void (*softmax_columns_backward)(T* dx, const T* g, const T* y, Index n, Index columns, Index stride);
  void (*log_softmax_columns_backward)(T* dx, const T* g, const T* y, Index n, Index columns, Index stride);
};
// Threads share columns in blocks of so many.
inline constexpr Index softmax_column_block = 128;

// What hides keys from queries in a tile of scores, in which row j belongs to a key and column i to a query.
template <class T>
struct AttentionMask {
  const bool* allowed;  // at [j * key_step + i * query_step], or null
  const T* added;       // the same, for numbers that are added to the scores
  Index key_step, query_step;
  Index diagonal;  // a query sees the keys j <= i + diagonal
};

// Attention by tiles of scores s[j * stride + i], a row for each key and a column for each query. What belongs to a
// query is a number in an array.
template <class T>
struct AttentionKernels {
  // s += mask, where what is hidden is -infinity.
  void (*mask)(T* s, Index stride, Index keys, Index queries, const AttentionMask<T>& mask);
  // s = exp(s - m), where m is the largest of all scores up to now: largest becomes m, sum the sum of exponentials up
  // to now, and factor what older sums are to be multiplied by.
  void (*softmax)(T* s, Index stride, Index keys, Index queries, T* largest, T* sum, T* factor);
  // After the last tile: factor = 1 / sum, and largest becomes the logarithm of the sum of all exp(score); 0 and
  // infinity for queries that see nothing.
  void (*finish)(T* largest, const T* sum, T* factor, Index queries);
  // x[i * stride + c] *= factor[i] for c < n
  void (*scale_rows)(T* x, Index stride, const T* factor, Index rows, Index n);
  // out[i] = sum over c < n of a[i * a_stride + c] * b[i * b_stride + c]
  void (*dots)(T* out, const T* a, Index a_stride, const T* b, Index b_stride, Index rows, Index n);
  // p, which comes in as scores, becomes the weights exp(p - log_sum), and d, which comes in as the gradient of the
  // weights, that of the products of queries and keys, p * (d - dot) * scale.
  void (*gradient)(T* p, T* d, Index stride, Index keys, Index queries, const T* log_sum, const T* dot, T scale);
};

template <class T>
struct ActivationKernels {
  // out[i] = f(x[i]; a, b) for i < n; out may be x.
  void (*value[static_cast<int>(Activation::count)])(T* out, const T* x, Index n, T a, T b);
  // dx[i] = g[i] * f'(x[i]; a, b); dx may be g.
  void (*gradient[static_cast<int>(Activation::count)])(T* dx, const T* g, const T* x, Index n, T a, T b);
};

// Normalization of the channels of a tensor, which is seen as a matrix of rows x n elements at a distance `stride`. The
// numbers that belong to a channel (mean, total ...) stand one for each row, or one for each column.
template <class T>
struct ChannelKernels {
  // The mean of each row (column), and the sum of the squared differences from it.
  void (*moments)(T* mean, T* squares, const T* x, Index rows, Index n, Index stride);
  // total = sum(g) and product = sum(g * (x - mean)) of each row (column).
  void (*products)(T* total, T* product, const T* g, const T* x, const T* mean, Index rows, Index n, Index stride);
  // y = (x - mean) * scale + shift; y may be x.
  void (*normalize)(T* y, const T* x, const T* mean, const T* scale, const T* shift, Index rows, Index n, Index stride);
  // dx = g * a + (x - mean) * b + c; dx may be g or x.
  void (*combine)(T* dx, const T* g, const T* x, const T* mean, const T* a, const T* b, const T* c, Index rows, Index n,
                  Index stride);
};

template <class T>
struct NormKernels {
  // y[r] = (x[r] - mean[r]) * rstd[r] * weight + bias for contiguous rows of n, where rstd = 1 / sqrt(variance + eps).
  // weight and bias (n) may be null; so may mean, which then counts as 0 (root mean square normalization).
  void (*layer_norm)(T* y, T* mean, T* rstd, const T* x, const T* weight, const T* bias, Index rows, Index n, T eps);
  // The gradient of that; what the rows give to weight and bias is added to dweight and dbias, which may be null.
  void (*layer_norm_backward)(T* dx, T* dweight, T* dbias, const T* g, const T* x, const T* weight, const T* mean,
                              const T* rstd, Index rows, Index n);
  ChannelKernels<T> by_row, by_column;
};

// How the labels of a cross-entropy count. weight may be null (all ones); labels that equal ignore_index count nothing.
// Of the target a part `label_part` lies on the label, and `spread` on each of the classes.
template <class T>
struct LabelOptions {
  const T* weight;
  Index ignore_index;
  T label_part, spread, total_weight;  // total_weight: of all classes
};

template <class T>
struct LossKernels {
  // Cross-entropy of logits x (rows x n, contiguous) with class labels, which are already checked. For each row r, with
  // m = max(x[r]), s = sum(exp(x[r] - m)) and l[c] = log(s) + m - x[r, c]: kept[2 r] = m, kept[2 r + 1] = s and loss[r]
  // = label_part * weight[label] * l[label] + spread * sum(weight * l).
  void (*cross_entropy)(T* loss, T* kept, const T* x, const Index* label, const LabelOptions<T>& options, Index rows,
                        Index n);
  // The gradient of that with respect to x[r] times scale[r], with what the forward kept; scale has the stride
  // scale_stride (0: one number for all rows).
  void (*cross_entropy_backward)(T* dx, const T* x, const T* kept, const Index* label, const LabelOptions<T>& options,
                                 const T* scale, Index scale_stride, Index rows, Index n);
};

// Of n contiguous elements each.
template <class T>
struct PointwiseLossKernels {
  // out[i] = f(x[i], t[i]; a) * scale
  void (*value[static_cast<int>(PointwiseLoss::count)])(T* out, const T* x, const T* t, Index n, T a, T scale);
  // The sum of f(x[i], t[i]; a).
  T (*total[static_cast<int>(PointwiseLoss::count)])(const T* x, const T* t, Index n, T a);
  // dx[i] = g[i * g_stride] * scale * f'(x[i], t[i]; a), where g_stride is 1 or 0.
  void (*gradient[static_cast<int>(PointwiseLoss::count)])(T* dx, const T* g, Index g_stride, const T* x, const T* t,
                                                           Index n, T a, T scale);
};

// The recurrent layers. Every mode keeps its gates after the activation, in PyTorch's order, for the gradient.
enum class Recurrent : int { tanh, relu, lstm, gru };

// One step of `rows` sequences with `units` units each; all matrices are contiguous.
template <class T>
struct RecurrentKernels {
  // h = tanh(a), or max(a, 0); h may be a.
  void (*plain)(T* h, const T* a, Index rows, Index units, bool relu);
  // da = dh * f'(a), from h = f(a).
  void (*plain_backward)(T* da, const T* dh, const T* h, Index rows, Index units, bool relu);
  // gates (rows x 4 units: i, f, g, o) become their activations, c = f c_before + i g, h = o tanh(c).
  void (*lstm)(T* gates, T* c, T* h, const T* c_before, Index rows, Index units);
  // The gradient before the gates' activation; dc becomes that of c_before.
  void (*lstm_backward)(T* dgates, T* dc, const T* dh, const T* gates, const T* c, const T* c_before, Index rows,
                        Index units);
  // From a and b (rows x 3 units: r, z, n), the input's and the hidden state's part: r = sigmoid(a_r + b_r),
  // z = sigmoid(a_z + b_z), n = tanh(a_n + r b_n), h = n + z (h_before - n). gates (rows x 4 units) keeps r, z, n, b_n.
  void (*gru)(T* gates, T* h, const T* a, const T* b, const T* h_before, Index rows, Index units);
  // The gradients of a, b and, but for what comes through b, of h_before, which may be dh.
  void (*gru_backward)(T* da, T* db, T* dh_before, const T* dh, const T* gates, const T* h_before, Index rows,
                       Index units);
};

// The probability of all ways to emit one target, which is `states` long with a blank before, between and behind its
// labels, in logarithms. A row of the tables has `states` elements and two of -infinity before them (alpha) or behind
// them (beta); skip[s] is 0 where state s can be entered from state s - 2, else -infinity.
template <class T>
struct CtcKernels {
  // next[s] = log(e^before[s] + e^before[s - 1] + e^(before[s - 2] + skip[s])) + emitted[s]
  void (*alpha)(T* next, const T* before, const T* skip, const T* emitted, Index states);
  // next[s] = log(e^after[s] + e^after[s + 1] + e^(after[s + 2] + skip[s + 2])) + emitted[s]
  void (*beta)(T* next, const T* after, const T* skip, const T* emitted, Index states);
  // x[s] = e^(alpha[s] + beta[s] + shift - emitted[s])
  void (*posterior)(T* x, const T* alpha, const T* beta, const T* emitted, T shift, Index states);
  // dx[c] = (e^x[c] - dx[c]) * scale
  void (*gradient)(T* dx, const T* x, T scale, Index classes);
};

// What an optimizer's rule works on, n contiguous elements each: a parameter, its gradient, and what the rule keeps
// from step to step, in the order in which ops/optim.cpp names it. States that an option leaves out are null.
template <class T>
struct OptimSlots {
  T* param;
  const T* grad;
  T* state[3];
};

// What comes before every rule: a gradient with its sign changed to climb, and weight decay, either as part of the
// gradient or decoupled, as a factor of the parameter. Scalars are double for every T and rounded once.
struct Descent {
  bool maximize = false;
  double weight_decay = 0, keep = 1;
};

// The scalars of one parameter's step in each rule.
struct SgdStep : Descent {
  double lr, momentum, undamped;
  bool nesterov, first;  // first: the buffer is new and only written
};
// param -= size * m / (sqrt(v) * scale + eps), in NAdam with a size for the gradient and one for m.
struct AdamStep : Descent {
  double beta1, beta2, eps, size, scale;
};
struct AdamaxStep : Descent {
  double beta1, beta2, eps, size;
};
struct NAdamStep : Descent {
  double beta1, beta2, eps, scale, grad_size, momentum_size;
};
struct RAdamStep : Descent {
  double beta1, beta2, eps, size;
  bool rectified;  // param -= size * m / (sqrt(v) + eps) if so, else size * m
};
struct RMSpropStep : Descent {
  double lr, alpha, eps, momentum;
};
struct AdagradStep : Descent {
  double size, eps;
};
struct AdadeltaStep : Descent {
  double lr, rho, eps;
};
struct RpropStep : Descent {
  double eta_minus, eta_plus, min, max;
};
struct AsgdStep : Descent {
  double shrink, size, average;
};

// torch.optim's update rules.
template <class T>
struct OptimKernels {
  template <class Step>
  using Update = void (*)(const OptimSlots<T>& slots, Index n, const Step& step);
  Update<SgdStep> sgd;            // momentum_buffer
  Update<AdamStep> adam;          // exp_avg, exp_avg_sq, max_exp_avg_sq
  Update<AdamaxStep> adamax;      // exp_avg, exp_inf
  Update<NAdamStep> nadam;        // exp_avg, exp_avg_sq
  Update<RAdamStep> radam;        // exp_avg, exp_avg_sq
  Update<RMSpropStep> rmsprop;    // square_avg, momentum_buffer, grad_avg
  Update<AdagradStep> adagrad;    // sum
  Update<AdadeltaStep> adadelta;  // square_avg, acc_delta
  Update<RpropStep> rprop;        // prev, step_size
  Update<AsgdStep> asgd;          // ax
};

// From random words (core/random.h) to numbers. The words lie in the memory of the numbers, sizeof(T) / 4 for each.
template <class T>
struct RandomKernels {
  // In [low, high): low + u * (high - low), where u has 24 (float) or 53 (double) random bits.
  void (*uniform)(T* x, Index n, T low, T high);
  // Blocks of sixteen uniform numbers become normal ones: number i pairs with number i + 8 (Box and Muller).
  void (*normal)(T* x, Index blocks, T mean, T std);
};

// Distributions of one double per element. All but the last two take two words for each, which lie in its memory.
enum class Draw : int {
  bernoulli,     // a: the probability of 1
  exponential,   // a: lambda
  geometric,     // a: the probability
  cauchy,        // a: the median; b: sigma
  normal_pairs,  // standard normal numbers; n is even
  normal,        // a: the mean; b: the deviation; from a standard normal number
  log_normal,    // the same
  count
};
using DrawLoop = void (*)(double* x, Index n, double a, double b);

// What the machine can do at most, for `fastgrad bench`. Vectors are aligned to 64 bytes, n is a multiple of 64.
struct LimitKernels {
  Index flops;  // of one round of multiply_add
  // Rounds of x / 2 + term, which goes towards 2 term, for flops / 2 numbers in registers; returns their sum.
  float (*multiply_add)(Index rounds, float term);
  // to[i] = from[i], and to[i] = a[i] + b[i] / 2; stores go past the caches where the machine can.
  void (*copy)(float* to, const float* from, Index n, bool past_caches);
  void (*triad)(float* to, const float* a, const float* b, Index n, bool past_caches);
  // The sum of all.
  float (*read)(const float* from, Index n);
};

template <class T>
struct FloatKernels {
  MatmulKernels<T> matmul;
  SoftmaxKernels<T> softmax;
  AttentionKernels<T> attention;
  ActivationKernels<T> activation;
  NormKernels<T> norm;
  LossKernels<T> loss;
  PointwiseLossKernels<T> loss_pointwise;
  RecurrentKernels<T> recurrent;
  CtcKernels<T> ctc;
  OptimKernels<T> optim;
  RandomKernels<T> random;
};

struct Kernels {
  const char* isa;  // "baseline", "avx2" or "avx512"

  UnaryLoop unary[static_cast<int>(Unary::count)][dtype_count];     // by the dtype of the input
  BinaryLoop binary[static_cast<int>(Binary::count)][dtype_count];  // by the dtype of the (promoted) inputs
  TernaryLoop ternary[static_cast<int>(Ternary::count)][dtype_count];
  WhereLoop where[dtype_count];
  UnaryLoop cast[dtype_count][dtype_count];  // [from][to]; the diagonal copies
  TransposeLoop transpose[4];                // by the logarithm of the element's size

  ReduceRows reduce_rows[static_cast<int>(Reduce::count)][dtype_count];
  ReduceColumns reduce_columns[static_cast<int>(Reduce::count)][dtype_count];
  ArgKernels argmax[dtype_count];
  ArgKernels argmin[dtype_count];

  GatherRows gather_rows;
  GatherLoop gather[dtype_count];
  ScatterLoop scatter[static_cast<int>(Scatter::count)][dtype_count];

  UnfoldLoop unfold[dtype_count];
  FoldLoop fold[dtype_count];
  ConvKernels conv;
  WinogradKernels winograd;
  MaxPoolLoop max_pool[dtype_count];
  MaxPoolLoop max_pool_small[dtype_count];
  MaxPoolPlaces max_pool_places;
  MaxPoolBackwardLoop max_pool_backward[dtype_count];
  MaxPoolBackwardLoop max_pool_places_backward[dtype_count];
  AvgPoolLoop avg_pool[dtype_count];
  AvgPoolBackwardLoop avg_pool_backward[dtype_count];

  DrawLoop draw[static_cast<int>(Draw::count)];

  LimitKernels limits;

  FloatKernels<float> float32;
  FloatKernels<double> float64;

  template <class T>
  const FloatKernels<T>& floats() const {
    if constexpr (sizeof(T) == sizeof(float)) {
      return float32;
    } else {
      return float64;
    }
  }
};

// The table in use (core/isa.cpp).
const Kernels& kernels();

}  // namespace fastgrad
