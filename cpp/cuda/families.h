// The functions of cuda/ that table.cu puts into the accelerator's table, by family.
#pragma once

#include "accelerator.h"

namespace fastgrad::cuda {

// runtime
int device_count();
std::string why_unavailable();
DeviceProperties properties(int device);
int current_device();
void set_device(int device);
void synchronize(int device);
StorageRef allocate(std::size_t bytes, Device device);
void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes, bool non_blocking);

// conversion
void copy(const Tensor& to, const Tensor& from);
void fill(const Tensor& to, const void* number);
void where(const Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b);

// unary, binary, ternary
void unary(Unary op, const Tensor& out, const Tensor& x);
void binary(Binary op, DType dtype, const Tensor& out, Term a, Term b);
void ternary(Ternary op, const Tensor& out, Term a, Term b, Term c);

// softmax
void softmax(bool logarithm, const Tensor& y, const Tensor& x, int dim);
void softmax_backward(bool logarithm, const Tensor& dx, const Tensor& g, const Tensor& y, int dim);

// loss
void cross_entropy(const Labels& labels, double smoothing, const Tensor& losses, const Tensor& kept,
                   const Tensor& logits);
void cross_entropy_backward(const Labels& labels, double smoothing, const Tensor& dx, const Tensor& g,
                            const Tensor& logits, const Tensor& kept, const Tensor& divisor);
void nll_loss(const Labels& labels, const Tensor& losses, const Tensor& log_p);
void nll_loss_backward(const Labels& labels, const Tensor& dx, const Tensor& g, const Tensor& divisor);
void label_total(const Labels& labels, bool average, const Tensor& divisor, const Tensor* total, const Tensor* losses);
void checked_labels(const Labels& labels, const Tensor& out);

// attention
void attention(const Tensor& out, const Tensor& log_sum, const Tensor& query, const Tensor& key, const Tensor& value,
               const Tensor* mask, bool is_causal, double scale);
void attention_backward(const Tensor& dquery, const Tensor& dkey, const Tensor& dvalue, const Tensor& g,
                        const Tensor& result, const Tensor& log_sum, const Tensor& query, const Tensor& key,
                        const Tensor& value, const Tensor* mask, bool is_causal, double scale);

// norm
void layer_norm(const Tensor& y, const Tensor& mean, const Tensor& rstd, const Tensor& x, const Tensor& weight,
                const Tensor& bias, Index n, double eps);
void layer_norm_backward(const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& g, const Tensor& x,
                         const Tensor& weight, const Tensor& mean, const Tensor& rstd, Index n);
void group_norm(const Tensor& y, const Tensor& mean, const Tensor& rstd, const Tensor& x, const Tensor& weight,
                const Tensor& bias, double eps);
void group_norm_backward(const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& g, const Tensor& x,
                         const Tensor& weight, const Tensor& mean, const Tensor& rstd);
void batch_statistics(const Tensor& mean, const Tensor& rstd, const Tensor& x, const Tensor& running_mean,
                      const Tensor& running_var, double momentum, double eps);
void batch_normalize(const Tensor& y, const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& weight,
                     const Tensor& bias);
void batch_norm_backward(const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& g, const Tensor& x,
                         const Tensor& weight, const Tensor& mean, const Tensor& rstd, bool training);

// recurrent
void recurrent_step(const RecurrentStep& step);
void recurrent_step_backward(const RecurrentGradient& step);

}  // namespace fastgrad::cuda
