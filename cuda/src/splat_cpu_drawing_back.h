// Backward on the CPU: the same walk over the lists, a row for each pair, and the rows back to Gaussians.
#pragma once

#include <vector>

#include "splat_cpu_binning.h"
#include "splat_cpu_drawing.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {
namespace {

using splats::PictureGradients;
using splats::SceneGradients;

// What the loss says of a tile's sums, and of everything not passed yet.
template <class S, int kChannels>
struct TileBack {
  alignas(64) S to_sum[kChannels][kTilePixels];
  alignas(64) S left[kTilePixels];
  alignas(64) S light[kTilePixels];
  Lanes<S> row[kRow];
};

template <class S, int kChannels>
void open_tile(const Pass<S>& pass, const Setting<S>& set, const Shot<S>& shot, const PictureGradients<S>& in,
               std::int64_t tile, S to_background[kColors], TileBack<S, kChannels>& t) {
  const S* kept = pass.sums + tile * (kChannels + 1) * kTilePixels;
  for (int i = 0; i < kTilePixels; ++i) {
    const std::int64_t pixel = pixel_of(set, tile, i);
    S sums[kChannels];
    for (int k = 0; k < kChannels; ++k) sums[k] = kept[k * kTilePixels + i];
    const PixelBack<S, kChannels> back = pixel_back<S, kChannels>(
        in, shot.background, pixel, sums, kept[kChannels * kTilePixels + i], to_background);
    for (int k = 0; k < kChannels; ++k) t.to_sum[k][i] = back.to_sum[k];
    t.left[i] = back.left;
    // pixels outside the picture have ended
    t.light[i] = pixel >= 0 ? S(1) : S(-1);
  }
}

// Adds to a pair's row what one block says: the exponent times 1, dx, dy, dx^2, dx dy, dy^2, then the
// channels, then the absolute slopes.
template <class S, int kChannels, bool kAbsolute>
void blend_back(const Splat<S>& s, const Rules<S>& rules, const Offsets<S>& offsets, S x0, S y0, int at,
                TileBack<S, kChannels>& t) {
  using L = Lanes<S>;
  S value[kChannels];
  values_of<S, kChannels>(s, value);
  const L dx = (x0 + offsets.x) - s.x, dy = (y0 + offsets.y) - s.y;
  const Cover<L> cover = cover_of(s, rules, dx, dy);
  const L before = L::load(t.light + at);
  L after = before;
  const L weight = weight_of(cover, rules, after);
  after.store(t.light + at);
  L of_value(S(0));
  for (int k = 0; k < kChannels; ++k) {
    const L to_sum = L::load(t.to_sum[k] + at);
    of_value = of_value + to_sum * value[k];
    t.row[kMoments + k] = t.row[kMoments + k] + to_sum * weight;
  }
  const L left = L::load(t.left + at) - of_value * weight;
  left.store(t.left + at);
  const L e = exponent_back(cover, rules, weight, before, of_value, left);
  const L ex = e * dx, ey = e * dy;
  t.row[0] = t.row[0] + e, t.row[1] = t.row[1] + ex, t.row[2] = t.row[2] + ey;
  t.row[3] = t.row[3] + ex * dx, t.row[4] = t.row[4] + ex * dy, t.row[5] = t.row[5] + ey * dy;
  if constexpr (kAbsolute) {
    t.row[kMoments + kChannels] = t.row[kMoments + kChannels] + magnitude(S(2) * s.a * ex + s.b * ey);
    t.row[kMoments + 1 + kChannels] = t.row[kMoments + 1 + kChannels] + magnitude(s.b * ex + S(2) * s.c * ey);
  }
}

// Runs over a tile's splats in order; `visit(index in the list, splat, x, y, first lane)` for every block
// that is lit and within reach, `passed(index, splat)` once after the blocks of each splat.
template <class S, class Visit, class Passed>
void walk(const Pass<S>& pass, const Setting<S>& set, std::int64_t tile, const S* light, const Visit& visit,
          const Passed& passed) {
  const int tile_column = static_cast<int>(tile % set.columns), tile_row = static_cast<int>(tile / set.columns);
  const int left = tile_column * kTile, top = tile_row * kTile;
  bool lit[kBlocks];
  std::fill_n(lit, kBlocks, true);
  const std::int64_t start = pass.starts[tile], end = pass.starts[tile + 1];
  for (std::int64_t n = start; n < end; ++n) {
    if ((n - start) % kLook == kLook - 1) {
      bool any = false;
      for (int b = 0; b < kBlocks; ++b) any |= lit[b] = splat::any(Lanes<S>::load(light + b * kLanes) > S(0));
      if (!any) {
        for (; n < end; ++n) passed(n, pass.splats[pass.pairs[n]], false);
        return;
      }
    }
    fetch_ahead(pass, n, end);
    const Splat<S>& s = pass.splats[pass.pairs[n]];
    const BlockBox box = in_tile(pass.boxes[pass.pairs[n]], tile_column, tile_row);
    for (int row = box.top; row <= box.bottom; ++row) {
      for (int column = box.left; column <= box.right; ++column) {
        const int block = row * (kTile / kBlock) + column;
        if (lit[block]) visit(s, S(left + column * kBlock), S(top + row * kBlock), block * kLanes);
      }
    }
    passed(n, s, true);
  }
}

template <class S, int kChannels, bool kAbsolute>
void draw_tile_back(const Pass<S>& pass, const Setting<S>& set, const Shot<S>& shot, const PictureGradients<S>& in,
                    const Offsets<S>& offsets, std::int64_t tile, S* rows, S to_background[kColors]) {
  constexpr int kUsed = kMoments + kChannels + (kAbsolute ? 2 : 0);
  TileBack<S, kChannels> t;
  open_tile(pass, set, shot, in, tile, to_background, t);
  std::fill_n(t.row, kRow, Lanes<S>(S(0)));
  walk(
      pass, set, tile, t.light,
      [&](const Splat<S>& s, S x0, S y0, int at) {
        blend_back<S, kChannels, kAbsolute>(s, set.rules, offsets, x0, y0, at, t);
      },
      [&](std::int64_t n, const Splat<S>&, bool visited) {
        S* row = rows + n * kRow;
        if (!visited) return std::fill_n(row, kUsed, S(0)), void();
        for (int k = 0; k < kUsed; ++k) {
          row[k] = total(t.row[k]);
          t.row[k] = Lanes<S>(S(0));
        }
      });
}

// Rows of pairs to the splat's own fields.
template <class S, int kChannels>
SplatGradient<S> gathered(const Pass<S>& pass, const S* rows, std::int64_t i, bool absolute, S to_absolute[2]) {
  S sum[kRow] = {};
  const int used = kMoments + kChannels + (absolute ? 2 : 0);
  for (std::int64_t p = pass.firsts[i]; p < pass.firsts[i + 1]; ++p) {
    const S* row = rows + pass.places[p] * kRow;
    for (int k = 0; k < used; ++k) sum[k] += row[k];
  }
  if (absolute) to_absolute[0] = sum[kMoments + kChannels], to_absolute[1] = sum[kMoments + kChannels + 1];
  return gradient_of_sums<S, kChannels>(pass.splats[i], sum);
}

template <class S, int kChannels>
void to_scene(const Scene<S>& scene, const Setting<S>& set, const Pass<S>& pass, const S* rows,
              const SceneGradients<S>& out) {
  const std::int64_t visible = pass.header->visible, chunks = (visible + kChunk - 1) / kChunk;
  const int numbers = kColors * harmonics::bases_of(scene.degree);
  std::vector<ViewGradient<S>> views(chunks);
#pragma omp parallel for schedule(dynamic, 1) if (chunks > 2)
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    for (std::int64_t i = chunk * kChunk; i < std::min((chunk + 1) * kChunk, visible); ++i) {
      const std::int64_t id = pass.ids[i];
      S absolute[2] = {S(0), S(0)};
      const SplatGradient<S> g = gathered<S, kChannels>(pass, rows, i, out.absolute, absolute);
      const GaussianGradient<S> to{out.means + 3 * id, out.quaternions + 4 * id, out.log_scales + 3 * id,
                                   out.logits + id, out.harmonics + numbers * id};
      project_back(gaussian_of(scene, id), set.view, set.lamp, set.rules, g, to, views[chunk]);
      if (out.absolute) out.absolute[2 * id] = absolute[0], out.absolute[2 * id + 1] = absolute[1];
    }
  }
  std::fill_n(out.pose, 12, S(0));
  for (const ViewGradient<S>& view : views) {
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) out.pose[4 * i + j] += view.rotation[3 * i + j];
      out.pose[4 * i + 3] += view.translation[i];
    }
  }
}

