// Every checked operation: shapes, dtypes and values are verified here, the result is allocated, and the kernel
// table is called. Nothing here knows Python. One file per family implements it.
#pragma once

#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "core/random.h"
#include "core/tensor.h"
#include "kernels.h"
#include "ops/promotion.h"

namespace fastgrad::ops {

using OptionalTensor = std::optional<Tensor>;

// creation
// An uninitialised tensor of x's shape that lies in memory in x's order, without gaps.
Tensor empty_in_order_of(const Tensor& x, DType dtype);
Tensor full(const Dims& sizes, Scalar value, DType dtype);
Tensor full_like(const Tensor& x, Scalar value, DType dtype);  // in memory in the order of x
Tensor zeros(const Dims& sizes, DType dtype);
Tensor eye(Index rows, Index columns, DType dtype);

// ranges
// start, start + step, ... of n elements
Tensor arange(Scalar start, Scalar step, Index n, DType dtype);
Tensor linspace(double start, double end, Index n, DType dtype);
Tensor logspace(double start, double end, Index n, double base, DType dtype);
// rows and columns of the elements on or below (above) a diagonal, as the two rows of the result
Tensor triangle_indices(Index rows, Index columns, Index offset, bool lower, DType dtype);

// transfer; without waiting where a copy is `non_blocking` and the host's side is pinned memory
void check_cuda(Index index);  // RuntimeError unless there is that CUDA device; -1: any
Tensor to_device(const Tensor& x, Device device, bool non_blocking);  // x itself when it is there
Tensor pinned(const Tensor& x);                                       // a copy in the host's pinned memory
void transfer_(const Tensor& to, const Tensor& from, bool non_blocking);

// conversion
Tensor cast(const Tensor& x, DType dtype);  // always a copy
Tensor clone(const Tensor& x);
Tensor contiguous(const Tensor& x);  // x itself when it is contiguous already
void copy_(const Tensor& to, const Tensor& from);
void fill_(const Tensor& to, Scalar value);
Tensor where(const Tensor& condition, const Operand& a, const Operand& b);
Scalar item(const Tensor& x);

// unary
Tensor unary(Unary op, const char* name, const Tensor& x);
void unary_(Unary op, const char* name, const Tensor& x);

// binary
Tensor binary(Binary op, const char* name, const Operand& a, const Operand& b);
void binary_(Binary op, const char* name, const Tensor& a, const Operand& b);
bool equal(const Tensor& a, const Tensor& b);

// ternary
Tensor ternary(Ternary op, const char* name, const Operand& a, const Operand& b, const Operand& c);
void ternary_(Ternary op, const char* name, const Tensor& a, const Operand& b, const Operand& c);

// reduction: an empty list of dims means all of them
Tensor reduce(Reduce op, const char* name, const Tensor& x, const Dims& dims, bool keepdim);
Tensor sum(const Tensor& x, const Dims& dims, bool keepdim, std::optional<DType> dtype);
Tensor prod(const Tensor& x, const Dims& dims, bool keepdim, std::optional<DType> dtype);
Tensor amax(const Tensor& x, const Dims& dims, bool keepdim);
Tensor amin(const Tensor& x, const Dims& dims, bool keepdim);
Tensor square_sum(const Tensor& x, const Dims& dims, bool keepdim);
Tensor count_nonzero(const Tensor& x, const Dims& dims);
Tensor any(const Tensor& x, const Dims& dims, bool keepdim);
Tensor all(const Tensor& x, const Dims& dims, bool keepdim);
std::pair<Tensor, Tensor> max_dim(const Tensor& x, Index dim, bool keepdim);
std::pair<Tensor, Tensor> min_dim(const Tensor& x, Index dim, bool keepdim);
Tensor sum_to_size(const Tensor& x, const Dims& sizes);

// scan
Tensor cumsum(const Tensor& x, Index dim);
Tensor cumprod(const Tensor& x, Index dim);
std::pair<Tensor, Tensor> cummax(const Tensor& x, Index dim);
std::pair<Tensor, Tensor> cummin(const Tensor& x, Index dim);
Tensor logcumsumexp(const Tensor& x, Index dim);
// y[i] = added[i] + x[i] y[i - 1], or backward: y[i] = added[i] + x[i + 1] y[i + 1]
Tensor recurrence(const Tensor& x, const Tensor& added, Index dim, bool backward);

// sort: each gives values and their places
std::pair<Tensor, Tensor> sort(const Tensor& x, Index dim, bool descending);
std::pair<Tensor, Tensor> topk(const Tensor& x, Index k, Index dim, bool largest, bool sorted);
std::pair<Tensor, Tensor> kthvalue(const Tensor& x, Index k, Index dim, bool keepdim);
std::pair<Tensor, Tensor> median(const Tensor& x, Index dim, bool keepdim, bool ignore_nan);
std::pair<Tensor, Tensor> mode(const Tensor& x, Index dim, bool keepdim);
// the places of the rows of a matrix in lexicographic order
Tensor sort_rows(const Tensor& x);
Tensor searchsorted(const Tensor& sorted, const Tensor& values, const OptionalTensor& sorter, bool right);

// statistics
Tensor bincount(const Tensor& x, const OptionalTensor& weights, Index minlength);

// shape: all but reshape (when it must copy) give views
Tensor view(const Tensor& x, const Dims& sizes);
Tensor view_as_dtype(const Tensor& x, DType dtype);  // the same bytes as other elements
Tensor reshape(const Tensor& x, const Dims& sizes);
Tensor transpose(const Tensor& x, Index a, Index b);
Tensor permute(const Tensor& x, const Dims& order);
Tensor squeeze(const Tensor& x, const Dims& dims);
Tensor squeeze_all(const Tensor& x);
Tensor unsqueeze(const Tensor& x, Index dim);
Tensor expand(const Tensor& x, const Dims& sizes);
Tensor select(const Tensor& x, Index dim, Index index);
Tensor narrow(const Tensor& x, Index dim, Index start, Index length);
Tensor slice(const Tensor& x, Index dim, Index start, Index stop, Index step);

// strided
Tensor as_strided(const Tensor& x, const Dims& sizes, const Dims& strides, Index offset);  // a view
// the adjoint of as_strided: n zeros, with each element of x added at its place
Tensor strided_add(const Tensor& x, const Dims& strides, Index offset, Index n);
Tensor unfold(const Tensor& x, Index dim, Index size, Index step);  // a view
Tensor empty_strided(const Dims& sizes, const Dims& strides, DType dtype);
// a copy in the order of x
Tensor dense_copy(const Tensor& x, DType dtype);

// joining
Tensor cat(const std::vector<Tensor>& parts, Index dim);

// arrangement
Tensor flip(const Tensor& x, const Dims& dims);
Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims);  // no dims: of the flattened tensor
Tensor repeat(const Tensor& x, const Dims& repeats);
// each position as often as `repeats` says
Tensor repeat_interleave(const Tensor& repeats, std::optional<Index> output_size);

