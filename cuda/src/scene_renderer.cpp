// The renderer for every processor.
#define VIDEOENGINE_ISA baseline
#include "scene_renderer_cpu.inc"

namespace videoengine::renderer {
SceneRenderer* make_renderer_baseline(int width, int height, const float* intrinsics) {
  return make(width, height, intrinsics);
}
}  // namespace videoengine::renderer
