// The simulated scene: a deforming mesh and rigid instruments, as plain records, and the bodies that
// move the mesh and find what each pixel sees. The .cpp and the .cu file only loop over the bodies.
//
// Camera coordinates: x right, y down, z forward, mm. Material coordinates (u, v) in [0, 1] belong to
// a point of tissue for good, so flow and tracks are exact: the same (u, v), moved.
#pragma once

#include "videoengine/camera.h"
#include "videoengine/math3.h"
#include "videoengine/value_noise.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace scene {

using Vec = math::Vec3<float>;
using Pose = math::Pose<float>;
using Intrinsics = camera::Intrinsics<float>;

constexpr int kMostModes = 4;
constexpr int kMostPulls = 8;
constexpr int kMostPuffs = 48;
constexpr int kMostDrops = 24;
constexpr float kNear = 0.5f;  // mm

// A regular grid of (rows, columns) points; all arrays row by row.
struct Mesh {
  const float* rest = nullptr;   // (rows, columns, 3) world
  const float* bare = nullptr;   // the same after everything removable is gone
  const float* front = nullptr;  // (rows, columns): progress at which a point goes from rest to bare
  const float* modes = nullptr;  // (mode_count, rows, columns, 3): displacement per unit amplitude
  std::int64_t mode_stride = 0;  // points between two modes
  int rows = 0, columns = 0, mode_count = 0;
  int wraps = 0;           // the last column is joined to the first
  float orientation = 1;   // sign that turns cross(d/dcolumn, d/drow) toward the camera
};

// Tissue that is held: the regularized Kelvinlet of de Goes and James (ACM TOG 36(4), 2017), scaled so
// that its center moves by `pull`.
struct Pull {
  Vec center, pull;
  float radius;  // epsilon, mm
};

struct Motion {
  Pose camera_from_world;
  const float* amplitudes = nullptr;  // (rows, mode_count)
  float progress = 0;                 // against Mesh::front
  Pull pulls[kMostPulls];
  int pull_count = 0;
};

struct Vertex {
  Vec position;  // camera coordinates
  float x, y;    // pixel
  float bare;    // 0 rest, 1 bare
};

constexpr float kFrontWidth = 0.03f;
constexpr float kPoisson = 0.47f;

VIDEOENGINE_HD Vec vector_at(const float* a, std::int64_t i) {
  return {a[3 * i], a[3 * i + 1], a[3 * i + 2]};
}

VIDEOENGINE_HD Vec displaced_by(const Pull& p, Vec at) {
  constexpr float a = 1.0f, b = a / (4.0f * (1.0f - kPoisson));
  const Vec r = at - p.center;
  const float e2 = p.radius * p.radius, re2 = dot(r, r) + e2;
  const float re = math::square_root(re2), inverse = 1.0f / re, inverse3 = inverse / re2;
  const float scale = p.radius / (1.5f * a - b);  // the inverse of the response at the center
  const Vec f = p.pull * scale;
  // beyond a few radii the organ is held by its neighbors: the response is faded out
  const float reach = re2 / (36.0f * e2), hold = 1.0f / (1.0f + reach * reach);
  return (f * ((a - b) * inverse + 0.5f * a * e2 * inverse3) + r * (b * inverse3 * dot(r, f))) * hold;
}

VIDEOENGINE_HD Vertex moved(const Mesh& mesh, const Motion& motion, const Intrinsics& lens,
                            std::int64_t i) {
  const int row = static_cast<int>(i / mesh.columns);
  const float bare = math::smoothstep(mesh.front[i] - kFrontWidth, mesh.front[i] + kFrontWidth,
                                      motion.progress);
  Vec x = mix(vector_at(mesh.rest, i), vector_at(mesh.bare, i), bare);
  for (int m = 0; m < mesh.mode_count; ++m) {
    x = x + vector_at(mesh.modes, m * mesh.mode_stride + i) * motion.amplitudes[row * mesh.mode_count + m];
  }
  Vec shift = {0, 0, 0};
  for (int k = 0; k < motion.pull_count; ++k) shift = shift + displaced_by(motion.pulls[k], x);
  Vertex out;
  out.position = apply(motion.camera_from_world, x + shift);
  out.bare = bare;
  out.x = out.y = 0;
  if (out.position.z >= kNear) {
    const auto pixel = camera::project(lens, out.position);
    out.x = pixel.x, out.y = pixel.y;
  }
  return out;
}

VIDEOENGINE_HD int column_after(const Mesh& mesh, int column) {
  return mesh.wraps && column + 1 == mesh.columns ? 0 : column + 1;
}
VIDEOENGINE_HD int column_before(const Mesh& mesh, int column) {
  return mesh.wraps && column == 0 ? mesh.columns - 1 : column - 1;
}

