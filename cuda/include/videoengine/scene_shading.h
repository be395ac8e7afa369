// What a pixel of the simulated scene shows: its light, its depth and its labels.
#pragma once

#include "videoengine/scene.h"
#include "videoengine/shading.h"
#include "videoengine/solids.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace scene {

// Baked in material coordinates, (height, width) texels; texel (i, j) is at v = i/(h-1), u = j/(w-1),
// or u = j/w where columns wrap.
struct Textures {
  const std::uint8_t* rest = nullptr;    // (h, w, 4): square roots of the albedo, film
  const std::uint8_t* bare = nullptr;    // the same after removal
  const float* relief = nullptr;         // (h, w): height in mm, for normals only
  const std::uint8_t* region = nullptr;  // (h, w): target id + 1 at rest; 0 none
  const std::uint8_t* region_bare = nullptr;
  int height = 0, width = 0;
  float texel_mm = 1;
};

// Fields that change while the procedure goes on, on a coarse grid of the same coordinates.
struct Stains {
  const float* grid = nullptr;  // (height, width, 3): blood (optical thickness), char (0 to 1), water film
  int height = 0, width = 0;
};

enum Pattern : int { kSmooth = 0, kBrushed = 1, kCloth = 2, kLamp = 3 };
struct Material {
  Vec albedo, reflectance;
  float roughness, film, film_roughness, emission;
  int pattern;
};

struct Puff {
  Vec center;           // camera coordinates
  float spread, amount;  // standard deviation in mm; optical thickness through the center
};

struct Lighting {
  shading::Spot<float> spot;
  Vec tint;     // color of the lamp
  Vec ambient;  // irradiance from light that has bounced
  float room;   // irradiance from a lit room around, 0 in the body
  float shadows;  // share of the light that an instrument keeps off; the rest comes from other emitters
  int unlit;    // albedo only, for tests
};

struct Window {  // which part of the textures the mesh covers: v = offset + scale * row / (rows - 1)
  float v_offset, v_scale;
};

struct Scene {
  Mesh mesh;
  const Vertex* vertices = nullptr;
  const Vertex* next_vertices = nullptr;  // for flow; null without
  const Vec* normals = nullptr;
  View view;
  Intrinsics lens;
  Textures textures;
  Window window;
  Stains stains;
  const solids::Solid* solids = nullptr;
  int solid_count = 0;
  const int* boxes = nullptr;  // (solid_count, 4): pixels left, top, right, bottom that may see a solid
  const Material* materials = nullptr;
  Lighting light;
  Puff puffs[kMostPuffs];
  int puff_count = 0;
  float haze_phase = 0;  // moves the wisps
  std::uint32_t seed = 0;
  float pixel_mm = 0;  // width of a pixel at 1 mm
};

struct Targets {
  const std::uint64_t* keys = nullptr;
  float* light = nullptr;        // (h, w, 3) linear
  float* depth = nullptr;        // (h, w) mm, 0 nothing
  std::uint8_t* labels = nullptr;  // (h, w, 4): instrument + 1, part, track + 1, region
  float* material = nullptr;     // (h, w, 2): u, v; -1 where no tissue
  float* flow = nullptr;         // (h, w, 2) pixels; null without
};

struct Texel {
  float value[4];
};
VIDEOENGINE_HD float byte_value(std::uint8_t b) { return static_cast<float>(b) * (1.0f / 255.0f); }