template <class S, int kChannels, bool kAbsolute>
Failure draw_back(const Scene<S>& scene, const Setting<S>& set, const Shot<S>& shot, const Pass<S>& pass,
                  const PictureGradients<S>& in, const SceneGradients<S>& out) {
  const std::int64_t tiles = static_cast<std::int64_t>(set.columns) * set.rows;
  const std::size_t bytes = aligned((pass.header->pairs + 1) * kRow * sizeof(S));
  S* rows = static_cast<S*>(std::aligned_alloc(64, bytes));
  if (!rows) return {-1, static_cast<std::int64_t>(bytes)};
  const Offsets<S> offsets;
  std::vector<S> backgrounds(tiles * kColors, S(0));
#pragma omp parallel for schedule(dynamic, 4)
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    draw_tile_back<S, kChannels, kAbsolute>(pass, set, shot, in, offsets, tile, rows,
                                            backgrounds.data() + kColors * tile);
  }
  std::fill_n(out.background, kColors, S(0));
  for (std::int64_t i = 0; i < tiles * kColors; ++i) out.background[i % kColors] += backgrounds[i];
  to_scene<S, kChannels>(scene, set, pass, rows, out);
  std::free(rows);
  return {};
}

template <class S>
void clear(const Scene<S>& scene, const SceneGradients<S>& out) {
  const std::int64_t n = scene.count;
  std::fill_n(out.means, 3 * n, S(0));
  std::fill_n(out.quaternions, 4 * n, S(0));
  std::fill_n(out.log_scales, 3 * n, S(0));
  std::fill_n(out.logits, n, S(0));
  std::fill_n(out.harmonics, kColors * harmonics::bases_of(scene.degree) * n, S(0));
  if (out.absolute) std::fill_n(out.absolute, 2 * n, S(0));
}

}  // namespace
}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