// indexing: one entry per dimension of x, absent where it is taken whole; entries are int64 or int32 of any shapes that
// broadcast together; `axes` says how messages call the dimensions of x, unless it is empty
using IndexList = std::vector<OptionalTensor>;
Tensor nonzero(const Tensor& mask);
Tensor index(const Tensor& x, const IndexList& indices, const Dims& axes = {});
Tensor index_select(const Tensor& x, Index dim, const Tensor& index);
Tensor gather(const Tensor& x, Index dim, const Tensor& index);
Tensor one_hot(const Tensor& labels, Index classes);

// scatter, in place; `op` is the name for messages
void index_put_(const Tensor& x, const IndexList& indices, const Tensor& values, bool accumulate,
                const Dims& axes = {});
// to[index[i, j], j] = f(that, from[i, j]) and so on along dim
void scatter_(const char* op, Scatter how, const Tensor& to, Index dim, const Tensor& index, const Tensor& from);
// to[index[i], j] = f(that, source[i, j]) and so on along dim; `kind` is the error of an index out of range
void index_write_(const char* op, ErrorKind kind, Scatter how, const Tensor& to, Index dim, const Tensor& index,
                  const Tensor& source);
void index_fill_(const Tensor& to, Index dim, const Tensor& index, Scalar value);
// a vector of indices along dim as an index for scatter_, in the shape that `source` must have; a view
Tensor row_index(const char* op, const Tensor& to, Index dim, const Tensor& index, const Tensor& source);

