// Python bindings of the simulator's renderer, of its noise, and of its shading for tests. Every shape
// is checked; rendering goes on without the GIL.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <optional>
#include <string>

#include "videoengine/camera.h"
#include "videoengine/scene_renderer.h"
#include "videoengine/shading.h"
#include "videoengine/value_noise.h"

namespace nb = nanobind;
namespace vr = videoengine::renderer;

vr::SceneRenderer::~SceneRenderer() = default;

namespace {

using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const std::uint8_t, nb::c_contig, nb::device::cpu>;
using Doubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using OutFloats = nb::ndarray<float, nb::c_contig, nb::device::cpu>;
using OutDoubles = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using OutBytes = nb::ndarray<std::uint8_t, nb::c_contig, nb::device::cpu>;

[[noreturn]] void refuse(const std::string& what, const std::string& got, const std::string& allowed) {
  throw nb::value_error((what + "; got " + got + "; allowed: " + allowed + ".").c_str());
}

template <class Array>
std::string shape_of(const Array& a) {
  std::string text = "(";
  for (std::size_t i = 0; i < a.ndim(); ++i) text += (i ? ", " : "") + std::to_string(a.shape(i));
  return text + ")";
}

// A negative length is free.
template <class Array>
void check(const Array& a, const char* name, std::initializer_list<std::int64_t> shape) {
  bool fits = a.ndim() == shape.size();
  std::string wanted = "(";
  std::size_t axis = 0;
  for (const std::int64_t side : shape) {
    if (fits && side >= 0) fits = a.shape(axis) == static_cast<std::size_t>(side);
    wanted += (axis ? ", " : "") + (side < 0 ? std::string("any") : std::to_string(side));
    ++axis;
  }
  if (!fits) refuse(std::string(name) + " has the wrong shape", shape_of(a), wanted + ")");
}

template <class Array>
int rows_of(const Array& a, const char* name, int columns, int most) {
  check(a, name, {-1, columns});
  if (a.shape(0) > static_cast<std::size_t>(most)) {
    refuse(std::string(name) + " has too many rows", std::to_string(a.shape(0)), "at most " + std::to_string(most));
  }
  return static_cast<int>(a.shape(0));
}

bool has_v3() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#else
  return false;
#endif
}

vr::SceneRenderer* made(int width, int height, const float* lens, const std::string& backend) {
  if (backend == "baseline") return vr::make_renderer_baseline(width, height, lens);
  if (backend == "cpu") {
#if defined(__x86_64__)
    if (has_v3()) return vr::make_renderer_v3(width, height, lens);
#endif
    return vr::make_renderer_baseline(width, height, lens);
  }
  if (backend == "cuda") {
#ifdef VIDEOENGINE_WITH_CUDA
    return vr::make_renderer_cuda(width, height, lens);
#else
    refuse("backend", "cuda, in a build without CUDA", "cpu, baseline; or build with VIDEOENGINE_CUDA=on");
#endif
  }
  refuse("backend is unknown", "'" + backend + "'", "cpu, baseline, cuda");
}

class Renderer {
 public:
  Renderer(int width, int height, const Floats& intrinsics, const std::string& backend)
      : width_(width), height_(height) {
    if (width < 8 || height < 8 || width > 8192 || height > 8192) {
      refuse("size", std::to_string(width) + " x " + std::to_string(height), "8 to 8192 pixels a side");
    }
    check(intrinsics, "intrinsics", {vr::kIntrinsicsLength});
    inner_.reset(made(width, height, intrinsics.data(), backend));
    if (!inner_) throw std::runtime_error("the renderer could not be made: there is no memory, or no CUDA device");
  }

