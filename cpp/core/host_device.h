// For functions that the host and the kernels of a CUDA device share.
#pragma once

#ifdef __CUDACC__
#define FASTGRAD_HOST_DEVICE __host__ __device__
#else
#define FASTGRAD_HOST_DEVICE
#endif
