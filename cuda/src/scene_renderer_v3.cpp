// The renderer for processors with AVX2; compiled with -march=x86-64-v3, chosen at run time.
#define VIDEOENGINE_ISA v3
#include "scene_renderer_cpu.inc"

namespace videoengine::renderer {
SceneRenderer* make_renderer_v3(int width, int height, const float* intrinsics) {
  return make(width, height, intrinsics);
}
}  // namespace videoengine::renderer
