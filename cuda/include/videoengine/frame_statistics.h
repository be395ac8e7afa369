// Statistics of one decoded picture over a grid of cells, in one pass over its planes.
//
// The picture is read at half resolution: one site for each 2x2 block of luma samples and the chroma
// sample they share; an odd last column or row is repeated. All values are brought to one scale
// before anything is counted: luma 0 (black) to 219 (white), chroma -112 to 112 around 0, 8 bits.
// Every accumulator is an integer and every sum is free of order, so the result is the same on every
// instruction set and on a GPU. The functions here are the whole definition; the .cpp and the .cu
// file only loop over them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "videoengine/color_conversion.h"
#include "videoengine/host_device.h"

namespace videoengine::statistics {

constexpr int kGridRows = 18;
constexpr int kGridColumns = 32;
constexpr int kCells = kGridRows * kGridColumns;
constexpr int kHistogramBins = 64;  // four codes each
constexpr int kProbes = 64;         // lines scanned for the edge of the view, a row and a column each

// What is summed in a cell, in this order.
enum Channel {
  kSites,
  kLuma,
  kLumaSquared,
  kCb,
  kCr,
  kGradient,   // |left - here| + |above - here|
  kLaplacian,  // |second difference|, horizontal + vertical, of the site and the two before it
  kDark,
  kClipped,
  kHighlight,
  kTissue,
  kRed,
  kChannels
};

// The result is one array of 64-bit integers: cells, then histogram and probes.
constexpr int kHistogramAt = kCells * kChannels;
constexpr int kProbesAt = kHistogramAt + kHistogramBins;  // [2 axes][kProbes][first, last]
constexpr int kLength = kProbesAt + 2 * kProbes * 2;

constexpr int kDarkBelow = 10;
constexpr int kClippedFrom = 205;
constexpr int kHighlightFrom = 170;
constexpr int kHighlightChroma = 14;
constexpr int kEdgeSites = 4;  // so many neighbors in a row ...
constexpr int kEdgeLuma = 8;   // ... must be brighter than this in the mean to be inside the view

// How to read one site, in numbers a kernel can take by value.
struct Source {
  const void* planes[3] = {nullptr, nullptr, nullptr};
  std::ptrdiff_t row_bytes[3] = {0, 0, 0};
  Layout layout = Layout::kYuv420p;
  int width = 0, height = 0;    // luma samples
  int columns = 0, rows = 0;    // sites
  int bytes = 1;                // a sample
  int shift = 0;                // brings a sample to 8 bits
  bool full_range = false;
};

struct Site {
  int luma, cb, cr;  // on the common scale
};

VIDEOENGINE_HD int sample(const Source& s, int plane, int row, int index) {
  const char* at = static_cast<const char*>(s.planes[plane]) + row * s.row_bytes[plane];
  if (s.bytes == 1) return reinterpret_cast<const std::uint8_t*>(at)[index];
  return (reinterpret_cast<const std::uint16_t*>(at)[index] >> s.shift) & 255;
}

// Luma of four samples' sum on the common scale.
VIDEOENGINE_HD int scaled_luma(int sum, bool full_range) {
  const int mean = (sum + 2) >> 2;
  if (full_range) return (mean * 55) >> 6;
  const int raised = mean - 16;
  return raised < 0 ? 0 : (raised > 219 ? 219 : raised);
}

VIDEOENGINE_HD int scaled_chroma(int code, bool full_range) {
  const int raised = code - 128;
  if (full_range) return (raised * 7) >> 3;
  return raised < -112 ? -112 : (raised > 112 ? 112 : raised);
}

VIDEOENGINE_HD int luma_sum(const Source& s, int row, int column) {
  const int r0 = 2 * row, c0 = 2 * column;
  const int r1 = r0 + 1 < s.height ? r0 + 1 : r0, c1 = c0 + 1 < s.width ? c0 + 1 : c0;
  return sample(s, 0, r0, c0) + sample(s, 0, r0, c1) + sample(s, 0, r1, c0) + sample(s, 0, r1, c1);
}

// Full-range RGB means of a 2x2 block to full-range BT.601 codes.
VIDEOENGINE_HD Site site_of_rgb(const Source& s, int row, int column) {
  const int r0 = 2 * row, c0 = 2 * column;
  const int r1 = r0 + 1 < s.height ? r0 + 1 : r0, c1 = c0 + 1 < s.width ? c0 + 1 : c0;
  int rgb[3];
  for (int i = 0; i < 3; ++i) {
    rgb[i] = sample(s, 0, r0, 3 * c0 + i) + sample(s, 0, r0, 3 * c1 + i) +
             sample(s, 0, r1, 3 * c0 + i) + sample(s, 0, r1, 3 * c1 + i);
  }
  const int sum = (77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2] + 128) >> 8;  // 0 to 1020
  const int u = (((rgb[2] - sum) * 144 + 512) >> 10) + 128;
  const int v = (((rgb[0] - sum) * 183 + 512) >> 10) + 128;
  return {scaled_luma(sum, true), scaled_chroma(u < 0 ? 0 : (u > 255 ? 255 : u), true),
          scaled_chroma(v < 0 ? 0 : (v > 255 ? 255 : v), true)};
}

