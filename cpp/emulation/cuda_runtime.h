// CUDA without a GPU: the part of CUDA's headers that the sources in cpp/cuda use, for a plain C++ compiler.
//
// A build whose include path begins with this folder compiles these sources as C++ and runs their kernels on the CPU:
// to develop and test them where there is no GPU, and to find faults that a GPU hides. Work is queued and runs as late
// as it may; the host cannot read device memory; a barrier that not all threads reach is reported.
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulation/block.h"
#include "emulation/intrinsics.h"
#include "emulation/language.h"
#include "emulation/launch.h"
#include "emulation/math_functions.h"
#include "emulation/runtime_api.h"
