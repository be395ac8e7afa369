// The same kernels compiled like the CPU's loops: -fmad=false, exact divisions and roots, the polynomial of
// math3.h. Its pictures are the CPU's; tests compare with them.
#define VIDEOENGINE_ISA cuda_exact
#include "splat_cuda_machine.h"

namespace videoengine {

const splats::DeviceRasterizer& splats::device_rasterizer_exact() {
  static const splat::DeviceRasterizer<splat::CudaMachine> made;
  return made;
}

}  // namespace videoengine
