// Kernels over Gaussians: into the picture, and back from it. One thread each, blocks of 128.
#pragma once

#include "splat_device_fold.h"
#include "splat_device_layout.h"
#include "splat_device_tiles.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

// What every kernel knows of the shot; the pose is read on the device.
struct DeviceView {
  Setting<float> set;
  const float* pose;
};

VIDEOENGINE_DEVICE Setting<float> setting_on_device(const DeviceView& view) {
  Setting<float> set = view.set;
  set.view.camera_from_world = pose_of(view.pose);
  return set;
}

VIDEOENGINE_DEVICE void keep_record(const Splat<float>& s, Quad* record) {
  record[0] = device::make_quad(s.x, s.y, s.a, s.b);
  record[1] = device::make_quad(s.c, s.level, s.depth, s.reach_x);
  record[2] = device::make_quad(s.color[0], s.color[1], s.color[2], s.reach_y);
}

VIDEOENGINE_DEVICE Splat<float> splat_of(const Quad& first, const Quad& second, const Quad& third) {
  Splat<float> s;
  s.x = first.x, s.y = first.y, s.a = first.z, s.b = first.w;
  s.c = second.x, s.level = second.y, s.depth = second.z, s.reach_x = second.w;
  s.color[0] = third.x, s.color[1] = third.y, s.color[2] = third.z, s.reach_y = third.w;
  return s;
}

// Refuses a pose or a background that is not finite; the first thread of all looks.
VIDEOENGINE_DEVICE void check_shot(const float* pose, const float* background, DeviceState* state) {
  float sum = 0.0f;
  for (int i = 0; i < 12; ++i) sum += pose[i];
  for (int i = 0; i < kColors; ++i) sum += background[i];
  if (!is_finite(sum)) {
    device::lower(&state->fault, splats::kShotFault * 8 + static_cast<Word>(Fault::kNotFinite));
  }
}

template <int kDegree>
VIDEOENGINE_DEVICE Gaussian<float> gaussian_on_device(const splats::Scene<float>& scene, std::int64_t i) {
  Gaussian<float> g = gaussian_of(scene, i);
  g.harmonics = scene.harmonics + kColors * (kDegree + 1) * (kDegree + 1) * i;
  g.degree = kDegree;  // known when it is compiled: loops over bases are unrolled
  return g;
}

// Writes records, keys and counts of tiles.
template <int kDegree>
VIDEOENGINE_KERNEL project_kernel(const splats::Scene<float> scene, const DeviceView view, const float* background,
                                  const Front front, std::uint32_t* keys, std::uint32_t* numbers) {
  const std::int64_t i = device::index_of();
  const bool valid = i < scene.count;
  const Setting<float> set = setting_on_device(view);
  if (i == 0) check_shot(view.pose, background, front.state);
  Splat<float> s{};
  bool seen = false;
  if (valid) {
    const Gaussian<float> g = gaussian_on_device<kDegree>(scene, i);
    const Fault fault = fault_of(g);
    if (fault != Fault::kNone) {
      device::lower(&front.state->fault, static_cast<Word>(i) * 8 + static_cast<Word>(fault));
    } else {
      seen = project(g, set.view, set.lamp, set.rules, s);
    }
  }
  const int count = tiles_of_warp(seen, s, set, 0, 0, [](std::uint32_t, std::uint32_t, int, int) {});
  if (!valid) return;
  front.counts[i] = count;
  keys[i] = count > 0 ? math::bits_of(s.depth) : kNowhere;
  numbers[i] = static_cast<std::uint32_t>(i);
  if (count > 0) {
    keep_record(s, front.records + kRecord * i);
    if (front.normals) front.normals[i] = device::make_quad(s.normal[0], s.normal[1], s.normal[2], 0.0f);
  }
}

// What backward needs besides the scene.
struct BackIn {
  Front front;
  const Quad* rows;
  int row_quads;
  bool deterministic, with_normals, absolute;
};

