// Python binding of frame_statistics: checks every shape, then works without the GIL. Planes on a
// CUDA device go to the kernel, which writes into a device array the caller hands in.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "videoengine/frame_statistics.h"

namespace nb = nanobind;
namespace stats = videoengine::statistics;

namespace {

using Plane = nb::ndarray<nb::ro>;
using Out = nb::ndarray<std::int64_t, nb::ndim<1>, nb::c_contig>;
constexpr std::size_t kLargestSide = 32768;

[[noreturn]] void refuse(const std::string& what, const std::string& got,
                         const std::string& allowed) {
  throw nb::value_error((what + "; got " + got + "; allowed: " + allowed + ".").c_str());
}

videoengine::Layout layout_of(const std::string& name) {
  if (name == "yuv420p") return videoengine::Layout::kYuv420p;
  if (name == "nv12") return videoengine::Layout::kNv12;
  if (name == "p010") return videoengine::Layout::kP010;
  if (name == "rgb24") return videoengine::Layout::kRgb24;
  if (name == "gray") return videoengine::Layout::kGray;
  refuse("layout is unknown", "'" + name + "'", "yuv420p, nv12, p010, rgb24, gray");
}

// Checks one plane; channels 0 means two axes.
void take_plane(stats::Source& source, int index, const Plane& plane, std::size_t rows,
                std::size_t columns, std::size_t channels) {
  const std::string name = "plane " + std::to_string(index);
  const bool shaped = plane.ndim() == (channels ? 3u : 2u) && plane.shape(0) == rows &&
                      plane.shape(1) == columns && (!channels || plane.shape(2) == channels);
  if (!shaped) {
    refuse(name + " has the wrong shape", std::to_string(plane.ndim()) + " axes",
           std::to_string(rows) + " x " + std::to_string(columns) +
               (channels ? " x " + std::to_string(channels) : ""));
  }
  const auto wanted = source.bytes == 2 ? nb::dtype<std::uint16_t>() : nb::dtype<std::uint8_t>();
  if (plane.dtype() != wanted) {
    refuse(name + " has the wrong dtype", std::to_string(plane.dtype().bits) + "-bit samples",
           source.bytes == 2 ? "uint16" : "uint8");
  }
  const bool packed = channels ? plane.stride(2) == 1 &&
                                     plane.stride(1) == static_cast<std::int64_t>(channels)
                               : columns == 1 || plane.stride(1) == 1;
  if (!packed) refuse(name + " is not packed", "a strided row", "contiguous rows");
  source.planes[index] = plane.data();
  source.row_bytes[index] = static_cast<std::ptrdiff_t>(plane.stride(0)) * source.bytes;
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

stats::Source source_of(const std::vector<Plane>& planes, const std::string& name, int bit_depth,
                        bool full_range) {
  using videoengine::Layout;
  stats::Source source;
  source.layout = layout_of(name);
  check_depth(source.layout, bit_depth);
  const std::size_t counts[] = {3, 2, 2, 1, 1};
  const std::size_t count = counts[static_cast<int>(source.layout)];
  if (planes.size() != count) {
    refuse("layout " + name + " has another number of planes", std::to_string(planes.size()),
           std::to_string(count));
  }
  if (planes[0].ndim() < 2) refuse("plane 0 has the wrong shape", "one axis", "(H, W)");
  const std::size_t rows = planes[0].shape(0), columns = planes[0].shape(1);
  if (rows < 1 || columns < 1 || rows > kLargestSide || columns > kLargestSide) {
    refuse("plane 0 has the wrong size", std::to_string(columns) + " x " + std::to_string(rows),
           "1 to " + std::to_string(kLargestSide) + " samples a side");
  }
  source.width = static_cast<int>(columns), source.height = static_cast<int>(rows);
  source.columns = (source.width + 1) / 2, source.rows = (source.height + 1) / 2;
  source.bytes = bit_depth > 8 ? 2 : 1;
  source.shift = source.layout == Layout::kP010 ? 8 : bit_depth - 8;
  source.full_range = full_range;
  take_plane(source, 0, planes[0], rows, columns, source.layout == Layout::kRgb24 ? 3 : 0);
  for (std::size_t i = 1; i < planes.size(); ++i) {
    take_plane(source, static_cast<int>(i), planes[i], (rows + 1) / 2, (columns + 1) / 2,
               source.layout == Layout::kYuv420p ? 0 : 2);
  }
  return source;
}

stats::InstructionSet set_of(const std::string& name) {
  if (name == "best") return stats::InstructionSet::kBest;
  if (name == "baseline") return stats::InstructionSet::kBaseline;
  refuse("instruction_set is unknown", "'" + name + "'", "best, baseline");
}

void on_device(const stats::Source& source, const Out& out, std::uintptr_t stream) {
#ifdef VIDEOENGINE_WITH_CUDA
  const char* failure = nullptr;
  {
    nb::gil_scoped_release release;
    failure = stats::frame_statistics_cuda(source, reinterpret_cast<void*>(stream), out.data());
  }
  if (failure) throw std::runtime_error(std::string("frame_statistics on CUDA: ") + failure);
#else
  (void)source, (void)out, (void)stream;
  refuse("planes are on a CUDA device", "a build without CUDA", "VIDEOENGINE_CUDA=on at build time");
#endif
}

void measure(const std::vector<Plane>& planes, const Out& out, const std::string& layout,
             int bit_depth, bool full_range, const std::string& instruction_set,
             std::uintptr_t stream) {
  const stats::Source source = source_of(planes, layout, bit_depth, full_range);
  const stats::InstructionSet set = set_of(instruction_set);
  if (out.shape(0) != stats::kLength) {
    refuse("out has the wrong length", std::to_string(out.shape(0)),
           std::to_string(stats::kLength));
  }
  for (const Plane& plane : planes) {
    if (plane.device_type() != out.device_type() || plane.device_id() != out.device_id()) {
      refuse("planes and out are on different devices", std::to_string(plane.device_type()),
             std::to_string(out.device_type()));
    }
  }
  if (out.device_type() == nb::device::cuda::value) return on_device(source, out, stream);
  if (out.device_type() != nb::device::cpu::value) {
    refuse("device is unknown", std::to_string(out.device_type()), "CPU and CUDA");
  }
  nb::gil_scoped_release release;
  stats::frame_statistics(source, set, out.data());
}

}  // namespace

void bind_frame_statistics(nb::module_& module) {
  module.def("frame_statistics", &measure, nb::arg("planes"), nb::arg("out").noconvert(),
             nb::arg("layout"), nb::arg("bit_depth"), nb::arg("full_range"),
             nb::arg("instruction_set") = "best", nb::arg("stream") = 0,
             "Fill out with the statistics of a picture, in one pass over its planes.");
  module.attr("FRAME_STATISTICS_LENGTH") = stats::kLength;
}