  void set_mesh(const Floats& rest, const Floats& bare, const Floats& front, const Floats& modes, bool wraps,
                float orientation) {
    check(rest, "rest", {-1, -1, 3});
    const auto rows = static_cast<std::int64_t>(rest.shape(0)), columns = static_cast<std::int64_t>(rest.shape(1));
    check(bare, "bare", {rows, columns, 3});
    check(front, "front", {rows, columns});
    check(modes, "modes", {-1, rows, columns, 3});
    if (rows < 2 || columns < 3 || rows * columns > (1 << 24)) refuse("rest", shape_of(rest), "2 x 3 to 2^24 points");
    if (modes.shape(0) > static_cast<std::size_t>(vr::kMostAmplitudes)) {
      refuse("modes", std::to_string(modes.shape(0)), "at most " + std::to_string(vr::kMostAmplitudes));
    }
    rows_ = static_cast<int>(rows), modes_ = static_cast<int>(modes.shape(0));
    done(inner_->set_mesh({rest.data(), bare.data(), front.data(), modes.data(), rows_, static_cast<int>(columns),
                           modes_, wraps, orientation}));
  }

  void set_textures(const Bytes& rest, const Bytes& bare, const Floats& relief, const Bytes& region,
                    const Bytes& region_bare, float texel_mm) {
    check(rest, "rest", {-1, -1, 4});
    const auto h = static_cast<std::int64_t>(rest.shape(0)), w = static_cast<std::int64_t>(rest.shape(1));
    check(bare, "bare", {h, w, 4});
    check(relief, "relief", {h, w});
    check(region, "region", {h, w});
    check(region_bare, "region_bare", {h, w});
    if (h < 2 || w < 2) refuse("rest", shape_of(rest), "2 x 2 texels or more");
    done(inner_->set_textures({rest.data(), bare.data(), relief.data(), region.data(), region_bare.data(),
                               static_cast<int>(h), static_cast<int>(w), texel_mm}));
    textured_ = true;
  }

  void render(const Floats& pose, const Floats& amplitudes, float progress, const Floats& pulls, int first_row,
              const Floats& solids, const Floats& materials, const Floats& light, const Floats& puffs,
              const Floats& drops, const Floats& sensor, const Floats& stains, std::uint32_t scene_seed,
              std::uint32_t noise_seed, std::optional<OutBytes> rgb, std::optional<OutFloats> linear,
              std::optional<OutFloats> depth, std::optional<OutBytes> labels, std::optional<OutFloats> material,
              std::optional<OutFloats> flow, std::optional<Floats> next_pose, std::optional<Floats> next_amplitudes,
              float next_progress, std::optional<Floats> next_pulls) {
    if (!rows_ || !textured_) refuse("render", "no mesh or no textures", "set_mesh and set_textures first");
    vr::FrameInput in = {};
    in.now = motion(pose, amplitudes, progress, pulls);
    in.first_row = first_row, in.row_count = static_cast<int>(amplitudes.shape(0));
    if (first_row < 0 || in.row_count < 2 || first_row + in.row_count > rows_) {
      refuse("rows of the mesh", std::to_string(first_row) + " + " + std::to_string(in.row_count),
             "2 or more within " + std::to_string(rows_));
    }
    in.with_flow = flow.has_value();
    if (in.with_flow) {
      if (!next_pose || !next_amplitudes || !next_pulls) refuse("flow", "no next motion", "next_pose, next_amplitudes, next_pulls");
      check(*next_amplitudes, "next_amplitudes", {in.row_count, modes_});
      in.next = motion(*next_pose, *next_amplitudes, next_progress, *next_pulls);
    }
    in.solids = solids.data(), in.solid_count = rows_of(solids, "solids", vr::kSolidLength, vr::kMostSolids);
    in.materials = materials.data();
    in.material_count = rows_of(materials, "materials", vr::kMaterialLength, vr::kMostMaterials);
    for (int i = 0; i < in.solid_count; ++i) {
      const float m = in.solids[i * vr::kSolidLength + 1];
      if (!(m >= 0 && m < static_cast<float>(in.material_count))) refuse("material of a solid", std::to_string(m), "a row of materials");
    }
    check(light, "light", {vr::kLightLength});
    in.light = light.data();
    in.puffs = puffs.data(), in.puff_count = rows_of(puffs, "puffs", vr::kPuffLength, vr::kMostPuffRows);
    in.drops = drops.data(), in.drop_count = rows_of(drops, "drops", vr::kDropLength, vr::kMostDropRows);
    check(sensor, "sensor", {vr::kSensorLength});
    in.sensor = sensor.data();
    check(stains, "stains", {-1, -1, 3});
    if (stains.size() == 0) refuse("stains", shape_of(stains), "1 x 1 cells or more");
    in.stains = stains.data(), in.stain_height = static_cast<int>(stains.shape(0));
    in.stain_width = static_cast<int>(stains.shape(1));
    in.scene_seed = scene_seed, in.noise_seed = noise_seed;
    vr::FrameOutput out = {};
    if (rgb) check(*rgb, "rgb", {height_, width_, 3}), out.rgb = rgb->data();
    if (linear) check(*linear, "linear", {height_, width_, 3}), out.light = linear->data();
    if (depth) check(*depth, "depth", {height_, width_}), out.depth = depth->data();
    if (labels) check(*labels, "labels", {height_, width_, 4}), out.labels = labels->data();
    if (material) check(*material, "material", {height_, width_, 2}), out.material = material->data();
    if (flow) check(*flow, "flow", {height_, width_, 2}), out.flow = flow->data();
    nb::gil_scoped_release release;
    done(inner_->render(in, out));
  }