// The sums of a Gaussian, over pixels; in the order of its tiles when that is asked for.
VIDEOENGINE_DEVICE void sums_of(const BackIn& in, std::int64_t i, int count, float sum[16]) {
  for (int k = 0; k < 16; ++k) sum[k] = 0.0f;
  const std::int64_t first = in.deterministic ? in.front.places[i] : i;
  const int rows = in.deterministic ? count : 1;
  for (int row = 0; row < rows; ++row) {
    for (int q = 0; q < 4; ++q) {
      if (q >= in.row_quads) break;
      const Quad v = in.rows[(first + row) * in.row_quads + q];
      sum[4 * q] += v.x, sum[4 * q + 1] += v.y, sum[4 * q + 2] += v.z, sum[4 * q + 3] += v.w;
    }
  }
}

VIDEOENGINE_DEVICE void clear_gradient(const GaussianGradient<float>& to, int numbers) {
  for (int k = 0; k < 3; ++k) to.mean[k] = 0.0f, to.log_scale[k] = 0.0f;
  for (int k = 0; k < 4; ++k) to.quaternion[k] = 0.0f;
  for (int k = 0; k < numbers; ++k) to.harmonics[k] = 0.0f;
  *to.logit = 0.0f;
}

// Writes the gradients of every Gaussian, and a row of pose gradients per block.
template <int kDegree>
VIDEOENGINE_KERNEL project_back_kernel(const splats::Scene<float> scene, const DeviceView view, const BackIn in,
                                       const splats::SceneGradients<float> out, float* poses) {
  const std::int64_t i = device::index_of();
  ViewGradient<float> to_view;
  if (i < scene.count) {
    constexpr int kNumbers = kColors * (kDegree + 1) * (kDegree + 1);
    const GaussianGradient<float> to{out.means + 3 * i, out.quaternions + 4 * i, out.log_scales + 3 * i,
                                     out.logits + i, out.harmonics + kNumbers * i};
    const int count = in.front.state->skipped ? 0 : in.front.counts[i];
    float sum[16];
    float absolute[2] = {0.0f, 0.0f};
    if (count > 0) {
      sums_of(in, i, count, sum);
      const Quad* record = in.front.records + kRecord * i;
      const Splat<float> s = splat_of(record[0], record[1], record[2]);
      const SplatGradient<float> g =
          in.with_normals ? gradient_of_sums<float, kFull>(s, sum) : gradient_of_sums<float, kPlain>(s, sum);
      const Setting<float> set = setting_on_device(view);
      project_back(gaussian_on_device<kDegree>(scene, i), set.view, set.lamp, set.rules, g, to, to_view);
      absolute[0] = in.with_normals ? sum[kMoments + kFull] : sum[kMoments + kPlain];
      absolute[1] = in.with_normals ? sum[kMoments + kFull + 1] : sum[kMoments + kPlain + 1];
    } else {
      clear_gradient(to, kNumbers);
    }
    if (in.absolute) out.absolute[2 * i] = absolute[0], out.absolute[2 * i + 1] = absolute[1];
  }
  float row[kPoseRow];  // in the order of a pose
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < 3; ++c) row[4 * r + c] = to_view.rotation[3 * r + c];
    row[4 * r + 3] = to_view.translation[r];
  }
  device::block_sums<kPoseRow>(row, poses + static_cast<std::int64_t>(device::block_of()) * kPoseRow, kPoseRow);
}

// Sums rows of kWidth numbers, 256 a block, always in one order; `used` of them are written.
template <int kWidth>
VIDEOENGINE_KERNEL sum_rows_kernel(const float* rows, std::int64_t count, float* out, int stride, int used,
                                   const DeviceState* state) {
  float sum[kWidth];
  for (int k = 0; k < kWidth; ++k) sum[k] = 0.0f;
  const std::int64_t first = static_cast<std::int64_t>(device::block_of()) * kRowsOfBlock;
  for (int i = device::thread_of(); i < kRowsOfBlock; i += device::kThreads) {
    if (first + i >= count || state->skipped) continue;
    for (int k = 0; k < kWidth; ++k) sum[k] += rows[(first + i) * kWidth + k];
  }
  device::block_sums<kWidth>(sum, out + static_cast<std::int64_t>(device::block_of()) * stride, used);
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
