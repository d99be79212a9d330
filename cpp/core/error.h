// Errors: one C++ type that carries which Python exception to raise.
#pragma once

#include <exception>
#include <sstream>
#include <string>
#include <utility>

namespace fastgrad {

enum class ErrorKind { runtime, value, type, index, memory, not_implemented, buffer, device_memory };

class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}
  ErrorKind kind() const { return kind_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorKind kind_;
  std::string message_;
};

// An operation without code for CUDA tensors.
struct NoKernel : Error {
  explicit NoKernel(const std::string& op = "this operation")
      : Error(ErrorKind::not_implemented, op + " has no CUDA kernel; move its tensors to the host first, with .cpu()") {
  }
};

template <class... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw Error(kind, text.str());
}

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  fail(ErrorKind::runtime, parts...);
}

}  // namespace fastgrad