 private:
  vr::MotionInput motion(const Floats& pose, const Floats& amplitudes, float progress, const Floats& pulls) const {
    check(pose, "pose", {3, 4});
    check(amplitudes, "amplitudes", {-1, modes_});
    return {pose.data(), amplitudes.data(), progress, pulls.data(),
            rows_of(pulls, "pulls", vr::kPullLength, vr::kMostPullRows)};
  }
  static void done(const char* failure) {
    if (failure) throw std::runtime_error(std::string("scene renderer: ") + failure);
  }

  int width_, height_, rows_ = 0, modes_ = 0;
  bool textured_ = false;
  std::unique_ptr<vr::SceneRenderer> inner_;
};

void fractal(const Doubles& points, const OutDoubles& out, std::uint32_t seed, int octaves, double gain, int kind,
             int period) {
  check(points, "points", {-1, 3});
  const auto n = static_cast<std::int64_t>(points.shape(0));
  check(out, "out", {n});
  if (octaves < 1 || octaves > 16) refuse("octaves", std::to_string(octaves), "1 to 16");
  const double* p = points.data();
  double* to = out.data();
  nb::gil_scoped_release release;
#pragma omp parallel for schedule(static) if (n > 4096)
  for (std::int64_t i = 0; i < n; ++i) {
    to[i] = videoengine::noise::fractal(p[3 * i], p[3 * i + 1], p[3 * i + 2], seed, octaves, gain, kind, period);
  }
}

videoengine::math::Vec3<double> vec(const double* p) { return {p[0], p[1], p[2]}; }

// surface: albedo rgb, reflectance rgb, roughness, film, film roughness.
void reflect(const Doubles& normals, const Doubles& views, const Doubles& lights, const Doubles& surface,
             const OutDoubles& out) {
  check(normals, "normals", {-1, 3});
  const auto n = static_cast<std::int64_t>(normals.shape(0));
  check(views, "views", {n, 3}), check(lights, "lights", {n, 3}), check(out, "out", {n, 3});
  check(surface, "surface", {9});
  const double* s = surface.data();
  const videoengine::shading::Surface<double> skin = {vec(s), vec(s + 3), s[6], s[7], s[8]};
  for (std::int64_t i = 0; i < n; ++i) {
    const auto c = videoengine::shading::reflect(skin, vec(normals.data() + 3 * i), vec(views.data() + 3 * i),
                                                 vec(lights.data() + 3 * i));
    out.data()[3 * i] = c.x, out.data()[3 * i + 1] = c.y, out.data()[3 * i + 2] = c.z;
  }
}

// spot: position xyz, axis xyz, intensity, exponent.
void irradiance(const Doubles& points, const Doubles& spot, const OutDoubles& out) {
  check(points, "points", {-1, 3});
  const auto n = static_cast<std::int64_t>(points.shape(0));
  check(out, "out", {n}), check(spot, "spot", {8});
  const double* s = spot.data();
  const videoengine::shading::Spot<double> lamp = {vec(s), vec(s + 3), s[6], s[7]};
  for (std::int64_t i = 0; i < n; ++i) {
    out.data()[i] = videoengine::shading::arriving(lamp, vec(points.data() + 3 * i)).irradiance;
  }
}