// where the mask (bool, broadcast to x) holds; the value has one element
void masked_fill_(const Tensor& x, const Tensor& mask, const Tensor& value);

// diagonal
Tensor diagonal(const Tensor& x, Index offset, Index dim1, Index dim2);  // a view
// the part of each matrix on and below (above) a diagonal, zeros elsewhere
Tensor tril(const Tensor& x, Index diagonal);
Tensor triu(const Tensor& x, Index diagonal);

// matmul
Tensor matmul(const Tensor& a, const Tensor& b);
Tensor linear(const Tensor& x, const Tensor& weight, const OptionalTensor& bias);

// linalg: matrices are the last two dimensions
// L (without its diagonal of ones) and U in one, and the exchanges of rows as LAPACK counts them
std::pair<Tensor, Tensor> lu_factor(const Tensor& a);
// x with A x = b, or with A^T x = b if adjoint, from the factors of A
Tensor lu_solve(const Tensor& lu, const Tensor& pivots, const Tensor& b, bool adjoint);
// P of P A = L U turned round: A = P L U
Tensor lu_permutation(const Tensor& pivots, Index rows, DType dtype);
// x with A x = b; only one triangle of A is read
Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper, bool unitriangular);
// U with U^T U = A, of which only the upper triangle is read, and 0 or the order of the minor that is not positive
std::pair<Tensor, Tensor> cholesky(const Tensor& a);

// distance: of all pairs of rows
Tensor cdist(const Tensor& a, const Tensor& b, double p);
Tensor sample(const Tensor& pixels, const Tensor& index, const Tensor& share);
Tensor sample_pixels_backward(const Tensor& grad, const Tensor& index, const Tensor& share, Index count);
Tensor sample_shares_backward(const Tensor& grad, const Tensor& pixels, const Tensor& index);

// softmax
Tensor softmax(const Tensor& x, Index dim);
Tensor log_softmax(const Tensor& x, Index dim);
Tensor softmax_backward(const Tensor& g, const Tensor& y, Index dim);
Tensor log_softmax_backward(const Tensor& g, const Tensor& y, Index dim);

// attention: softmax(q k^T scale + mask) v, with the logarithm of each row's sum of exponentials; the mask is bool
// (true where a query sees a key) or of numbers that are added; is_causal: query i sees the keys up to i; gqa:
// neighbouring heads of the query share one of key and value
std::pair<Tensor, Tensor> attention_forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                            const OptionalTensor& mask, bool is_causal, double scale, bool gqa);
// the gradients of query, key and value
std::vector<Tensor> attention_backward(const Tensor& g, const Tensor& result, const Tensor& log_sum,
                                       const Tensor& query, const Tensor& key, const Tensor& value,
                                       const OptionalTensor& mask, bool is_causal, double scale, bool gqa);

// activation: of floats, and of integers where PyTorch has that; a and b as kernels.h says
Tensor activation(Activation op, const char* name, const Tensor& x, double a, double b);
Tensor activation_backward(Activation op, const char* name, const Tensor& g, const Tensor& x, double a, double b);

// norm: the result with the mean and 1 / sqrt(variance + eps) of each row, group or channel; backward gives the
// gradients of input, weight and bias (the latter two of no elements unless `affine`)
using Tensors3 = std::tuple<Tensor, Tensor, Tensor>;
Tensors3 layer_norm(const Tensor& x, const Dims& shape, const OptionalTensor& weight, const OptionalTensor& bias,
                    double eps);
