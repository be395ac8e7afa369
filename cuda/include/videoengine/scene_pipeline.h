// The order in which the bodies of scene.h, scene_shading.h and sensor.h run, on a Device that owns
// memory and loops: C++ with OpenMP, or CUDA. Uses no template of the standard library, because this
// file is compiled once for each instruction set.
#pragma once

#include "videoengine/scene_renderer.h"
#include "videoengine/scene_shading.h"
#include "videoengine/sensor.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace pipeline {

using math::Vec3;
using namespace scene;

// Memory of a device that grows and is freed with its owner.
template <class Device, class T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { Device::release(data_); }
  bool reserve(std::int64_t count) {
    if (count <= size_) return true;
    Device::release(data_);
    size_ = 0;
    data_ = static_cast<T*>(Device::allocate(static_cast<std::size_t>(count) * sizeof(T)));
    if (data_) size_ = count;
    return data_ != nullptr;
  }
  bool fill(const T* from, std::int64_t count) {
    return reserve(count) && Device::copy_in(data_, from, static_cast<std::size_t>(count) * sizeof(T));
  }
  T* data() const { return data_; }

 private:
  T* data_ = nullptr;
  std::int64_t size_ = 0;
};

struct RayBody {
  Intrinsics lens;
  Vec* rays;
  int width;
  VIDEOENGINE_HD void operator()(std::int64_t i) const {
    rays[i] = camera::ray(lens, static_cast<float>(i % width), static_cast<float>(i / width));
  }
};
struct MoveBody {
  Mesh mesh;
  Motion motion;
  Intrinsics lens;
  Vertex* out;
  VIDEOENGINE_HD void operator()(std::int64_t i) const { out[i] = moved(mesh, motion, lens, i); }
};
struct NormalBody {
  Mesh mesh;
  const Vertex* vertices;
  Vec* out;
  VIDEOENGINE_HD void operator()(std::int64_t i) const { out[i] = normal_at(mesh, vertices, i); }
};
struct PaintBody {
  Scene scene;
  Targets targets;
  VIDEOENGINE_HD void operator()(std::int64_t i) const { paint(scene, targets, i); }
};
struct ReduceBody {
  sensor::Sensor s;
  const float* light;
  float* small;
  VIDEOENGINE_HD void operator()(std::int64_t i) const { sensor::reduce(s, light, small, i); }
};
struct BlurBody {
  sensor::Sensor s;
  const float* from;
  float* to;
  bool across;
  VIDEOENGINE_HD void operator()(std::int64_t i) const { sensor::blur(s, from, to, across, i); }
};
struct EncodeBody {
  sensor::Sensor s;
  const float *light, *small;
  float* code;
  VIDEOENGINE_HD void operator()(std::int64_t i) const { sensor::encode(s, light, small, code, i); }
};
struct FinishBody {
  sensor::Sensor s;
  const float* code;
  std::uint8_t* rgb;
  VIDEOENGINE_HD void operator()(std::int64_t i) const { sensor::finish(s, code, rgb, i); }
};

inline Vec vec_of(const float* p) { return {p[0], p[1], p[2]}; }
inline Pose pose_of(const float* p) {
  return {{{vec_of(p), vec_of(p + 4), vec_of(p + 8)}}, {p[3], p[7], p[11]}};
}
inline Intrinsics intrinsics_of(const float* p) {
  return {p[0], p[1], p[2], p[3], p[4], p[5], static_cast<int>(p[6])};
}

