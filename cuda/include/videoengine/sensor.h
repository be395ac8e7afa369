// From linear light to the picture a processor puts out: gain, bloom, soil on the lens, vignetting,
// tone curve, sharpening, noise, and the round view.
#pragma once

#include "videoengine/math3.h"
#include "videoengine/value_noise.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace sensor {

using Vec = math::Vec3<float>;
constexpr int kReduce = 4;  // the blurred copies are this much smaller

struct Drop {
  float x, y, radius;  // as fractions of the width, from the center
  float haze;          // 0 clear to 1 opaque blur
  Vec tint;            // what it lets through
};

struct Sensor {
  int width = 0, height = 0;
  float gain = 1;
  Vec balance = {1, 1, 1};
  float bloom = 0.25f;
  float vignette = 0.5f;     // loss at the corner
  float sharpening = 0.8f;
  float noise = 0.012f;      // standard deviation at middle gray, of full scale
  float circle = 0;          // radius of the view as a fraction of the width; 0: no circle
  float circle_x = 0, circle_y = 0;
  float blur = 0;            // share of the blurred copy, all over
  std::uint32_t seed = 0;    // another for each frame
  const Drop* drops = nullptr;
  int drop_count = 0;
};

VIDEOENGINE_HD int reduced(int side) { return (side + kReduce - 1) / kReduce; }
VIDEOENGINE_HD Vec at(const float* p, std::int64_t i) { return {p[3 * i], p[3 * i + 1], p[3 * i + 2]}; }
VIDEOENGINE_HD void put(float* p, std::int64_t i, Vec v) { p[3 * i] = v.x, p[3 * i + 1] = v.y, p[3 * i + 2] = v.z; }

// Mean of a block of exposed light (clipped where a photosite is full), for the veil.
VIDEOENGINE_HD void reduce(const Sensor& s, const float* light, float* small, std::int64_t i) {
  const int w = reduced(s.width), x0 = static_cast<int>(i % w) * kReduce, y0 = static_cast<int>(i / w) * kReduce;
  const int x1 = math::minimum(x0 + kReduce, s.width), y1 = math::minimum(y0 + kReduce, s.height);
  Vec sum = {0, 0, 0};
  for (int y = y0; y < y1; ++y) {
    for (int x = x0; x < x1; ++x) {
      const Vec c = at(light, static_cast<std::int64_t>(y) * s.width + x) * s.gain;
      sum = sum + Vec{math::minimum(c.x, 6.0f), math::minimum(c.y, 6.0f), math::minimum(c.z, 6.0f)};
    }
  }
  put(small, i, sum * (1.0f / static_cast<float>((x1 - x0) * (y1 - y0))));
}

// One pass of a separable blur with a Gaussian of about 2 reduced pixels.
VIDEOENGINE_HD void blur(const Sensor& s, const float* from, float* to, bool across, std::int64_t i) {
  constexpr float weight[5] = {0.2024f, 0.1788f, 0.1231f, 0.0660f, 0.0309f};
  const int w = reduced(s.width), h = reduced(s.height);
  const int x = static_cast<int>(i % w), y = static_cast<int>(i / w);
  Vec sum = {0, 0, 0};
  for (int k = -4; k <= 4; ++k) {
    const int xx = across ? math::clamp(x + k, 0, w - 1) : x, yy = across ? y : math::clamp(y + k, 0, h - 1);
    sum = sum + at(from, static_cast<std::int64_t>(yy) * w + xx) * weight[k < 0 ? -k : k];
  }
  put(to, i, sum);
}

VIDEOENGINE_HD Vec veil_at(const Sensor& s, const float* small, float x, float y) {
  const int w = reduced(s.width), h = reduced(s.height);
  const float u = math::clamp(x / kReduce - 0.375f, 0.0f, static_cast<float>(w - 1));
  const float v = math::clamp(y / kReduce - 0.375f, 0.0f, static_cast<float>(h - 1));
  const int x0 = static_cast<int>(u), y0 = static_cast<int>(v);
  const int x1 = math::minimum(x0 + 1, w - 1), y1 = math::minimum(y0 + 1, h - 1);
  const float a = u - static_cast<float>(x0), b = v - static_cast<float>(y0);
  const std::int64_t r0 = static_cast<std::int64_t>(y0) * w, r1 = static_cast<std::int64_t>(y1) * w;
  return mix(mix(at(small, r0 + x0), at(small, r0 + x1), a), mix(at(small, r1 + x0), at(small, r1 + x1), a), b);
}

constexpr float kContrast = 0.8f;
constexpr float kSaturation = 0.82f;

// Scene-referred exposure to display code 0 to 1: a power toe and a shoulder that ends at 1.
VIDEOENGINE_HD float toned(float x) {
  if (!(x > 0)) return 0;
  const float shoulder = x * (1.0f + x * 0.12f) / (1.0f + 0.62f * x);
  const float code = math::minimum(math::power(shoulder, 1.0f / 2.2f), 1.0f);
  // processors deepen the shadows
  return math::mix(code, code * code * (3.0f - 2.0f * code), kContrast);
}