Tensors3 layer_norm_backward(const Tensor& g, const Tensor& x, const Dims& shape, const OptionalTensor& weight,
                             const Tensor& mean, const Tensor& rstd, bool affine);
std::pair<Tensor, Tensor> rms_norm(const Tensor& x, const Dims& shape, const OptionalTensor& weight, double eps);
std::pair<Tensor, Tensor> rms_norm_backward(const Tensor& g, const Tensor& x, const Dims& shape,
                                            const OptionalTensor& weight, const Tensor& rstd);
Tensors3 group_norm(const Tensor& x, Index groups, const OptionalTensor& weight, const OptionalTensor& bias,
                    double eps);
Tensors3 group_norm_backward(const Tensor& g, const Tensor& x, Index groups, const OptionalTensor& weight,
                             const Tensor& mean, const Tensor& rstd);
// In training the running statistics, if given, move towards those of the batch; otherwise they are used.
Tensors3 batch_norm(const Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias,
                    const OptionalTensor& running_mean, const OptionalTensor& running_var, bool training,
                    double momentum, double eps);
Tensors3 batch_norm_backward(const Tensor& g, const Tensor& x, const OptionalTensor& weight, const Tensor& mean,
                             const Tensor& rstd, bool training);

// conv, of images (N, C, ...) of one to three dimensions; stride, padding and dilation: one number, or one for each.
// The weight is (filters, C / groups, ...) and serves three functions, of which each is linear in both of its tensors:
Tensor convolution(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, const Dims& stride,
                   const Dims& padding, const Dims& dilation, Index groups);
// from the gradient of its result that of x, an image of these sizes
Tensor convolution_input(const Tensor& g, const Tensor& weight, const Dims& sizes, const Dims& stride,
                         const Dims& padding, const Dims& dilation, Index groups);
// and that of the weight, whose windows are `kernel` large
Tensor convolution_weight(const Tensor& x, const Tensor& g, const Dims& kernel, const Dims& stride, const Dims& padding,
                          const Dims& dilation, Index groups);
// the windows of an image as columns (N, C * elements of a window, windows), and their sum as an image of these sizes
Tensor im2col(const Tensor& x, const Dims& kernel, const Dims& dilation, const Dims& padding, const Dims& stride);
Tensor col2im(const Tensor& columns, const Dims& sizes, const Dims& kernel, const Dims& dilation, const Dims& padding,
              const Dims& stride);

// pool, of images (N, C, ...) or (C, ...) with as many dimensions as `kernel` or `sizes` has numbers; an empty stride
// stands for the kernel
std::pair<Tensor, Tensor> max_pool(const Tensor& x, const Dims& kernel, const Dims& stride, const Dims& padding,
                                   const Dims& dilation, bool ceil_mode);
std::pair<Tensor, Tensor> adaptive_max_pool(const Tensor& x, const Dims& sizes);
// of what says where the elements are, their places in the flattened images
Tensor max_pool_places(const Tensor& where, const Dims& image, const Dims& kernel, const Dims& stride,
                       const Dims& padding, const Dims& dilation, bool ceil_mode);
Tensor adaptive_max_pool_places(const Tensor& where, const Dims& image, const Dims& sizes);
Tensor max_pool_backward(const Tensor& g, const Tensor& where, const Dims& image, const Dims& kernel,
                         const Dims& stride, const Dims& padding, const Dims& dilation, bool ceil_mode);
Tensor adaptive_max_pool_backward(const Tensor& g, const Tensor& where, const Dims& image, const Dims& sizes);
Tensor avg_pool(const Tensor& x, const Dims& kernel, const Dims& stride, const Dims& padding, bool ceil_mode,
                bool count_include_pad, std::optional<Index> divisor);
