// Python binding of color_conversion: checks every shape, then works without the GIL.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "videoengine/color_conversion.h"

namespace nb = nanobind;

namespace {

using Plane = nb::ndarray<nb::ro, nb::device::cpu>;
using Out = nb::ndarray<std::uint8_t, nb::ndim<3>, nb::device::cpu>;
constexpr int kLargestSide = 32768;

[[noreturn]] void refuse(const std::string& what, const std::string& got,
                         const std::string& allowed) {
  throw nb::value_error((what + "; got " + got + "; allowed: " + allowed + ".").c_str());
}

template <typename Array>
std::string shape_text(const Array& array) {
  std::string text = "(";
  for (std::size_t i = 0; i < array.ndim(); ++i) {
    text += (i ? ", " : "") + std::to_string(array.shape(i));
  }
  return text + ")";
}

videoengine::Layout layout_of(const std::string& name) {
  if (name == "yuv420p") return videoengine::Layout::kYuv420p;
  if (name == "nv12") return videoengine::Layout::kNv12;
  if (name == "p010") return videoengine::Layout::kP010;
  if (name == "rgb24") return videoengine::Layout::kRgb24;
  if (name == "gray") return videoengine::Layout::kGray;
  refuse("layout is unknown", "'" + name + "'", "yuv420p, nv12, p010, rgb24, gray");
}

videoengine::Matrix matrix_of(const std::string& name) {
  if (name == "bt601") return videoengine::Matrix::kBt601;
  if (name == "bt709") return videoengine::Matrix::kBt709;
  if (name == "bt2020") return videoengine::Matrix::kBt2020;
  refuse("matrix is unknown", "'" + name + "'", "bt601, bt709, bt2020");
}

// Checks one plane against the shape it must have (channels 0: two axes) and returns its view.
videoengine::PlaneView view_of(const Plane& plane, int index, std::size_t rows, std::size_t columns,
                               std::size_t channels, int bit_depth) {
  const std::string name = "plane " + std::to_string(index);
  std::string expected = "(" + std::to_string(rows) + ", " + std::to_string(columns);
  if (channels) expected += ", " + std::to_string(channels);
  const bool shaped = plane.ndim() == (channels ? 3u : 2u) && plane.shape(0) == rows &&
                      plane.shape(1) == columns && (!channels || plane.shape(2) == channels);
  if (!shaped) refuse(name + " has the wrong shape", shape_text(plane), expected + ")");
  const int bytes = bit_depth > 8 ? 2 : 1;
  if (plane.dtype() != (bytes == 2 ? nb::dtype<std::uint16_t>() : nb::dtype<std::uint8_t>())) {
    refuse(name + " has the wrong dtype", std::to_string(plane.dtype().bits) + "-bit samples",
           bytes == 2 ? "uint16" : "uint8");
  }
  const bool packed = channels ? plane.stride(2) == 1 &&
                                     plane.stride(1) == static_cast<std::int64_t>(channels)
                               : columns == 1 || plane.stride(1) == 1;
  if (!packed) refuse(name + " is not packed", "a strided row", "contiguous rows");
  return {plane.data(), static_cast<std::ptrdiff_t>(plane.stride(0)) * bytes};
}

void check_plane_count(std::size_t got, std::size_t expected, const std::string& layout) {
  if (got != expected) {
    refuse("layout " + layout + " has another number of planes", std::to_string(got),
           std::to_string(expected));
  }
}

void fill_planes(videoengine::Picture& picture, const std::vector<Plane>& planes,
                 const std::string& layout) {
  using videoengine::Layout;
  const std::size_t counts[] = {3, 2, 2, 1, 1};
  check_plane_count(planes.size(), counts[static_cast<int>(picture.layout)], layout);
  if (planes[0].ndim() < 2) refuse("plane 0 has the wrong shape", shape_text(planes[0]), "(H, W)");
  const std::size_t rows = planes[0].shape(0), columns = planes[0].shape(1);
  if (rows < 1 || columns < 1 || rows > kLargestSide || columns > kLargestSide) {
    refuse("plane 0 has the wrong size", shape_text(planes[0]),
           "1 to " + std::to_string(kLargestSide) + " samples a side");
  }
  picture.width = static_cast<int>(columns);
  picture.height = static_cast<int>(rows);
  const int depth = picture.bit_depth;
  picture.planes[0] =
      view_of(planes[0], 0, rows, columns, picture.layout == Layout::kRgb24 ? 3 : 0, depth);
  const std::size_t channels = picture.layout == Layout::kYuv420p ? 0 : 2;
  for (std::size_t i = 1; i < planes.size(); ++i) {
    picture.planes[i] = view_of(planes[i], static_cast<int>(i), (rows + 1) / 2, (columns + 1) / 2,
                                channels, depth);
  }
}

void check_depth(videoengine::Layout layout, int bit_depth) {
  using videoengine::Layout;
  const bool deep = bit_depth > 8;
  if (bit_depth < 8 || bit_depth > 16) {
    refuse("bit_depth is out of range", std::to_string(bit_depth), "8 to 16");
  }
  if (layout == Layout::kP010 && !deep) refuse("bit_depth of p010", "8", "9 to 16");
  if ((layout == Layout::kNv12 || layout == Layout::kRgb24) && deep) {
    refuse("bit_depth of nv12 and rgb24", std::to_string(bit_depth), "8");
  }
}

void convert(const std::vector<Plane>& planes, const Out& out, const std::string& layout,
             int bit_depth, const std::string& matrix, bool full_range) {
  videoengine::Picture picture;
  picture.layout = layout_of(layout);
  picture.matrix = matrix_of(matrix);
  picture.full_range = full_range;
  picture.bit_depth = bit_depth;
  check_depth(picture.layout, bit_depth);
  fill_planes(picture, planes, layout);
  const bool sized = out.shape(0) >= 1 && out.shape(1) >= 1 && out.shape(0) <= kLargestSide &&
                     out.shape(1) <= kLargestSide && out.shape(2) == 3;
  if (!sized) refuse("out has the wrong shape", shape_text(out), "(height, width, 3), 1 to 32768");
  if (out.stride(2) != 1 || out.stride(1) != 3) {
    refuse("out is not packed", "a strided row", "contiguous rows");
  }
  nb::gil_scoped_release release;
  videoengine::color_conversion(picture, out.data(), static_cast<std::ptrdiff_t>(out.stride(0)),
                                static_cast<int>(out.shape(1)), static_cast<int>(out.shape(0)));
}

}  // namespace

void bind_color_conversion(nb::module_& module) {
  module.def("color_conversion", &convert, nb::arg("planes"), nb::arg("out").noconvert(),
             nb::arg("layout"), nb::arg("bit_depth"), nb::arg("matrix"), nb::arg("full_range"),
             "Convert planes to RGB and resize them to out's size in one pass.");
}
