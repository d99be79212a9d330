// The vectors that functions are written with: an instruction set's, or CUDA's of one element.
#pragma once

#include "kernels/function.h"

#if defined(FASTGRAD_ON_CUDA)
#include "kernels/vec_cuda.h"
#else
#include "kernels/math.h"
#endif