// Pixels that may see a round cone or a box: the image of what lies before the near plane, grown.
inline void box_of(const solids::Solid& s, const Intrinsics& lens, int width, int height, int* box) {
  box[0] = box[1] = 0, box[2] = width - 1, box[3] = height - 1;
  if (s.kind == solids::kSleeve) return;
  Vec ends[2] = {s.a, s.b};
  float radii[2] = {s.ra, s.rb};
  if (s.kind == solids::kBox) {
    ends[1] = s.a;
    radii[0] = radii[1] = math::square_root(s.ra * s.ra + s.rb * s.rb + s.thickness * s.thickness);
  }
  const float largest = math::maximum(radii[0], radii[1]), plane = kNear + largest;
  for (int i = 0; i < 2; ++i) {
    const int other = 1 - i;
    if (ends[i].z >= plane) continue;
    if (ends[other].z <= plane) {
      if (ends[other].z < kNear - largest && ends[i].z < kNear - largest) box[2] = -1;  // all behind
      return;
    }
    ends[i] = mix(ends[i], ends[other], (plane - ends[i].z) / (ends[other].z - ends[i].z));
  }
  float low[2] = {1e9f, 1e9f}, high[2] = {-1e9f, -1e9f};
  for (int i = 0; i < 2; ++i) {
    for (int k = 0; k < 8; ++k) {
      Vec p = ends[i] + Vec{k & 1 ? largest : -largest, k & 2 ? largest : -largest, k & 4 ? largest : -largest};
      p.z = math::maximum(p.z, kNear);
      const auto at = camera::project(lens, p);
      low[0] = math::minimum(low[0], at.x), low[1] = math::minimum(low[1], at.y);
      high[0] = math::maximum(high[0], at.x), high[1] = math::maximum(high[1], at.y);
    }
  }
  const float w = static_cast<float>(width), h = static_cast<float>(height);
  box[0] = static_cast<int>(math::clamp(low[0] - 4.0f, 0.0f, w));
  box[1] = static_cast<int>(math::clamp(low[1] - 4.0f, 0.0f, h));
  box[2] = static_cast<int>(math::clamp(high[0] + 4.0f, -1.0f, w - 1.0f));
  box[3] = static_cast<int>(math::clamp(high[1] + 4.0f, -1.0f, h - 1.0f));
}

template <class Device>
class Pipeline final : public renderer::SceneRenderer {
 public:
  bool open(int width, int height, const float* intrinsics) {
    width_ = width, height_ = height, lens_ = intrinsics_of(intrinsics);
    const std::int64_t n = pixels(), small = 3LL * sensor::reduced(width) * sensor::reduced(height);
    const bool whole = rays_.reserve(n) && keys_.reserve(n) && light_.reserve(3 * n) && depth_.reserve(n) &&
                       labels_.reserve(4 * n) && material_.reserve(2 * n) && flow_.reserve(2 * n) &&
                       code_.reserve(3 * n) && rgb_.reserve(3 * n) && small_[0].reserve(small) &&
                       small_[1].reserve(small);
    return whole && Device::each(n, RayBody{lens_, rays_.data(), width}) == nullptr;
  }

  const char* set_mesh(const renderer::MeshInput& in) override {
    const std::int64_t n = static_cast<std::int64_t>(in.rows) * in.columns;
    if (!(rest_.fill(in.rest, 3 * n) && bare_.fill(in.bare, 3 * n) && front_.fill(in.front, n) &&
          modes_.fill(in.modes, 3 * n * in.mode_count) && vertices_.reserve(n) && next_.reserve(n) &&
          normals_.reserve(n))) {
      return "there is not enough memory for the mesh";
    }
    mesh_.mode_stride = n;
    mesh_.rows = in.rows, mesh_.columns = in.columns, mesh_.mode_count = in.mode_count;
    mesh_.wraps = in.wraps ? 1 : 0, mesh_.orientation = in.orientation;
    return nullptr;
  }

  const char* set_textures(const renderer::TextureInput& in) override {
    const std::int64_t n = static_cast<std::int64_t>(in.height) * in.width;
    if (!(texture_.fill(in.rest, 4 * n) && texture_bare_.fill(in.bare, 4 * n) && relief_.fill(in.relief, n) &&
          region_.fill(in.region, n) && region_bare_.fill(in.region_bare, n))) {
      return "there is not enough memory for the textures";
    }
    textures_ = {texture_.data(), texture_bare_.data(), relief_.data(), region_.data(), region_bare_.data(),
                 in.height, in.width, in.texel_mm};
    return nullptr;
  }