VIDEOENGINE_HD Site site_at(const Source& s, int row, int column) {
  if (s.layout == Layout::kRgb24) return site_of_rgb(s, row, column);
  const int sum = luma_sum(s, row, column);
  int u = 128, v = 128;
  if (s.layout == Layout::kYuv420p) {
    u = sample(s, 1, row, column);
    v = sample(s, 2, row, column);
  } else if (s.layout != Layout::kGray) {
    u = sample(s, 1, row, 2 * column);
    v = sample(s, 1, row, 2 * column + 1);
  }
  return {scaled_luma(sum, s.full_range), scaled_chroma(u, s.full_range),
          scaled_chroma(v, s.full_range)};
}

// 16-bit arithmetic throughout, so that a loop over it fills wide registers.
using Code = std::int16_t;

VIDEOENGINE_HD Code magnitude(Code value) {
  return static_cast<Code>(value < 0 ? -value : value);
}

VIDEOENGINE_HD Code second_difference(Code a, Code b, Code c) {
  return magnitude(static_cast<Code>(2 * b - a - c));
}

// Each test returns 1 or 0 without a branch.
VIDEOENGINE_HD Code at_least(Code value, Code bound) { return value >= bound ? 1 : 0; }
VIDEOENGINE_HD Code both(Code one, Code other) { return static_cast<Code>(one & other); }
VIDEOENGINE_HD Code times(Code factor, Code value) { return static_cast<Code>(factor * value); }
VIDEOENGINE_HD Code is_lit(Code y) { return at_least(y, kDarkBelow); }
VIDEOENGINE_HD Code is_dark(Code y) { return static_cast<Code>(1 - is_lit(y)); }
VIDEOENGINE_HD Code is_clipped(Code y) { return at_least(y, kClippedFrom); }

VIDEOENGINE_HD Code is_highlight(Code y, Code cb, Code cr) {
  return both(at_least(y, kHighlightFrom), both(at_least(kHighlightChroma, magnitude(cb)),
                                                at_least(kHighlightChroma, magnitude(cr))));
}

// Warm: red, orange, yellow or pink enough for its luma, 2 cr - cb being at least a third of it.
VIDEOENGINE_HD Code is_tissue(Code y, Code cb, Code cr) {
  const Code warmth = static_cast<Code>(times(6, cr) - times(3, cb));
  return both(is_lit(y), both(at_least(warmth, y), at_least(times(32, cr), y)));
}

VIDEOENGINE_HD Code is_red(Code y, Code cr) { return both(is_lit(y), at_least(times(4, cr), y)); }

VIDEOENGINE_HD int cell_start(int index, int cells, int length) {
  return static_cast<int>(static_cast<std::int64_t>(index) * length / cells);
}

// Scans line `probe` of an axis (0: a row, 1: a column) from one end for the edge of the view.
// Returns the first bright site of the first bright group, or -1 when there is none.
VIDEOENGINE_HD int edge_of_view(const Source& s, int axis, int probe, bool from_end) {
  const int across = axis == 0 ? s.rows : s.columns, length = axis == 0 ? s.columns : s.rows;
  const int line = cell_start(2 * probe + 1, 2 * kProbes, across);
  int window[kEdgeSites] = {0, 0, 0, 0}, sum = 0;
  for (int i = 0; i < length; ++i) {
    const int at = from_end ? length - 1 - i : i;
    const int row = axis == 0 ? line : at, column = axis == 0 ? at : line;
    const int luma = s.layout == Layout::kRgb24 ? site_of_rgb(s, row, column).luma
                                                : scaled_luma(luma_sum(s, row, column), s.full_range);
    sum += luma - window[i % kEdgeSites];
    window[i % kEdgeSites] = luma;
    if (i + 1 < kEdgeSites || sum <= kEdgeSites * kEdgeLuma) continue;
    int back = kEdgeSites - 1;  // the mean is above the bound, so one of them is
    while (window[(i - back) % kEdgeSites] <= kEdgeLuma) --back;
    return from_end ? at + back : at - back;
  }
  return -1;
}

enum class InstructionSet { kBest, kBaseline };

// Fills `out` (kLength integers). Throws std::bad_alloc only.
void frame_statistics(const Source& source, InstructionSet set, std::int64_t* out);

#ifdef VIDEOENGINE_WITH_CUDA
// The same on a GPU: planes and `out` are device pointers, `stream` a cudaStream_t. Allocates
// nothing; returns nullptr, or what went wrong with a launch.
const char* frame_statistics_cuda(const Source& source, void* stream, std::int64_t* out);
#endif

}  // namespace videoengine::statistics
