// Python binding of the splat rasterizer: checks every array, then works without the GIL.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "arrays.h"
#include "instruction_level.h"
#include "videoengine/splat_rasterizer.h"

namespace nb = nanobind;

namespace videoengine::splats {
const Rasterizer<float>& float_rasterizer_baseline();
const Rasterizer<double>& double_rasterizer_baseline();
#if defined(__x86_64__)
const Rasterizer<float>& float_rasterizer_v3();
const Rasterizer<double>& double_rasterizer_v3();
const Rasterizer<float>& float_rasterizer_v4();
const Rasterizer<double>& double_rasterizer_v4();
#endif
const Rasterizer<float>& float_rasterizer_scalar();
const Rasterizer<double>& double_rasterizer_scalar();
}  // namespace videoengine::splats

namespace {

namespace splats = videoengine::splats;

using videoengine::Level;
using videoengine::arrays::Array;
using videoengine::arrays::check_count;
using videoengine::arrays::numbers;
using videoengine::arrays::Optional;
using videoengine::arrays::refuse;
using videoengine::arrays::shape_of;
constexpr std::size_t kLargestSide = 16384;
constexpr std::size_t kMostGaussians = std::size_t{1} << 30;

int degree_of(const Array& harmonics) {
  const std::size_t bases = harmonics.ndim() == 3 ? harmonics.shape(1) : 0;
  for (int degree = 0; degree <= 3; ++degree) {
    if (bases == static_cast<std::size_t>((degree + 1) * (degree + 1))) return degree;
  }
  refuse("harmonics have the wrong shape", shape_of(harmonics), "(N, 1, 4, 9 or 16, 3)");
}

template <class S>
splats::Scene<S> scene_of(const std::vector<Array>& scene) {
  const std::size_t n = scene[0].ndim() ? scene[0].shape(0) : 0;
  if (n > kMostGaussians) refuse("there are too many Gaussians", std::to_string(n), std::to_string(kMostGaussians));
  const int degree = degree_of(scene[4]);
  const std::size_t bases = scene[4].shape(1);
  return {numbers<S>(scene[0], {n, 3}, "means"),
          numbers<S>(scene[1], {n, 4}, "quaternions"),
          numbers<S>(scene[2], {n, 3}, "log_scales"),
          numbers<S>(scene[3], {n}, "logits"),
          numbers<S>(scene[4], {n, bases, 3}, "harmonics"),
          static_cast<std::int64_t>(n),
          degree};
}

template <class S>
splats::Shot<S> shot_of(const std::vector<Array>& shot, std::size_t width, std::size_t height) {
  check_count(shot.size(), 5, "numbers of the shot");
  if (width < 1 || height < 1 || width > kLargestSide || height > kLargestSide) {
    refuse("the picture has the wrong size", std::to_string(width) + " x " + std::to_string(height),
           "1 to " + std::to_string(kLargestSide) + " pixels a side");
  }
  splats::Shot<S> s{};
  s.pose = numbers<S>(shot[0], {3, 4}, "camera_from_world");
  const bool fisheye = shot[1].ndim() == 1 && shot[1].shape(0) == 9;
  s.intrinsics = numbers<S>(shot[1], {fisheye ? std::size_t{9} : std::size_t{4}}, "intrinsics");
  s.fisheye = fisheye ? s.intrinsics + 4 : nullptr;
  s.background = numbers<S>(shot[2], {3}, "background");
  s.lamp = numbers<S>(shot[3], {2}, "lamp");
  s.rules = numbers<S>(shot[4], {7}, "rules");
  s.width = static_cast<int>(width), s.height = static_cast<int>(height);
  return s;
}

[[noreturn]] void fail(const splats::Failure& failure) {
  const std::string which = "Gaussian " + std::to_string(failure.where);
  switch (failure.fault) {
    case 1: refuse(which + " is not finite", "NaN or infinity", "finite numbers");
    case 2: refuse(which + " has no rotation", "a quaternion of length 0", "any other length");
    case 3: refuse(which + " is too large", "a log scale above 16", "at most 16");
    case -1: throw std::bad_alloc();
    case -2: refuse("the capacity is too small", std::to_string(failure.where) + " pairs of splat and tile",
                    "at most the capacity; raise it, or give 0 for any number");
    default: refuse("the pass is not of this scene and shot", "another pass", "what forward returned for them");
  }
}

splats::InstructionSet set_of(const std::string& name) {
  if (name == "best") return splats::InstructionSet::kBest;
  if (name == "baseline") return splats::InstructionSet::kBaseline;
  if (name == "scalar") return splats::InstructionSet::kScalar;
  refuse("instruction_set is unknown", "'" + name + "'", "best, baseline, scalar");
}

template <class S>
const splats::Rasterizer<S>& rasterizer(splats::InstructionSet set);
template <>
const splats::Rasterizer<float>& rasterizer<float>(splats::InstructionSet set) {
  return splats::rasterizer_of_float(set);
}
template <>
const splats::Rasterizer<double>& rasterizer<double>(splats::InstructionSet set) {
  return splats::rasterizer_of_double(set);
}

template <class S>
nb::object forward(const std::vector<Array>& scene, const std::vector<Array>& shot, std::size_t width,
                   std::size_t height, const std::vector<Optional>& out, std::int64_t capacity, bool cull,
                   splats::InstructionSet set) {
  const splats::Scene<S> scene_in = scene_of<S>(scene);
  splats::Shot<S> shot_in = shot_of<S>(shot, width, height);
  check_count(out.size(), 5, "pictures");
  const splats::Pictures<S> pictures{
      numbers<S>(out[0], {height, width, 3}, "color"), numbers<S>(out[1], {height, width}, "depth"),
      numbers<S>(out[2], {height, width}, "alpha"), numbers<S>(out[3], {height, width, 3}, "normal"),
      numbers<S>(out[4], {height, width}, "median")};
  if (!pictures.color || !pictures.depth || !pictures.alpha) refuse("a picture is missing", "none", "color, depth, alpha");
  shot_in.with_normals = pictures.normal != nullptr;
  shot_in.with_median = pictures.median != nullptr;
  shot_in.cull = cull;
  splats::Block block;
  splats::Failure failure;
  {
    nb::gil_scoped_release release;
    failure = rasterizer<S>(set).forward(scene_in, shot_in, capacity, pictures, block);
  }
  if (failure.fault) fail(failure);
  nb::capsule owner(block.bytes, [](void* p) noexcept { std::free(p); });
  const std::size_t size[1] = {block.size};
  return nb::cast(nb::ndarray<nb::numpy, std::uint8_t>(block.bytes, 1, size, owner));
}

template <class S>
void backward(const std::vector<Array>& scene, const std::vector<Array>& shot, std::size_t width, std::size_t height,
              const Array& pass, const std::vector<Optional>& in, const std::vector<Optional>& out, bool normals, bool cull,
              splats::InstructionSet set) {
  const splats::Scene<S> scene_in = scene_of<S>(scene);
  splats::Shot<S> shot_in = shot_of<S>(shot, width, height);
  shot_in.with_normals = normals, shot_in.cull = cull;
  check_count(in.size(), 4, "gradients of pictures");
  check_count(out.size(), 8, "gradients");
  const splats::PictureGradients<S> from{
      numbers<S>(in[0], {height, width, 3}, "color's gradient"), numbers<S>(in[1], {height, width}, "depth's gradient"),
      numbers<S>(in[2], {height, width}, "alpha's gradient"),
      numbers<S>(in[3], {height, width, 3}, "normal's gradient")};
  const std::size_t n = static_cast<std::size_t>(scene_in.count), bases = scene[4].shape(1);
  const splats::SceneGradients<S> to{
      numbers<S>(out[0], {n, 3}, "means"), numbers<S>(out[1], {n, 4}, "quaternions"),
      numbers<S>(out[2], {n, 3}, "log_scales"), numbers<S>(out[3], {n}, "logits"),
      numbers<S>(out[4], {n, bases, 3}, "harmonics"), numbers<S>(out[5], {3, 4}, "camera_from_world"),
      numbers<S>(out[6], {3}, "background"), numbers<S>(out[7], {n, 2}, "absolute")};
  for (int i = 0; i < 7; ++i) {
    if (!out[i]) refuse("a gradient is missing", "none", "an array for all but the absolute one");
  }
  if (pass.dtype() != nb::dtype<std::uint8_t>() || pass.ndim() != 1) refuse("pass", shape_of(pass), "uint8 (bytes,)");
  splats::Failure failure;
  {
    nb::gil_scoped_release release;
    failure = rasterizer<S>(set).backward(scene_in, shot_in, static_cast<const std::uint8_t*>(pass.data()),
                                          pass.shape(0), from, to);
  }
  if (failure.fault) fail(failure);
}

bool is_double(const std::vector<Array>& scene) {
  check_count(scene.size(), 5, "parameters of the scene");
  if (scene[0].dtype() == nb::dtype<double>()) return true;
  if (scene[0].dtype() == nb::dtype<float>()) return false;
  refuse("means have the wrong dtype", std::to_string(scene[0].dtype().bits) + " bits", "float32, float64");
}

nb::object any_forward(const std::vector<Array>& scene, const std::vector<Array>& shot, std::size_t width,
                       std::size_t height, const std::vector<Optional>& out, std::int64_t capacity, bool cull,
                       const std::string& instruction_set) {
  const splats::InstructionSet set = set_of(instruction_set);
  return is_double(scene) ? forward<double>(scene, shot, width, height, out, capacity, cull, set)
                          : forward<float>(scene, shot, width, height, out, capacity, cull, set);
}

void any_backward(const std::vector<Array>& scene, const std::vector<Array>& shot, std::size_t width,
                  std::size_t height, const Array& pass, const std::vector<Optional>& in,
                  const std::vector<Optional>& out, bool normals, bool cull,
                  const std::string& instruction_set) {
  const splats::InstructionSet set = set_of(instruction_set);
  if (is_double(scene)) return backward<double>(scene, shot, width, height, pass, in, out, normals, cull, set);
  backward<float>(scene, shot, width, height, pass, in, out, normals, cull, set);
}

}  // namespace

