// CPU side of frame_statistics. Rows of sites are unpacked to 16-bit lanes and added, column by
// column, to accumulators that are folded into the cells before any of them can overflow.
#include "videoengine/frame_statistics.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace videoengine::statistics {
namespace {

constexpr int kRowsInFlight = 64;  // 64 rows x 876, the largest Laplacian, fit 16 bits
constexpr int kMargin = 16;        // sites in front of a row; two are read

// Column sums. Two counts share a word, eight bits each: 64 rows fit.
struct Sums {
  std::vector<std::uint16_t> luma, gradient, laplacian, counts[2], red;
  std::vector<std::int16_t> cb, cr;
  std::vector<std::uint32_t> squared;

  void clear(std::size_t columns) {
    for (auto* v : {&luma, &gradient, &laplacian, &counts[0], &counts[1], &red}) {
      v->assign(columns, 0);
    }
    cb.assign(columns, 0), cr.assign(columns, 0), squared.assign(columns, 0);
  }
};

struct Workspace {
  Sums sums;
  std::vector<Code> luma[3], cb, cr, blocks;  // rows of sites; luma of this row and the two before
};

struct Row {
  const Code *luma, *above, *above2, *cb, *cr;
  int columns;
};

struct Unpack {
  const std::uint8_t *y0, *y1, *u, *v;
  int whole;  // sites with two luma columns
  int columns;
  int chroma_step;
  bool full_range;
};

// `blocks` takes the sum of each site's four luma samples on the way.
VIDEOENGINE_HD void unpack_body(const Unpack& in, Code* __restrict luma, Code* __restrict cb,
                                Code* __restrict cr, Code* __restrict blocks) {
  const std::uint8_t* __restrict y0 = in.y0;
  const std::uint8_t* __restrict y1 = in.y1;
  for (int x = 0; x < in.whole; ++x) {
    blocks[x] = static_cast<Code>(y0[2 * x] + y0[2 * x + 1] + y1[2 * x] + y1[2 * x + 1]);
  }
  if (in.whole < in.columns) {
    blocks[in.whole] = static_cast<Code>(2 * (y0[2 * in.whole] + y1[2 * in.whole]));
  }
  const int columns = in.columns;
  if (in.full_range) {
    for (int x = 0; x < columns; ++x) luma[x] = static_cast<Code>(scaled_luma(blocks[x], true));
  } else {
    for (int x = 0; x < columns; ++x) luma[x] = static_cast<Code>(scaled_luma(blocks[x], false));
  }
  if (!in.u) return;
  const std::uint8_t* __restrict u = in.u;
  const std::uint8_t* __restrict v = in.v;
  if (in.chroma_step == 1) {
    for (int x = 0; x < columns; ++x) {
      cb[x] = static_cast<Code>(scaled_chroma(u[x], in.full_range));
      cr[x] = static_cast<Code>(scaled_chroma(v[x], in.full_range));
    }
  } else {
    for (int x = 0; x < columns; ++x) {
      cb[x] = static_cast<Code>(scaled_chroma(u[2 * x], in.full_range));
      cr[x] = static_cast<Code>(scaled_chroma(v[2 * x], in.full_range));
    }
  }
}

VIDEOENGINE_HD std::uint16_t pair(Code low, Code high) {
  return static_cast<std::uint16_t>(low + high * 256);
}

VIDEOENGINE_HD void add_body(const Row& row, Sums& sums) {
  const Code* __restrict luma = row.luma;
  const Code* __restrict above = row.above;
  const Code* __restrict above2 = row.above2;
  const Code* __restrict cb = row.cb;
  const Code* __restrict cr = row.cr;
  std::uint16_t* __restrict luma_sum = sums.luma.data();
  std::uint16_t* __restrict gradient = sums.gradient.data();
  std::uint16_t* __restrict laplacian = sums.laplacian.data();
  std::int16_t* __restrict cb_sum = sums.cb.data();
  std::int16_t* __restrict cr_sum = sums.cr.data();
  std::uint32_t* __restrict squared = sums.squared.data();
  const int columns = row.columns;
#pragma GCC ivdep
  for (int x = 0; x < columns; ++x) {
    const Code y = luma[x];
    luma_sum[x] = static_cast<std::uint16_t>(luma_sum[x] + y);
    cb_sum[x] = static_cast<std::int16_t>(cb_sum[x] + cb[x]);
    cr_sum[x] = static_cast<std::int16_t>(cr_sum[x] + cr[x]);
    gradient[x] = static_cast<std::uint16_t>(gradient[x] +
                                             magnitude(static_cast<Code>(luma[x - 1] - y)) +
                                             magnitude(static_cast<Code>(above[x] - y)));
    laplacian[x] = static_cast<std::uint16_t>(laplacian[x] +
                                              second_difference(luma[x - 2], luma[x - 1], y) +
                                              second_difference(above2[x], above[x], y));
  }
  for (int x = 0; x < columns; ++x) {
    squared[x] += static_cast<std::uint32_t>(static_cast<std::uint16_t>(luma[x] * luma[x]));
  }
  std::uint16_t* __restrict c0 = sums.counts[0].data();
  std::uint16_t* __restrict c1 = sums.counts[1].data();
  std::uint16_t* __restrict red = sums.red.data();
#pragma GCC ivdep
  for (int x = 0; x < columns; ++x) {
    const Code y = luma[x], b = cb[x], r = cr[x];
    c0[x] = static_cast<std::uint16_t>(c0[x] + pair(is_dark(y), is_clipped(y)));
    c1[x] = static_cast<std::uint16_t>(c1[x] + pair(is_highlight(y, b, r), is_tissue(y, b, r)));
    red[x] = static_cast<std::uint16_t>(red[x] + is_red(y, r));
  }
}

using UnpackFunction = void (*)(const Unpack&, Code*, Code*, Code*, Code*);
using AddFunction = void (*)(const Row&, Sums&);

void unpack_baseline(const Unpack& in, Code* luma, Code* cb, Code* cr, Code* blocks) {
  unpack_body(in, luma, cb, cr, blocks);
}
void add_baseline(const Row& row, Sums& sums) { add_body(row, sums); }

#if defined(__x86_64__)
#define VIDEOENGINE_V3 __attribute__((target("arch=x86-64-v3")))
VIDEOENGINE_V3 void unpack_v3(const Unpack& in, Code* luma, Code* cb, Code* cr, Code* blocks) {
  unpack_body(in, luma, cb, cr, blocks);
}
VIDEOENGINE_V3 void add_v3(const Row& row, Sums& sums) { add_body(row, sums); }
#endif

struct Functions {
  UnpackFunction unpack = unpack_baseline;
  AddFunction add = add_baseline;
};

Functions functions_for(InstructionSet set) {
  Functions functions;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (set == InstructionSet::kBest && __builtin_cpu_supports("avx2") &&
      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma")) {
    functions = {unpack_v3, add_v3};
  }
#else
  (void)set;
#endif
  return functions;
}

const std::uint8_t* row_of(const Source& s, int plane, int row) {
  return static_cast<const std::uint8_t*>(s.planes[plane]) + row * s.row_bytes[plane];
}

// Any layout, a site at a time: deep samples and packed RGB.
void unpack_slowly(const Source& s, int row, Code* luma, Code* cb, Code* cr) {
  for (int x = 0; x < s.columns; ++x) {
    const Site site = site_at(s, row, x);
    luma[x] = static_cast<Code>(site.luma);
    cb[x] = static_cast<Code>(site.cb), cr[x] = static_cast<Code>(site.cr);
  }
}

void unpack_row(const Source& s, const Functions& functions, int row, Code* luma, Code* cb,
                Code* cr, Code* blocks) {
  if (s.bytes != 1 || s.layout == Layout::kRgb24) return unpack_slowly(s, row, luma, cb, cr);
  Unpack in{};
  in.y0 = row_of(s, 0, 2 * row);
  in.y1 = 2 * row + 1 < s.height ? row_of(s, 0, 2 * row + 1) : in.y0;
  in.whole = s.width / 2, in.columns = s.columns, in.full_range = s.full_range;
  if (s.layout == Layout::kYuv420p) {
    in.u = row_of(s, 1, row), in.v = row_of(s, 2, row), in.chroma_step = 1;
  } else if (s.layout == Layout::kNv12) {
    in.u = row_of(s, 1, row), in.v = in.u + 1, in.chroma_step = 2;
  }
  functions.unpack(in, luma, cb, cr, blocks);
}

// Adds the column sums to one row of cells.
void fold(const Sums& sums, int columns, int cell_row, int rows, std::int64_t* out) {
  for (int c = 0; c < kGridColumns; ++c) {
    std::int64_t* cell = out + (cell_row * kGridColumns + c) * kChannels;
    const int begin = cell_start(c, kGridColumns, columns);
    const int end = cell_start(c + 1, kGridColumns, columns);
    cell[kSites] += static_cast<std::int64_t>(end - begin) * rows;
    for (int x = begin; x < end; ++x) {
      cell[kLuma] += sums.luma[x], cell[kLumaSquared] += sums.squared[x];
      cell[kCb] += sums.cb[x], cell[kCr] += sums.cr[x];
      cell[kGradient] += sums.gradient[x], cell[kLaplacian] += sums.laplacian[x];
      cell[kRed] += sums.red[x];
      for (int k = 0; k < 2; ++k) {
        cell[kDark + 2 * k] += sums.counts[k][x] & 255;
        cell[kDark + 2 * k + 1] += sums.counts[k][x] >> 8;
      }
    }
  }
}

void add_histogram(const Code* luma, int columns, std::int64_t* out) {
  std::uint32_t bins[2][kHistogramBins] = {};  // two, so that equal neighbors do not wait
  int x = 0;
  for (; x + 2 < columns; x += 4) ++bins[0][luma[x] >> 2], ++bins[1][luma[x + 2] >> 2];
  if (x < columns) ++bins[0][luma[x] >> 2];
  for (int i = 0; i < kHistogramBins; ++i) out[kHistogramAt + i] += bins[0][i] + bins[1][i];
}

void probe_edges(const Source& s, std::int64_t* out) {
  std::int64_t* at = out + kProbesAt;
  for (int axis = 0; axis < 2; ++axis) {
    for (int probe = 0; probe < kProbes; ++probe) {
      *at++ = edge_of_view(s, axis, probe, false);
      *at++ = edge_of_view(s, axis, probe, true);
    }
  }
}

void prepare(Workspace& work, int columns) {
  const std::size_t room = static_cast<std::size_t>(columns) + 2 * kMargin;
  for (auto* row : {&work.luma[0], &work.luma[1], &work.luma[2], &work.cb, &work.cr, &work.blocks}) {
    row->assign(room, 0);
  }
}

// Repeats the first site into the margin: no gradient there.
void extend(Code* luma) { luma[-1] = luma[-2] = luma[0]; }

}  // namespace

