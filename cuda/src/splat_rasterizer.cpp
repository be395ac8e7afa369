// The rasterizer of splats for every processor.
#define VIDEOENGINE_ISA baseline
#define VIDEOENGINE_LANE_BYTES 16
#include "splat_rasterizer_cpu.inc"

namespace videoengine::splats {
const Rasterizer<float>& float_rasterizer_baseline() { return splat::kOfFloat; }
const Rasterizer<double>& double_rasterizer_baseline() { return splat::kOfDouble; }
}  // namespace videoengine::splats