VIDEOENGINE_HD void encode(const Sensor& s, const float* light, const float* small, float* code,
                           std::int64_t i) {
  const int px = static_cast<int>(i % s.width), py = static_cast<int>(i / s.width);
  const float x = static_cast<float>(px), y = static_cast<float>(py);
  Vec c = at(light, i) * s.gain;
  const Vec veil = veil_at(s, small, x, y);
  const float u = (x - 0.5f * s.width) / s.width, v = (y - 0.5f * s.height) / s.width;
  float soft = s.blur;
  Vec tint = {1, 1, 1};
  for (int k = 0; k < s.drop_count; ++k) {
    const Drop& d = s.drops[k];
    const float dx = u - d.x, dy = v - d.y;
    if (dx * dx + dy * dy > 1.5f * d.radius * d.radius) continue;  // beyond the most ragged edge
    const float edge = 0.8f + 0.4f * noise::gradient(dx / d.radius * 1.5f, dy / d.radius * 1.5f, d.x * 50.0f, 9u);
    const float r = math::square_root(dx * dx + dy * dy) / (d.radius * edge);
    const float w = d.haze * (1.0f - math::smoothstep(0.55f, 1.0f, r));
    soft = math::maximum(soft, w);
    tint = mix(tint, d.tint, w);
  }
  c = mix(c, veil, soft) * tint;
  const Vec over = {math::maximum(veil.x - 0.9f, 0.0f), math::maximum(veil.y - 0.9f, 0.0f),
                    math::maximum(veil.z - 0.9f, 0.0f)};
  c = c + over * s.bloom + veil * 0.02f;
  const float r2 = (u * u + v * v) * 4.0f, falloff = 1.0f - s.vignette * math::minimum(r2, 1.6f) * 0.6f;
  c = c * s.balance * falloff;
  // the curve works on each channel, which makes colors stronger than processors leave them
  const Vec shown = {toned(c.x), toned(c.y), toned(c.z)};
  const float luma = 0.3f * shown.x + 0.59f * shown.y + 0.11f * shown.z;
  put(code, i, mix(Vec{luma, luma, luma}, shown, kSaturation));
}

// A sample of a unit Gaussian: the sum of four uniforms, scaled.
VIDEOENGINE_HD float grain(std::uint32_t seed, int x, int y, int channel) {
  const std::uint32_t h = noise::hash(static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y),
                                      static_cast<std::uint32_t>(channel), seed);
  const float sum = static_cast<float>((h & 255u) + ((h >> 8) & 255u) + ((h >> 16) & 255u) + (h >> 24));
  return (sum * (1.0f / 255.0f) - 2.0f) * 1.7253f;
}

// The optics' spread and the processor's sharpening are one 3x3 kernel: a blur, then an unsharp mask.
VIDEOENGINE_HD void finish(const Sensor& s, const float* code, std::uint8_t* rgb, std::int64_t i) {
  const int x = static_cast<int>(i % s.width), y = static_cast<int>(i / s.width);
  Vec around = {0, 0, 0}, wide = {0, 0, 0};
  constexpr float weight[3] = {0.6f, 0.2f, 0.0f};
  for (int dy = -2; dy <= 2; ++dy) {
    for (int dx = -2; dx <= 2; ++dx) {
      const int xx = math::clamp(x + dx, 0, s.width - 1), yy = math::clamp(y + dy, 0, s.height - 1);
      const Vec c = at(code, static_cast<std::int64_t>(yy) * s.width + xx);
      const float near = weight[dx < 0 ? -dx : dx] * weight[dy < 0 ? -dy : dy];
      if (near > 0) around = around + c * near;
      wide = wide + c;
    }
  }
  Vec c = around + (around - wide * 0.04f) * s.sharpening;
  const float luma = 0.3f * c.x + 0.59f * c.y + 0.11f * c.z;
  const float sigma = s.noise * (0.45f + 0.8f * math::square_root(math::maximum(luma, 0.0f)));
  const float shared = grain(s.seed, x, y, 3);
  const float own = grain(s.seed, x >> 1, y >> 1, 0), other = grain(s.seed, x >> 1, y >> 1, 1);
  c = c + Vec{shared + own * 0.5f, shared, shared + other * 0.7f} * sigma;
  if (s.circle > 0) {
    const float u = (static_cast<float>(x) - 0.5f * s.width) / s.width - s.circle_x;
    const float v = (static_cast<float>(y) - 0.5f * s.height) / s.width - s.circle_y;
    const float inside = (s.circle - math::square_root(u * u + v * v)) * static_cast<float>(s.width);
    c = c * math::clamp(inside * 0.5f + 0.5f, 0.0f, 1.0f);
  }
  const float out[3] = {c.x, c.y, c.z};
  for (int k = 0; k < 3; ++k) {
    rgb[3 * i + k] = static_cast<std::uint8_t>(math::clamp(out[k] * 255.0f + 0.5f, 0.0f, 255.0f));
  }
}

}  // namespace sensor
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