// the gradient of an image of these sizes from that of its averages
Tensor avg_pool_backward(const Tensor& g, const Dims& image, const Dims& kernel, const Dims& stride,
                         const Dims& padding, bool ceil_mode, bool count_include_pad, std::optional<Index> divisor);
Tensor adaptive_avg_pool(const Tensor& x, const Dims& sizes);
Tensor adaptive_avg_pool_backward(const Tensor& g, const Dims& image, const Dims& sizes);

// loss: class-index targets over logits of shape (rows, classes)
// the loss (of each row, or in total), what the backward kernel wants to have kept of the rows (rows, 2), and what the
// total was divided by (1 unless it is their average)
Tensors3 cross_entropy(const Tensor& logits, const Tensor& target, const OptionalTensor& weight, Index ignore_index,
                       double smoothing, bool total, bool average);
Tensor cross_entropy_backward(const Tensor& g, const Tensor& logits, const Tensor& kept, const Tensor& target,
                              const OptionalTensor& weight, const Tensor& divisor, Index ignore_index,
                              double smoothing);
// the loss of log-probabilities (of each row, or in total), and what the total was divided by
std::pair<Tensor, Tensor> nll_loss(const Tensor& log_p, const Tensor& target, const OptionalTensor& weight,
                                   Index ignore_index, bool total, bool average);
// the gradient of log-probabilities of so many classes
Tensor nll_loss_backward(const Tensor& g, const Tensor& target, const OptionalTensor& weight, const Tensor& divisor,
                         Index ignore_index, Index classes);
// the losses of all elements times `scale`, or their sum times it; of one shape and dtype, a as kernels.h says
Tensor pointwise_loss(PointwiseLoss loss, const char* name, const Tensor& x, const Tensor& target, double a, bool total,
                      double scale);
// the gradient of that, from one gradient or one for each element
Tensor pointwise_loss_backward(PointwiseLoss loss, const char* name, const Tensor& g, const Tensor& x,
                               const Tensor& target, double a, double scale);
// the sum of the weights of the labels (1 each without weights) that are not ignored
double label_weight(const Tensor& target, const OptionalTensor& weight, Index ignore_index);
// the class labels as int64, checked to lie in [0, classes) or to equal ignore_index
Tensor checked_labels(const char* op, const Tensor& target, Index classes, Index ignore_index);

// recurrent: one layer in one direction over sequences (rows, features), where batch_sizes says how many rows each step
// has; mode is the number of a kernels.h Recurrent. Its results are the output, the final states of the layer and of
// the cell, and what the gradient wants: the gates, the cells, and the output before its projection.
std::vector<Tensor> recurrent(Index mode, const Tensor& x, const Tensor& h, const OptionalTensor& c,
                              const Tensor& weight_ih, const Tensor& weight_hh, const OptionalTensor& bias_ih,
                              const OptionalTensor& bias_hh, const OptionalTensor& weight_hr,
                              const HostTensor& batch_sizes, bool backwards);
// From the gradients of the output y and of the final states those of the input's and of the hidden state's part of the
// gates, of the initial states, and, with the hidden states before each step between, of the projection's result.
std::vector<Tensor> recurrent_backward(Index mode, const OptionalTensor& g, const OptionalTensor& dh,
                                       const OptionalTensor& dc, const Tensor& h, const OptionalTensor& c,
                                       const Tensor& weight_hh, const OptionalTensor& weight_hr, const Tensor& y,
                                       const Tensor& gates, const Tensor& cells, const HostTensor& batch_sizes,
                                       bool backwards);

// ctc: the loss of each sample, and the table that the gradient wants; targets are padded (N, S) or concatenated
std::pair<Tensor, Tensor> ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                                   const Tensor& target_lengths, Index blank);
Tensor ctc_loss_backward(const Tensor& g, const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                         const Tensor& target_lengths, const Tensor& losses, const Tensor& alpha, Index blank,
                         bool zero_infinity);

