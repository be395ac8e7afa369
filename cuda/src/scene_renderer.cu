// The renderer on a CUDA device: the same bodies, one thread each.
//
// each_kernel: blocks of 128 threads, a thread per index. cover_kernel: a thread per triangle; the
// nearest of all triangles at a pixel is kept by a 64-bit atomic minimum, which is free of order.
#include <cuda_runtime.h>

#include <new>

#define VIDEOENGINE_ISA cuda
#include "videoengine/scene_pipeline.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace {

constexpr int kThreads = 128;
using Word = unsigned long long;

template <class Body>
__global__ void each_kernel(std::int64_t count, const Body body) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < count) body(i);
}

struct AtomicKeep {
  Word* keys;
  __device__ void operator()(std::int64_t pixel, std::uint64_t key) const { atomicMin(keys + pixel, Word{key}); }
};

__global__ void cover_kernel(scene::Mesh mesh, const scene::Vertex* vertices, scene::View view,
                             std::int64_t triangles, Word* keys) {
  const std::int64_t id = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (id < triangles) scene::cover(mesh, vertices, view, id, 0, view.height, AtomicKeep{keys});
}

unsigned int blocks_for(std::int64_t count) { return static_cast<unsigned int>((count + kThreads - 1) / kThreads); }

const char* failure_of(cudaError_t status) { return status == cudaSuccess ? nullptr : cudaGetErrorString(status); }

struct Cuda {
  static void* allocate(std::size_t bytes) {
    void* p = nullptr;
    return cudaMalloc(&p, bytes ? bytes : 1) == cudaSuccess ? p : nullptr;
  }
  static void release(void* p) {
    if (p) cudaFree(p);
  }
  static bool copy_in(void* to, const void* from, std::size_t bytes) {
    return cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice) == cudaSuccess;
  }
  static bool copy_out(void* to, const void* from, std::size_t bytes) {
    return cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost) == cudaSuccess;
  }
  template <class Body>
  static const char* each(std::int64_t count, const Body& body) {
    if (count == 0) return nullptr;
    each_kernel<<<blocks_for(count), kThreads>>>(count, body);
    return failure_of(cudaGetLastError());
  }
  static const char* cover(const scene::Mesh& mesh, const scene::Vertex* vertices, const scene::View& view,
                           std::uint64_t* keys) {
    const std::int64_t pixels = static_cast<std::int64_t>(view.width) * view.height;
    const std::int64_t triangles = 2LL * (mesh.rows - 1) * scene::quad_columns(mesh);
    if (const char* failure = failure_of(cudaMemsetAsync(keys, 0xff, pixels * sizeof(Word)))) return failure;
    cover_kernel<<<blocks_for(triangles), kThreads>>>(mesh, vertices, view, triangles,
                                                      reinterpret_cast<Word*>(keys));
    return failure_of(cudaGetLastError());
  }
};

}  // namespace
}  // namespace VIDEOENGINE_ISA

renderer::SceneRenderer* renderer::make_renderer_cuda(int width, int height, const float* intrinsics) {
  auto* made = new (std::nothrow) pipeline::Pipeline<Cuda>;
  if (made && !made->open(width, height, intrinsics)) {
    delete made;
    made = nullptr;
  }
  return made;
}

}  // namespace videoengine