namespace videoengine::splats {

const Rasterizer<float>& rasterizer_of_float(InstructionSet set) {
  if (set == InstructionSet::kScalar) return float_rasterizer_scalar();
#if defined(__x86_64__)
  static const Level level = best_level();
  if (set == InstructionSet::kBest && level == Level::kV4) return float_rasterizer_v4();
  if (set == InstructionSet::kBest && level == Level::kV3) return float_rasterizer_v3();
#endif
  return float_rasterizer_baseline();
}

const Rasterizer<double>& rasterizer_of_double(InstructionSet set) {
  if (set == InstructionSet::kScalar) return double_rasterizer_scalar();
#if defined(__x86_64__)
  static const Level level = best_level();
  if (set == InstructionSet::kBest && level == Level::kV4) return double_rasterizer_v4();
  if (set == InstructionSet::kBest && level == Level::kV3) return double_rasterizer_v3();
#endif
  return double_rasterizer_baseline();
}

}  // namespace videoengine::splats

void bind_splat_rasterizer(nb::module_& module) {
  module.def("splat_forward", &any_forward, nb::arg("scene"), nb::arg("shot"), nb::arg("width"), nb::arg("height"),
             nb::arg("out"), nb::arg("capacity") = 0, nb::arg("cull") = true, nb::arg("instruction_set") = "best",
             "Fill the pictures of a scene; return the pass that splat_backward needs.");
  module.def("splat_backward", &any_backward, nb::arg("scene"), nb::arg("shot"), nb::arg("width"), nb::arg("height"),
             nb::arg("pass_"), nb::arg("gradients"), nb::arg("out"), nb::arg("normals") = false,
             nb::arg("cull") = true, nb::arg("instruction_set") = "best", "Fill the gradients of a scene from those of its pictures.");
}
