// Converts a decoded picture to RGB and resizes it in one pass.
//
// The filter is a separable triangle as wide as the reduction (bilinear when enlarging), its weights
// renormalized at the edges. Chroma is resampled straight to the output's grid, sited as MPEG-2 has
// it: on the left column of each pair, midway between two rows. All arithmetic is in integers, so
// the result is the same on every instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace videoengine {

enum class Layout { kYuv420p, kNv12, kP010, kRgb24, kGray };
enum class Matrix { kBt601, kBt709, kBt2020 };

// Read-only samples of one plane: uint8, or uint16 where the picture is deeper than 8 bits.
struct PlaneView {
  const void* data = nullptr;
  std::ptrdiff_t row_bytes = 0;
};

struct Picture {
  PlaneView planes[3];
  Layout layout = Layout::kYuv420p;
  Matrix matrix = Matrix::kBt709;
  int width = 0;
  int height = 0;
  int bit_depth = 8;
  bool full_range = false;
};

// Writes `picture` into `out`, rows of `out_width` RGB triples that are `out_row_bytes` apart.
// Throws std::bad_alloc only.
void color_conversion(const Picture& picture, std::uint8_t* out, std::ptrdiff_t out_row_bytes,
                      int out_width, int out_height);

}  // namespace videoengine