// Bilinear sample; columns repeat where the mesh wraps, rows end.
struct Place {
  std::int64_t at[4];
  float weight[4];
};
VIDEOENGINE_HD Place place_in(int height, int width, bool wraps, float u, float v) {
  float x = u * static_cast<float>(wraps ? width : width - 1), y = v * static_cast<float>(height - 1);
  y = math::clamp(y, 0.0f, static_cast<float>(height - 1));
  if (!wraps) x = math::clamp(x, 0.0f, static_cast<float>(width - 1));
  const float fx = math::floor_of(x), fy = math::floor_of(y);
  int left = static_cast<int>(fx), right = left + 1;
  const int top = static_cast<int>(fy), bottom = math::minimum(top + 1, height - 1);
  if (wraps) {
    left = ((left % width) + width) % width, right = (left + 1) % width;
  } else {
    right = math::minimum(right, width - 1);
  }
  const float a = x - fx, b = y - fy;
  const std::int64_t w = width;
  return {{top * w + left, top * w + right, bottom * w + left, bottom * w + right},
          {(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b}};
}

VIDEOENGINE_HD Texel bytes_at(const std::uint8_t* data, const Place& p) {
  Texel out = {{0, 0, 0, 0}};
  for (int k = 0; k < 4; ++k) {
    for (int i = 0; i < 4; ++i) out.value[k] += p.weight[i] * byte_value(data[4 * p.at[i] + k]);
  }
  return out;
}

// What is seen first along a pixel's ray.
struct Seen {
  Vec point, normal;
  float z;
  int solid;  // index, or -1
  float u, v, bare;
  Vec across, along;  // tangents of the mesh per unit of u and v
  bool any;
};

VIDEOENGINE_HD Seen tissue_seen(const Scene& s, std::uint64_t key, Vec ray) {
  Seen out = {};
  out.solid = -1, out.z = 0, out.any = key != kNothing;
  if (!out.any) return out;
  const std::int64_t id = static_cast<std::int64_t>(key & 0xffffffffu);
  const Triangle t = triangle_of(s.mesh, id);
  const Vertex &a = s.vertices[t.a], &b = s.vertices[t.b], &c = s.vertices[t.c];
  const Crossing w = crossing(edges_of(a.position, b.position, c.position), ray);
  out.z = w.z, out.point = ray * w.z;
  out.normal = normalized(s.normals[t.a] * w.wa + s.normals[t.b] * w.wb + s.normals[t.c] * w.wc);
  out.bare = w.wa * a.bare + w.wb * b.bare + w.wc * c.bare;
  const std::int64_t quad = id >> 1;
  const int row = static_cast<int>(quad / quad_columns(s.mesh));
  const int column = static_cast<int>(quad % quad_columns(s.mesh));
  const float x = id & 1 ? w.wa + w.wc : w.wb, y = id & 1 ? w.wa + w.wb : w.wc;
  const float columns = static_cast<float>(quad_columns(s.mesh)), rows = static_cast<float>(s.mesh.rows - 1);
  out.u = (static_cast<float>(column) + x) / columns;
  out.v = s.window.v_offset + s.window.v_scale * ((static_cast<float>(row) + y) / rows);
  const float sign = id & 1 ? -1.0f : 1.0f;  // corners are bottom right, bottom left, top right
  out.across = (b.position - a.position) * (sign * columns);
  out.along = (c.position - a.position) * (sign * rows / s.window.v_scale);
  return out;
}

VIDEOENGINE_HD Seen first_seen(const Scene& s, std::uint64_t key, int x, int y, Vec ray) {
  Seen out = tissue_seen(s, key, ray);
  float nearest = out.any ? out.z : solids::kMissed;
  for (int i = 0; i < s.solid_count; ++i) {
    const int* box = s.boxes + 4 * i;
    if (x < box[0] || y < box[1] || x > box[2] || y > box[3]) continue;
    const solids::Entry e = solids::enter(s.solids[i], {0, 0, 0}, ray, kNear);
    if (e.t >= nearest) continue;
    nearest = e.t, out.any = true, out.solid = i;
    out.z = e.t, out.point = ray * e.t, out.normal = e.normal;
  }
  return out;
}

VIDEOENGINE_HD bool in_shadow(const Scene& s, Vec point, Vec direction, float distance, int own) {
  const int group = own >= 0 ? s.solids[own].track : -1;
  for (int i = 0; i < s.solid_count; ++i) {
    const solids::Solid& solid = s.solids[i];
    if (solid.kind == solids::kSleeve || (own >= 0 && solid.track == group)) continue;
    if (solids::enter(solid, point, direction, 0.3f).t < distance) return true;
  }
  return false;
}

// Fine relief bends the normal; where a pixel covers many texels the relief is averaged away.
VIDEOENGINE_HD Vec bent_normal(const Scene& s, const Seen& seen, float& roughened) {
  const Textures& t = s.textures;
  const float du = 1.0f / static_cast<float>(t.width), dv = 1.0f / static_cast<float>(t.height);
  const bool wraps = s.mesh.wraps != 0;
  float h[4];
  const float us[4] = {seen.u - du, seen.u + du, seen.u, seen.u};
  const float vs[4] = {seen.v, seen.v, seen.v - dv, seen.v + dv};
  for (int i = 0; i < 4; ++i) {
    const Place p = place_in(t.height, t.width, wraps, us[i], vs[i]);
    h[i] = 0;
    for (int k = 0; k < 4; ++k) h[i] += p.weight[k] * t.relief[p.at[k]];
  }
  const float footprint = seen.z * s.pixel_mm / math::maximum(-dot(seen.normal, normalized(seen.point)), 0.2f);
  const float sharp = t.texel_mm * 2.5f / (t.texel_mm * 2.5f + footprint);
  const float slope_u = (h[1] - h[0]) / (2.0f * du), slope_v = (h[3] - h[2]) / (2.0f * dv);
  const float uu = math::maximum(dot(seen.across, seen.across), 1e-6f);
  const float vv = math::maximum(dot(seen.along, seen.along), 1e-6f);
  const Vec slope = seen.across * (slope_u / uu) + seen.along * (slope_v / vv);
  roughened = (1.0f - sharp) * math::minimum(dot(slope, slope), 1.0f);
  return normalized(seen.normal - slope * sharp);
}

VIDEOENGINE_HD shading::Surface<float> tissue_surface(const Scene& s, const Seen& seen, Vec& normal) {
  const bool wraps = s.mesh.wraps != 0;
  const Place p = place_in(s.textures.height, s.textures.width, wraps, seen.u, seen.v);
  Texel c = bytes_at(s.textures.rest, p);
  if (seen.bare > 0) {
    const Texel other = bytes_at(s.textures.bare, p);
    for (int k = 0; k < 4; ++k) c.value[k] = math::mix(c.value[k], other.value[k], seen.bare);
  }
  float rough = 0;
  normal = bent_normal(s, seen, rough);
  Vec albedo = {c.value[0] * c.value[0], c.value[1] * c.value[1], c.value[2] * c.value[2]};
  float blood = 0, burnt = 0, water = 0;
  if (s.stains.grid) {
    const Place q = place_in(s.stains.height, s.stains.width, wraps, seen.u, seen.v);
    for (int i = 0; i < 4; ++i) {
      blood += q.weight[i] * s.stains.grid[3 * q.at[i]];
      burnt += q.weight[i] * s.stains.grid[3 * q.at[i] + 1];
      water += q.weight[i] * s.stains.grid[3 * q.at[i] + 2];
    }
    if (blood > 0 || burnt > 0) {
      // the coarse field gets a ragged edge that belongs to the tissue
      const float ragged = 0.55f + 0.9f * noise::fractal(seen.u * 60.0f, seen.v * 60.0f, 0.5f, s.seed + 77u,
                                                        3, 0.6f, noise::kBillow, 0);
      blood = math::maximum(blood * 1.6f - ragged * 0.5f, 0.0f) * 1.3f;
      burnt = math::clamp(burnt * 2.0f - ragged, 0.0f, 1.0f);
    }
  }
  albedo = albedo * shading::through_blood(blood);
  if (blood > 0) {  // blood scatters a little red of its own
    const float own = 1.0f - math::exponential(-blood);
    albedo = albedo + Vec{0.085f, 0.004f, 0.004f} * own;
  }
  albedo = mix(albedo, Vec{0.035f, 0.020f, 0.012f}, 0.9f * burnt);
  shading::Surface<float> out;
  out.albedo = albedo;
  out.reflectance = {0.034f, 0.034f, 0.034f};
  out.roughness = math::clamp(0.42f + 0.3f * rough + 0.2f * burnt, 0.05f, 0.9f);
  const float wet = math::clamp(c.value[3] + 0.5f * math::minimum(blood, 1.0f) + water, 0.0f, 1.0f);
  out.film = wet * (1.0f - 0.8f * burnt);
  out.film_roughness = math::clamp(0.05f + 0.30f * rough - 0.02f * water, 0.025f, 0.6f);
  return out;
}

VIDEOENGINE_HD shading::Surface<float> solid_surface(const Scene& s, const Seen& seen, Vec& normal,
                                                     float& emission) {
  const solids::Solid& solid = s.solids[seen.solid];
  const Material& m = s.materials[solid.material];
  const Vec axis = solid.kind == solids::kBox ? solid.b : normalized(solid.b - solid.a);
  const Vec local = seen.point - solid.a;
  const float along = dot(local, axis);
  shading::Surface<float> out = {m.albedo, m.reflectance, m.roughness, m.film, m.film_roughness};
  emission = m.emission;
  normal = seen.normal;
  const std::uint32_t seed = s.seed + static_cast<std::uint32_t>(solid.track) * 31u;
  if (m.pattern == kBrushed) {
    // drawn steel: streaks along the shaft
    const float n = noise::fractal(along * 0.25f, dot(seen.normal, {1, 2, 3}) * 9.0f, 0.0f, seed, 3, 0.6f,
                                   noise::kPlain, 0);
    out.roughness = math::clamp(m.roughness * (1.0f + 0.25f * n), 0.04f, 0.8f);
    out.albedo = m.albedo * (1.0f + 0.08f * n);
  } else if (m.pattern == kCloth) {
    const float n = noise::fractal(seen.point.x * 0.05f, seen.point.y * 0.05f, seen.point.z * 0.05f, seed, 4,
                                   0.5f, noise::kPlain, 0);
    out.albedo = m.albedo * (1.0f + 0.25f * n);
  }
  if (solid.kind != solids::kSleeve && m.pattern != kLamp) {  // dried smears
    const float smear = noise::fractal(along * 0.12f, dot(seen.normal, {3, 1, 2}), 4.0f, seed + 5u, 3, 0.6f,
                                       noise::kPlain, 0);
    const float h = math::smoothstep(0.12f, 0.42f, smear) * 0.5f;
    out.albedo = out.albedo * shading::through_blood(h * 0.6f);
    out.reflectance = out.reflectance * shading::through_blood(h * 0.35f);
    out.roughness = math::clamp(out.roughness + 0.2f * h, 0.03f, 0.9f);
  }
  return out;
}

// Share of a Gaussian's mass below x standard deviations, within 0.03: the algebraic sigmoid.
VIDEOENGINE_HD float mass_below(float x) { return 0.5f + 0.5f * x / math::square_root(1.6f + x * x); }

// Haze between the camera and distance `end` (z) along a ray: the puffs' optical thickness adds up,
// one noise gives it wisps, and it glows as the light where most of it hangs.
VIDEOENGINE_HD Vec hazed(const Scene& s, Vec color, Vec ray, float end) {
  if (s.puff_count == 0) return color;
  const float norm = length(ray);
  const Vec unit = ray * (1.0f / norm);
  end = end * norm;
  float thick = 0, distance = 0;
  for (int i = 0; i < s.puff_count; ++i) {
    const Puff& p = s.puffs[i];
    const float at = dot(p.center, unit), off2 = dot(p.center, p.center) - at * at;
    const float inverse = 1.0f / p.spread, exponent = 0.5f * off2 * inverse * inverse;
    if (exponent > 7.0f) continue;
    const float share = mass_below((end - at) * inverse) - mass_below(-at * inverse);
    const float own = p.amount * math::exponential(-exponent) * math::maximum(share, 0.0f);
    thick += own;
    distance += own * math::clamp(at, 12.0f, math::maximum(end, 12.0f));
  }
  if (thick < 1e-3f) return color;
  const Vec middle = unit * (distance / thick);
  const float wisp = 0.3f + 2.2f * noise::fractal(ray.x * 3.0f, ray.y * 3.0f - 0.6f * s.haze_phase, s.haze_phase,
                                                  s.seed, 3, 0.55f, noise::kBillow, 0);
  const float left = math::exponential(-thick * wisp);
  const auto lit = shading::arriving(s.light.spot, middle);
  const Vec glow = s.light.tint * (lit.irradiance * 0.085f) + s.light.ambient * 0.25f;
  return color * left + glow * (1.0f - left);
}

VIDEOENGINE_HD Vec lit(const Scene& s, const Seen& seen) {
  Vec normal;
  float emission = 0;
  const shading::Surface<float> surface =
      seen.solid < 0 ? tissue_surface(s, seen, normal) : solid_surface(s, seen, normal, emission);
  if (s.light.unlit) return surface.albedo;
  const Vec view = normalized(-seen.point);
  const auto arriving = shading::arriving(s.light.spot, seen.point);
  Vec color = {0, 0, 0};
  const float facing = dot(seen.normal, arriving.direction);
  if (arriving.irradiance > 0 && facing > 0) {
    const bool dark = s.light.shadows > 0 &&
                      in_shadow(s, seen.point, arriving.direction, arriving.distance, seen.solid);
    const Vec direct = shading::reflect(surface, normal, view, arriving.direction);
    color = direct * s.light.tint * (arriving.irradiance * (dark ? 1.0f - s.light.shadows : 1.0f));
  }
  // bounced light, weaker in hollows that face away; steel mirrors it
  const float open = 0.55f + 0.45f * math::maximum(dot(normal, view), 0.0f);
  const float gloss = shading::fresnel(0.0f, dot(normal, view)) * (1.0f - surface.roughness);
  Vec ambient = s.light.ambient + Vec{s.light.room, s.light.room, s.light.room};
  color = color + ambient * (surface.albedo + surface.reflectance + Vec{gloss, gloss, gloss} * 0.3f) *
                      (open * static_cast<float>(1 / math::kPi));
  return color + Vec{emission, emission, emission};
}

VIDEOENGINE_HD void paint(const Scene& s, const Targets& out, std::int64_t pixel) {
  const int x = static_cast<int>(pixel % s.view.width), y = static_cast<int>(pixel / s.view.width);
  const Vec ray = s.view.rays[pixel];
  const std::uint64_t key = out.keys[pixel];
  const Seen seen = first_seen(s, key, x, y, ray);
  Vec color = {0, 0, 0};
  if (seen.any) color = lit(s, seen);
  if (!s.light.unlit) color = hazed(s, color, ray, seen.any ? seen.z : 200.0f);
  out.light[3 * pixel] = color.x, out.light[3 * pixel + 1] = color.y, out.light[3 * pixel + 2] = color.z;
  out.depth[pixel] = seen.any ? seen.z : 0.0f;
  std::uint8_t* label = out.labels + 4 * pixel;
  label[0] = label[1] = label[2] = label[3] = 0;
  float* material = out.material + 2 * pixel;
  material[0] = material[1] = -1.0f;
  if (seen.any && seen.solid >= 0) {
    const solids::Solid& solid = s.solids[seen.solid];
    label[0] = static_cast<std::uint8_t>(solid.instrument + 1);
    label[1] = static_cast<std::uint8_t>(solid.part);
    label[2] = static_cast<std::uint8_t>(solid.track + 1);
  } else if (seen.any) {
    const Place p = place_in(s.textures.height, s.textures.width, s.mesh.wraps != 0, seen.u, seen.v);
    int heaviest = 0;
    for (int i = 1; i < 4; ++i) heaviest = p.weight[i] > p.weight[heaviest] ? i : heaviest;
    label[3] = (seen.bare > 0.5f ? s.textures.region_bare : s.textures.region)[p.at[heaviest]];
    material[0] = seen.u, material[1] = seen.v;
  }
  if (!out.flow) return;
  float* flow = out.flow + 2 * pixel;
  flow[0] = flow[1] = 0;
  if (!seen.any) return;
  Vec then = seen.point;
  if (seen.solid >= 0) {
    then = apply(s.solids[seen.solid].next, seen.point);
  } else {
    const Triangle t = triangle_of(s.mesh, static_cast<std::int64_t>(key & 0xffffffffu));
    const Crossing w = crossing(edges_of(s.vertices[t.a].position, s.vertices[t.b].position,
                                         s.vertices[t.c].position), ray);
    then = s.next_vertices[t.a].position * w.wa + s.next_vertices[t.b].position * w.wb +
           s.next_vertices[t.c].position * w.wc;
  }
  if (then.z < kNear) return;
  const auto at = camera::project(s.lens, then);
  flow[0] = at.x - static_cast<float>(x), flow[1] = at.y - static_cast<float>(y);
}

}  // namespace scene
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
