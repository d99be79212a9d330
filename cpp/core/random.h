// Random numbers: the Mersenne Twister, drawn from in PyTorch's order, so that a seed gives PyTorch's CPU numbers.
//
// M. Matsumoto and T. Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed uniform pseudo-random number
// generator", ACM TOMACS 8(1), 1998. Drawing is serial, so the numbers do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace fastgrad {

class Generator {
 public:
  static constexpr std::uint64_t default_seed = 67280421310721ULL;  // PyTorch's

  explicit Generator(std::uint64_t seed = default_seed) { manual_seed(seed); }

  void manual_seed(std::uint64_t seed);
  std::uint64_t initial_seed() const { return seed_; }

  std::uint32_t random();
  std::uint64_t random64();
  // Uniform in [0, 1): 24 random bits for float, 53 for double.
  template <class T>
  T uniform();
  // Normal by Box and Muller, one number at a time; the pair's second number is kept for the next call.
  double normal();

  // The state in the byte layout of torch.get_rng_state() (5056 bytes), so that states can be exchanged.
  std::string state() const;
  void set_state(const void* bytes, std::size_t size);

 private:
  static constexpr int words = 624;

  void refill();

  std::uint64_t seed_ = 0;
  std::uint32_t state_[words];
  int left_ = 1;  // numbers until the next refill, counted as PyTorch does
  std::uint32_t next_ = 0;
  std::optional<double> next_normal_;
};

// What functions draw from when they are given no generator.
Generator& default_generator();

}  // namespace fastgrad
