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

// matmul
void matmul(const Tensor& out, const Tensor& a, const Tensor& b, const Tensor* bias);
void set_allow_tf32(bool allowed);

// conv
void convolution(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor* bias, const Windows& w,
                 Index groups);
void convolution_input(const Tensor& dx, const Tensor& g, const Tensor& weight, const Windows& w, Index groups);
void convolution_weight(const Tensor& dw, const Tensor& x, const Tensor& g, const Windows& w, Index groups);
void unfold(const Tensor& columns, const Tensor& images, const Windows& w);
void fold(const Tensor& images, const Tensor& columns, const Windows& w);

// pool
void max_pool(const Tensor& out, const Tensor& where, const Tensor& x, const SpanRules& rules);
void max_pool_places(const Tensor& places, const Tensor& where, const SpanRules& rules);
void max_pool_backward(const Tensor& dx, const Tensor& g, const Tensor& where, const SpanRules& rules);
void avg_pool(const Tensor& out, const Tensor& x, const SpanRules& rules);
void avg_pool_backward(const Tensor& dx, const Tensor& g, const SpanRules& rules);

}  // namespace fastgrad::cuda
