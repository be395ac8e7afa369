// The rasterizer on a CUDA device as it is used: multiplications and additions fused, divisions and powers of
// two approximated. Kernels state their blocks where they stand, in splat_device_*.h.
#define VIDEOENGINE_ISA cuda_fast
#define VIDEOENGINE_APPROXIMATE
#include "splat_cuda_machine.h"

namespace videoengine {

const splats::DeviceRasterizer& splats::device_rasterizer_cuda() {
  static const splat::DeviceRasterizer<splat::CudaMachine> made;
  return made;
}

}  // namespace videoengine