// random, in place, from a generator
void uniform_(const Tensor& x, double low, double high, Generator& g);
void normal_(const Tensor& x, double mean, double std, Generator& g);
void log_normal_(const Tensor& x, double mean, double std, Generator& g);
void exponential_(const Tensor& x, double lambda, Generator& g);
void cauchy_(const Tensor& x, double median, double sigma, Generator& g);
void geometric_(const Tensor& x, double p, Generator& g);
void bernoulli_(const Tensor& x, double p, Generator& g);
// whole numbers in [low, high); without `high` up to the dtype's largest; without both [0, largest]
void random_(const Tensor& x, std::optional<Index> low, std::optional<Index> high, Generator& g);
Tensor randperm(Index n, DType dtype, Generator& g);
// n columns of indices, drawn with replacement, for each row of probabilities (rows, classes)
Tensor multinomial(const Tensor& probabilities, Index n, Generator& g);
Tensor poisson(const Tensor& rates, Generator& g);

// limits, in vectors of float32 that are cut into slices, one for a thread
// writes a sum for each slice; returns the number of floating-point operations
Index limit_multiply_add(const Tensor& sums, Index rounds, double term);
void limit_copy(const Tensor& to, const Tensor& from, Index slices, Index repeats, bool past_caches);
void limit_triad(const Tensor& to, const Tensor& a, const Tensor& b, Index slices, Index repeats, bool past_caches);
// writes the sum of each slice of `from`, as many as `sums` has elements
void limit_read(const Tensor& sums, const Tensor& from, Index repeats);

// optim: one step of a rule for all parameters; the lists hold one tensor for each, or none of a state that is not kept
void sgd_(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& buffers,
          double lr, double momentum, double dampening, double weight_decay, bool nesterov, bool maximize, bool first);
void adam_(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& exp_avgs,
           const std::vector<Tensor>& exp_avg_sqs, const std::vector<Tensor>& max_exp_avg_sqs,
           const std::vector<Tensor>& steps, double lr, double beta1, double beta2, double eps, double weight_decay,
           bool decoupled, bool maximize);
void adamax_(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& exp_avgs,
             const std::vector<Tensor>& exp_infs, const std::vector<Tensor>& steps, double lr, double beta1,
             double beta2, double eps, double weight_decay, bool maximize);
void nadam_(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& exp_avgs,
            const std::vector<Tensor>& exp_avg_sqs, const std::vector<Tensor>& mu_products,
            const std::vector<Tensor>& steps, double lr, double beta1, double beta2, double eps, double weight_decay,
            double momentum_decay, bool decoupled, bool maximize);
void radam_(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& exp_avgs,
            const std::vector<Tensor>& exp_avg_sqs, const std::vector<Tensor>& steps, double lr, double beta1,
            double beta2, double eps, double weight_decay, bool decoupled, bool maximize);
void rmsprop_(const std::vector<Tensor>& params, const std::vector<Tensor>& grads,
              const std::vector<Tensor>& square_avgs, const std::vector<Tensor>& buffers,
              const std::vector<Tensor>& grad_avgs, const std::vector<Tensor>& steps, double lr, double alpha,
              double eps, double weight_decay, double momentum, bool maximize);
void adagrad_(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& sums,
              const std::vector<Tensor>& steps, double lr, double lr_decay, double weight_decay, double eps,
              bool maximize);
void adadelta_(const std::vector<Tensor>& params, const std::vector<Tensor>& grads,
               const std::vector<Tensor>& square_avgs, const std::vector<Tensor>& acc_deltas,
               const std::vector<Tensor>& steps, double lr, double rho, double eps, double weight_decay, bool maximize);
void rprop_(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& prevs,
            const std::vector<Tensor>& step_sizes, const std::vector<Tensor>& steps, double eta_minus, double eta_plus,
            double min_size, double max_size, bool maximize);
void asgd_(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& averages,
           const std::vector<Tensor>& mus, const std::vector<Tensor>& etas, const std::vector<Tensor>& steps, double lr,
           double lambd, double alpha, double t0, double weight_decay, bool maximize);

}  // namespace fastgrad::ops
