// A shape or a list of strides: a short vector that lives inside its tensor for up to six dimensions.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <ostream>
#include <utility>

#include "core/error.h"

namespace fastgrad {

using Index = std::int64_t;

class Dims {
 public:
  static constexpr int max_size = 64;

  Dims() = default;
  explicit Dims(int size, Index fill = 0) : size_(size) {
    if (size > max_size) fail("a tensor can have at most ", max_size, " dimensions, got ", size);
    if (size > inline_size) data_ = new Index[size];
    for (Index& d : *this) d = fill;
  }
  Dims(std::initializer_list<Index> values) : Dims(static_cast<int>(values.size())) {
    Index* to = data_;
    for (Index v : values) *to++ = v;
  }
  Dims(const Dims& other) : size_(other.size_) {
    if (size_ > inline_size) data_ = new Index[size_];
    copy_elements(other);
  }
  Dims(Dims&& other) noexcept : size_(other.size_) { take(other); }
  Dims& operator=(const Dims& other) {
    if (this != &other) *this = Dims(other);
    return *this;
  }
  Dims& operator=(Dims&& other) noexcept {
    if (this == &other) return *this;
    release();
    size_ = other.size_;
    take(other);
    return *this;
  }
  ~Dims() { release(); }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Index& operator[](int i) { return data_[i]; }
  Index operator[](int i) const { return data_[i]; }
  Index* begin() { return data_; }
  Index* end() { return data_ + size_; }
  const Index* begin() const { return data_; }
  const Index* end() const { return data_ + size_; }
  Index back() const { return data_[size_ - 1]; }

  void push_back(Index value) { insert(size_, value); }
  void insert(int at, Index value) {
    if (data_ != inline_ || size_ == inline_size) {  // a heap block has no room to spare
      Dims longer(size_ + 1);
      std::memcpy(longer.data_, data_, sizeof(Index) * size_);
      *this = std::move(longer);
    } else {
      ++size_;
    }
    for (int i = size_ - 1; i > at; --i) data_[i] = data_[i - 1];
    data_[at] = value;
  }
  void erase(int at) {
    for (int i = at; i + 1 < size_; ++i) data_[i] = data_[i + 1];
    --size_;  // a heap block stays on the heap: data_ != inline_ says so
  }

  friend bool operator==(const Dims& a, const Dims& b) {
    if (a.size_ != b.size_) return false;
    for (int i = 0; i < a.size_; ++i) {
      if (a.data_[i] != b.data_[i]) return false;
    }
    return true;
  }

 private:
  static constexpr int inline_size = 6;

  void take(Dims& other) {
    if (other.data_ != other.inline_) {
      data_ = std::exchange(other.data_, other.inline_);
      other.size_ = 0;
    } else {
      data_ = inline_;
      copy_elements(other);
    }
  }
  // A copy of fixed length is a few vector moves; one of `size_` elements would be a call.
  void copy_elements(const Dims& other) {
    if (data_ == inline_ && other.data_ == other.inline_) {
      std::memcpy(inline_, other.inline_, sizeof inline_);
    } else {
      std::memcpy(data_, other.data_, sizeof(Index) * size_);
    }
  }
  void release() {
    if (data_ != inline_) delete[] data_;
    data_ = inline_;
  }

  int size_ = 0;
  Index* data_ = inline_;
  Index inline_[inline_size] = {};
};

// "[2, 3]", as PyTorch prints a shape inside a message.
inline std::ostream& operator<<(std::ostream& out, const Dims& dims) {
  out << '[';
  for (int i = 0; i < dims.size(); ++i) out << (i ? ", " : "") << dims[i];
  return out << ']';
}

}  // namespace fastgrad