  const char* render(const renderer::FrameInput& in, const renderer::FrameOutput& out) override {
    Scene scene;
    if (const char* failure = prepare(in, scene)) return failure;
    const Targets targets = {keys_.data(), light_.data(), depth_.data(), labels_.data(), material_.data(),
                             in.with_flow ? flow_.data() : nullptr};
    if (const char* failure = Device::each(pixels(), PaintBody{scene, targets})) return failure;
    if (out.rgb) {
      if (const char* failure = develop(in)) return failure;
    }
    const std::int64_t n = pixels();
    const bool copied = take(out.rgb, rgb_, 3 * n) && take(out.light, light_, 3 * n) &&
                        take(out.depth, depth_, n) && take(out.labels, labels_, 4 * n) &&
                        take(out.material, material_, 2 * n) && take(out.flow, flow_, 2 * n);
    return copied ? nullptr : "the picture could not be copied from the device";
  }

 private:
  std::int64_t pixels() const { return static_cast<std::int64_t>(width_) * height_; }

  template <class T>
  bool take(T* to, const Buffer<Device, T>& from, std::int64_t count) const {
    return !to || Device::copy_out(to, from.data(), static_cast<std::size_t>(count) * sizeof(T));
  }

  Mesh window_of(const renderer::FrameInput& in) const {
    Mesh mesh = mesh_;
    const std::int64_t skip = static_cast<std::int64_t>(in.first_row) * mesh.columns;
    mesh.rest = rest_.data() + 3 * skip, mesh.bare = bare_.data() + 3 * skip;
    mesh.front = front_.data() + skip, mesh.modes = modes_.data() + 3 * skip;
    mesh.rows = in.row_count;
    return mesh;
  }

  bool motion_of(const renderer::MotionInput& in, const Mesh& mesh, Buffer<Device, float>& amplitudes,
                 Motion& out) {
    out.camera_from_world = pose_of(in.pose);
    out.progress = in.progress;
    out.pull_count = in.pull_count;
    for (int i = 0; i < in.pull_count; ++i) {
      const float* p = in.pulls + i * renderer::kPullLength;
      out.pulls[i] = {vec_of(p), vec_of(p + 3), p[6]};
    }
    const bool filled = amplitudes.fill(in.amplitudes, static_cast<std::int64_t>(mesh.rows) * mesh.mode_count);
    out.amplitudes = amplitudes.data();
    return filled;
  }

  const char* place_solids(const renderer::FrameInput& in) {
    solids::Solid host[renderer::kMostSolids];
    int boxes[4 * renderer::kMostSolids];
    for (int i = 0; i < in.solid_count; ++i) {
      const float* p = in.solids + i * renderer::kSolidLength;
      host[i] = {static_cast<int>(p[0]), static_cast<int>(p[1]), static_cast<int>(p[2]),
                 static_cast<int>(p[3]), static_cast<int>(p[4]), vec_of(p + 5), vec_of(p + 8),
                 vec_of(p + 11), p[14], p[15], p[16], pose_of(p + 17)};
      box_of(host[i], lens_, width_, height_, boxes + 4 * i);
    }
    Material materials[renderer::kMostMaterials];
    for (int i = 0; i < in.material_count; ++i) {
      const float* p = in.materials + i * renderer::kMaterialLength;
      materials[i] = {vec_of(p), vec_of(p + 3), p[6], p[7], p[8], p[9], static_cast<int>(p[10])};
    }
    const bool filled = solids_.fill(host, in.solid_count) && boxes_.fill(boxes, 4 * in.solid_count) &&
                        materials_.fill(materials, in.material_count);
    return filled ? nullptr : "there is not enough memory for the instruments";
  }

