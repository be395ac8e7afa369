// The Python module videoengine._native: each op brings its own bindings file.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_adam(nb::module_& module);
void bind_color_conversion(nb::module_& module);
void bind_frame_statistics(nb::module_& module);
void bind_photometric_loss(nb::module_& module);
void bind_scene_renderer(nb::module_& module);
void bind_splat_device(nb::module_& module);
void bind_splat_rasterizer(nb::module_& module);

namespace {

constexpr bool kWithCuda =
#ifdef VIDEOENGINE_WITH_CUDA
    true;
#else
    false;
#endif

// The best instruction set the multiversioned functions can use on this processor.
const char* instruction_set() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") ? "x86-64-v3" : "x86-64";
#else
  return "generic";
#endif
}

}  // namespace

NB_MODULE(_native, module) {
  module.doc() = "Native operations of videoengine.";
  module.def("built_with_cuda", [] { return kWithCuda; });
  module.def("instruction_set", &instruction_set);
  bind_adam(module);
  bind_color_conversion(module);
  bind_frame_statistics(module);
  bind_photometric_loss(module);
  bind_scene_renderer(module);
  bind_splat_device(module);
  bind_splat_rasterizer(module);
}
