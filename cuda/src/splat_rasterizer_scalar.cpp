// The rasterizer of splats for comparison: compiled without vector instructions.
#define VIDEOENGINE_ISA scalar
#define VIDEOENGINE_LANE_BYTES 4
#include "splat_rasterizer_cpu.inc"

namespace videoengine::splats {
const Rasterizer<float>& float_rasterizer_scalar() { return splat::kOfFloat; }
const Rasterizer<double>& double_rasterizer_scalar() { return splat::kOfDouble; }
}  // namespace videoengine::splats
