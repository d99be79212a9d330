// What the plain loops of several families share.
#pragma once

#include "kernels/function.h"

// Put before a loop whose iterations do not read what others write, although pointers may be equal.
#if defined(__clang__)
#define FASTGRAD_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define FASTGRAD_INDEPENDENT _Pragma("GCC ivdep")
#endif