  const char* prepare(const renderer::FrameInput& in, Scene& scene) {
    const Mesh mesh = window_of(in);
    const std::int64_t points = static_cast<std::int64_t>(mesh.rows) * mesh.columns;
    Motion now, next;
    if (!motion_of(in.now, mesh, amplitudes_, now)) return "there is not enough memory for the motion";
    if (const char* failure = Device::each(points, MoveBody{mesh, now, lens_, vertices_.data()})) return failure;
    if (in.with_flow) {
      if (!motion_of(in.next, mesh, next_amplitudes_, next)) return "there is not enough memory for the motion";
      if (const char* failure = Device::each(points, MoveBody{mesh, next, lens_, next_.data()})) return failure;
    }
    if (const char* failure = Device::each(points, NormalBody{mesh, vertices_.data(), normals_.data()})) return failure;
    const View view = {rays_.data(), width_, height_};
    if (const char* failure = Device::cover(mesh, vertices_.data(), view, keys_.data())) return failure;
    if (const char* failure = place_solids(in)) return failure;
    if (!stains_.fill(in.stains, 3LL * in.stain_height * in.stain_width)) return "there is not enough memory for the stains";
    scene.mesh = mesh, scene.vertices = vertices_.data(), scene.next_vertices = next_.data();
    scene.normals = normals_.data(), scene.view = view, scene.lens = lens_, scene.textures = textures_;
    const float last = static_cast<float>(mesh_.rows - 1);
    scene.window = {static_cast<float>(in.first_row) / last, static_cast<float>(in.row_count - 1) / last};
    scene.stains = {stains_.data(), in.stain_height, in.stain_width};
    scene.solids = solids_.data(), scene.solid_count = in.solid_count, scene.boxes = boxes_.data();
    scene.materials = materials_.data();
    const float* l = in.light;
    scene.light.spot = {vec_of(l), vec_of(l + 3), l[6], l[7]};
    scene.light.tint = vec_of(l + 8), scene.light.ambient = vec_of(l + 11), scene.light.room = l[14], scene.haze_phase = l[15];
    scene.light.shadows = in.sensor[11], scene.light.unlit = in.sensor[12] > 0;
    scene.puff_count = in.puff_count;
    for (int i = 0; i < in.puff_count; ++i) {
      const float* p = in.puffs + i * renderer::kPuffLength;
      scene.puffs[i] = {vec_of(p), p[3], p[4]};
    }
    scene.seed = in.scene_seed, scene.pixel_mm = 1.0f / lens_.fx;
    return nullptr;
  }

  const char* develop(const renderer::FrameInput& in) {
    sensor::Sensor s;
    const float* p = in.sensor;
    s.width = width_, s.height = height_, s.gain = p[0], s.balance = vec_of(p + 1), s.bloom = p[4];
    s.vignette = p[5], s.sharpening = p[6], s.noise = p[7], s.circle = p[8], s.circle_x = p[9];
    s.circle_y = p[10], s.blur = p[13], s.seed = in.noise_seed, s.drop_count = in.drop_count;
    sensor::Drop drops[kMostDrops];
    for (int i = 0; i < in.drop_count; ++i) {
      const float* d = in.drops + i * renderer::kDropLength;
      drops[i] = {d[0], d[1], d[2], d[3], vec_of(d + 4)};
    }
    if (!drops_.fill(drops, in.drop_count)) return "there is not enough memory for the lens";
    s.drops = drops_.data();
    const std::int64_t small = static_cast<std::int64_t>(sensor::reduced(width_)) * sensor::reduced(height_);
    const char* failure = Device::each(small, ReduceBody{s, light_.data(), small_[0].data()});
    if (!failure) failure = Device::each(small, BlurBody{s, small_[0].data(), small_[1].data(), true});
    if (!failure) failure = Device::each(small, BlurBody{s, small_[1].data(), small_[0].data(), false});
    if (!failure) failure = Device::each(pixels(), EncodeBody{s, light_.data(), small_[0].data(), code_.data()});
    if (!failure) failure = Device::each(pixels(), FinishBody{s, code_.data(), rgb_.data()});
    return failure;
  }

  int width_ = 0, height_ = 0;
  Intrinsics lens_ = {};
  Mesh mesh_;
  Textures textures_;
  Buffer<Device, Vec> rays_, normals_;
  Buffer<Device, std::uint64_t> keys_;
  Buffer<Device, Vertex> vertices_, next_;
  Buffer<Device, float> rest_, bare_, front_, modes_, relief_, amplitudes_, next_amplitudes_, stains_;
  Buffer<Device, float> light_, depth_, material_, flow_, code_, small_[2];
  Buffer<Device, std::uint8_t> texture_, texture_bare_, region_, region_bare_, labels_, rgb_;
  Buffer<Device, solids::Solid> solids_;
  Buffer<Device, Material> materials_;
  Buffer<Device, sensor::Drop> drops_;
  Buffer<Device, int> boxes_;
};

}  // namespace pipeline
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
