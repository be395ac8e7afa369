// One marker for functions that exist on the host and on a GPU, and the compile rules of shared math.
//
// Code under include/ that carries VIDEOENGINE_HD is the only definition of its math: the .cpp and the
// .cu files loop over it. It calls nothing of std:: and is compiled without fused multiply-add, so that
// a float result is the same on every instruction set and, built with -fmad=false, on a GPU.
#pragma once

#ifdef __CUDACC__
#define VIDEOENGINE_HD __host__ __device__ __forceinline__
#else
#define VIDEOENGINE_HD inline __attribute__((always_inline))
#endif

// A translation unit that is compiled once for each instruction set names the set, so that the linker
// never takes one copy for the other.
#ifndef VIDEOENGINE_ISA
#define VIDEOENGINE_ISA baseline
#endif
