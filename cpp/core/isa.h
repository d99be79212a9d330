// Which instruction sets are compiled in, which this processor has, and which is in use.
#pragma once

#include <string>
#include <vector>

namespace fastgrad {

// The names of the compiled kernel tables that this processor can run, from plainest to best.
std::vector<std::string> available_isas();

// Chooses the best available table, or the one that the environment variable FASTGRAD_ISA names. Called once when
// the module is loaded; throws Error when FASTGRAD_ISA names none of the available ones.
void choose_kernels();

}  // namespace fastgrad
