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

// ranges
void arange(const Tensor& out, const void* start, const void* step);
void spaced(const Tensor& out, double start, double end, double step, std::optional<double> base);
void triangle_indices(const Tensor& out, Index rows, Index columns, Index shift, bool lower);

// conversion
void copy(const Tensor& to, const Tensor& from);
void fill(const Tensor& to, const void* number);
void where(const Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b);

// unary, binary, ternary
void unary(Unary op, const Tensor& out, const Tensor& x);
void binary(Binary op, DType dtype, const Tensor& out, Term a, Term b);
void ternary(Ternary op, const Tensor& out, Term a, Term b, Term c);

// activation
void activation(Activation op, const Tensor& out, const Tensor& x, double a, double b);
void activation_backward(Activation op, const Tensor& dx, const Tensor& g, const Tensor& x, double a, double b);

// loss_pointwise
void pointwise_loss(PointwiseLoss loss, const Tensor& out, const Tensor& x, const Tensor& target, double a,
                    double scale);
void pointwise_loss_sums(PointwiseLoss loss, const Tensor& sums, const Tensor& x, const Tensor& target, double a,
                         double scale);
void pointwise_loss_backward(PointwiseLoss loss, const Tensor& dx, const Tensor& g, const Tensor& x,
                             const Tensor& target, double a, double scale);

}  // namespace fastgrad::cuda