void frame_statistics(const Source& source, InstructionSet set, std::int64_t* out) {
  thread_local Workspace work;
  const Functions functions = functions_for(set);
  std::memset(out, 0, sizeof(std::int64_t) * kLength);
  prepare(work, source.columns);
  Code* luma[3];
  for (int i = 0; i < 3; ++i) luma[i] = work.luma[i].data() + kMargin;
  for (int cell_row = 0, row = 0; cell_row < kGridRows; ++cell_row) {
    const int end = cell_start(cell_row + 1, kGridRows, source.rows);
    while (row < end) {
      const int stop = std::min(end, row + kRowsInFlight), first = row;
      work.sums.clear(source.columns);
      for (; row < stop; ++row) {
        Code* here = luma[row % 3];
        unpack_row(source, functions, row, here, work.cb.data(), work.cr.data(), work.blocks.data());
        extend(here);
        const Code* above = row >= 1 ? luma[(row + 2) % 3] : here;
        const Code* above2 = row >= 2 ? luma[(row + 1) % 3] : above;
        functions.add({here, above, above2, work.cb.data(), work.cr.data(), source.columns},
                      work.sums);
        if (row % 2 == 0) add_histogram(here, source.columns, out);
      }
      fold(work.sums, source.columns, cell_row, stop - first, out);
    }
  }
  probe_edges(source, out);
}

}  // namespace videoengine::statistics