// Forward: (N, 3) points to (N, 2) pixels; backward: (N, 2) pixels to (N, 3) rays.
template <class S>
videoengine::camera::Intrinsics<S> lens_of(const Doubles& k) {
  check(k, "intrinsics", {vr::kIntrinsicsLength});
  const double* p = k.data();
  return {S(p[0]), S(p[1]), S(p[2]), S(p[3]), S(p[4]), S(p[5]), static_cast<int>(p[6])};
}
void project(const Doubles& intrinsics, const Doubles& points, const OutDoubles& out) {
  check(points, "points", {-1, 3});
  const auto n = static_cast<std::int64_t>(points.shape(0));
  check(out, "out", {n, 2});
  const auto lens = lens_of<double>(intrinsics);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto at = videoengine::camera::project(lens, vec(points.data() + 3 * i));
    out.data()[2 * i] = at.x, out.data()[2 * i + 1] = at.y;
  }
}
void rays(const Doubles& intrinsics, const Doubles& pixels, const OutDoubles& out) {
  check(pixels, "pixels", {-1, 2});
  const auto n = static_cast<std::int64_t>(pixels.shape(0));
  check(out, "out", {n, 3});
  const auto lens = lens_of<double>(intrinsics);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto d = videoengine::camera::ray(lens, pixels.data()[2 * i], pixels.data()[2 * i + 1]);
    out.data()[3 * i] = d.x, out.data()[3 * i + 1] = d.y, out.data()[3 * i + 2] = d.z;
  }
}

}  // namespace

// What is written to is never converted: the caller's array would stay as it was.
void bind_scene_renderer(nb::module_& module) {
  nb::class_<Renderer>(module, "SceneRenderer", "Renders a deforming mesh and rigid solids as an endoscope sees them.")
      .def(nb::init<int, int, const Floats&, const std::string&>(), nb::arg("width"), nb::arg("height"),
           nb::arg("intrinsics"), nb::arg("backend") = "cpu")
      .def("set_mesh", &Renderer::set_mesh, nb::arg("rest"), nb::arg("bare"), nb::arg("front"), nb::arg("modes"),
           nb::arg("wraps"), nb::arg("orientation"))
      .def("set_textures", &Renderer::set_textures, nb::arg("rest"), nb::arg("bare"), nb::arg("relief"),
           nb::arg("region"), nb::arg("region_bare"), nb::arg("texel_mm"))
      .def("render", &Renderer::render, nb::kw_only(), nb::arg("pose"), nb::arg("amplitudes"), nb::arg("progress"),
           nb::arg("pulls"), nb::arg("first_row"), nb::arg("solids"), nb::arg("materials"), nb::arg("light"),
           nb::arg("puffs"), nb::arg("drops"), nb::arg("sensor"), nb::arg("stains"), nb::arg("scene_seed"),
           nb::arg("noise_seed"), nb::arg("rgb").noconvert() = nb::none(), nb::arg("linear").noconvert() = nb::none(),
           nb::arg("depth").noconvert() = nb::none(), nb::arg("labels").noconvert() = nb::none(), nb::arg("material").noconvert() = nb::none(),
           nb::arg("flow").noconvert() = nb::none(), nb::arg("next_pose") = nb::none(), nb::arg("next_amplitudes") = nb::none(),
           nb::arg("next_progress") = 0.0f, nb::arg("next_pulls") = nb::none());
  module.def("noise_fractal", &fractal, nb::arg("points"), nb::arg("out").noconvert(), nb::arg("seed"), nb::arg("octaves"),
             nb::arg("gain"), nb::arg("kind"), nb::arg("period"));
  module.def("shading_reflect", &reflect, nb::arg("normals"), nb::arg("views"), nb::arg("lights"),
             nb::arg("surface"), nb::arg("out").noconvert());
  module.def("spot_irradiance", &irradiance, nb::arg("points"), nb::arg("spot"), nb::arg("out").noconvert());
  module.def("camera_project", &project, nb::arg("intrinsics"), nb::arg("points"), nb::arg("out").noconvert());
  module.def("camera_rays", &rays, nb::arg("intrinsics"), nb::arg("pixels"), nb::arg("out").noconvert());
}
