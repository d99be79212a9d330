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

// reduction
void reduce(Reduce op, const Tensor& out, const Tensor& x, Index outer, Index n, Index inner);
void arg_reduce(Reduce op, const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n,
                Index inner);

// scan
void accumulate(Scan op, const Tensor& out, const Tensor& x, Index outer, Index n, Index inner);
void running_extreme(bool largest, const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n,
                     Index inner);
void recurrence(const Tensor& out, const Tensor& x, const Tensor& added, Index outer, Index n, Index inner,
                bool backward);

// sort
void sort(const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n, Index inner, Index count,
          bool descending);
void select(Select what, const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n, Index inner,
            Index k);
void sort_rows(const Tensor& order, const Tensor& x);
void searchsorted(const Tensor& out, const Tensor& sequences, const Tensor* sorter, const Tensor& values, Index row,
                  bool right);

// statistics, distance, diagonal
void count_numbers(const Tensor& out, const Tensor& bins);
void sum_by_number(const Tensor& out, const Tensor& bins, const Tensor& weights);
void cdist(const Tensor& out, const Tensor& a, const Tensor& b, double p);
void triangle(const Tensor& out, const Tensor& x, Index diagonal, bool upper);

}  // namespace fastgrad::cuda
