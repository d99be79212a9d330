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

// indexing
void take(const Lookup& lookup);
void add_positions(const Tensor& offsets, const Lookup& lookup);
Tensor nonzero(const Tensor& mask);

// scatter
void put(Scatter how, const Lookup& lookup);

// joining
void join(const Tensor& out, const std::vector<Tensor>& parts, Index rows);

// diagonal
void keep_triangle(const Tensor& out, const Tensor& x, Index diagonal, bool lower);

// random
void draw(Sample sample, const Tensor& to, double a, double b, Philox& generator);
void draw_integers(const Tensor& to, Index low, std::uint64_t range, bool wide, Philox& generator);
void poisson(const Tensor& counts, const Tensor& rates, Philox& generator);

// optim
void optimize(const OptimRule& rule, const std::vector<OptimParameter>& parameters);

}  // namespace fastgrad::cuda