// Smooth normal of a vertex, toward the camera's side of the surface.
VIDEOENGINE_HD Vec normal_at(const Mesh& mesh, const Vertex* v, std::int64_t i) {
  const int row = static_cast<int>(i / mesh.columns), column = static_cast<int>(i % mesh.columns);
  const int left = math::maximum(column_before(mesh, column), 0);
  const int right = math::minimum(column_after(mesh, column), mesh.columns - 1);
  const int up = math::maximum(row - 1, 0), down = math::minimum(row + 1, mesh.rows - 1);
  const Vec across = v[static_cast<std::int64_t>(row) * mesh.columns + right].position -
                     v[static_cast<std::int64_t>(row) * mesh.columns + left].position;
  const Vec along = v[static_cast<std::int64_t>(down) * mesh.columns + column].position -
                    v[static_cast<std::int64_t>(up) * mesh.columns + column].position;
  return normalized(cross(across, along) * mesh.orientation);
}

// The two triangles of a quad: (0) top left, top right, bottom left; (1) bottom right, bottom left,
// top right.
struct Triangle {
  std::int64_t a, b, c;
};
VIDEOENGINE_HD int quad_columns(const Mesh& mesh) { return mesh.wraps ? mesh.columns : mesh.columns - 1; }
VIDEOENGINE_HD Triangle triangle_of(const Mesh& mesh, std::int64_t id) {
  const std::int64_t quad = id >> 1;
  const int row = static_cast<int>(quad / quad_columns(mesh));
  const int column = static_cast<int>(quad % quad_columns(mesh)), next = column_after(mesh, column);
  const std::int64_t top = static_cast<std::int64_t>(row) * mesh.columns, bottom = top + mesh.columns;
  return id & 1 ? Triangle{bottom + next, bottom + column, top + next}
                : Triangle{top + column, top + next, bottom + column};
}

// Where a pixel's ray meets a triangle: weights of its corners, exact under perspective and distortion.
struct Crossing {
  bool hit;
  float wa, wb, wc, z;
};
struct Edges {
  Vec bc, ca, ab;  // planes through the camera and an edge
  float za, zb, zc;
};
VIDEOENGINE_HD Edges edges_of(const Vec& a, const Vec& b, const Vec& c) {
  return {cross(b, c), cross(c, a), cross(a, b), a.z, b.z, c.z};
}
VIDEOENGINE_HD Crossing crossing(const Edges& e, Vec ray) {
  const float wa = dot(e.bc, ray), wb = dot(e.ca, ray), wc = dot(e.ab, ray);
  Crossing out;
  out.hit = (wa >= 0 && wb >= 0 && wc >= 0) || (wa <= 0 && wb <= 0 && wc <= 0);
  const float sum = wa + wb + wc;
  if (sum == 0) out.hit = false;
  const float inverse = out.hit ? 1.0f / sum : 0.0f;
  out.wa = wa * inverse, out.wb = wb * inverse, out.wc = wc * inverse;
  out.z = out.wa * e.za + out.wb * e.zb + out.wc * e.zc;
  return out;
}

// Nearest first; of two at one distance, the lower id. Empty pixels hold kNothing.
constexpr std::uint64_t kNothing = ~std::uint64_t{0};
VIDEOENGINE_HD std::uint64_t depth_key(float z, std::int64_t id) {
  return (static_cast<std::uint64_t>(math::bits_of(z)) << 32) | static_cast<std::uint32_t>(id);
}

struct View {
  const Vec* rays = nullptr;  // (height, width), z = 1
  int width = 0, height = 0;
};

// Offers every pixel of rows [top, bottom) that a triangle covers to `keep(pixel, key)`.
template <class Keep>
VIDEOENGINE_HD void cover(const Mesh& mesh, const Vertex* v, const View& view, std::int64_t id, int top,
                          int bottom, const Keep& keep) {
  const Triangle t = triangle_of(mesh, id);
  const Vertex &a = v[t.a], &b = v[t.b], &c = v[t.c];
  if (a.position.z < kNear || b.position.z < kNear || c.position.z < kNear) return;
  // a pixel more on each side: the edges bend under distortion
  const float x0 = math::minimum(a.x, math::minimum(b.x, c.x)) - 1.0f;
  const float x1 = math::maximum(a.x, math::maximum(b.x, c.x)) + 1.0f;
  const float y0 = math::minimum(a.y, math::minimum(b.y, c.y)) - 1.0f;
  const float y1 = math::maximum(a.y, math::maximum(b.y, c.y)) + 1.0f;
  if (!(x1 >= 0 && y1 >= static_cast<float>(top) && x0 < static_cast<float>(view.width) &&
        y0 < static_cast<float>(bottom))) {
    return;
  }
  const int left = static_cast<int>(math::maximum(x0, 0.0f));
  const int right = static_cast<int>(math::minimum(x1, static_cast<float>(view.width - 1)));
  const int first = math::maximum(static_cast<int>(math::maximum(y0, 0.0f)), top);
  const int last = math::minimum(static_cast<int>(math::minimum(y1, static_cast<float>(view.height - 1))),
                                 bottom - 1);
  const Edges edges = edges_of(a.position, b.position, c.position);
  for (int y = first; y <= last; ++y) {
    for (int x = left; x <= right; ++x) {
      const std::int64_t pixel = static_cast<std::int64_t>(y) * view.width + x;
      const Crossing hit = crossing(edges, view.rays[pixel]);
      if (hit.hit && hit.z >= kNear) keep(pixel, depth_key(hit.z, id));
    }
  }
}

}  // namespace scene
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
