// Python binding of the rasterizer on a device: addresses and a stream's handle, from tensors that the caller
// has checked (recon3d/splats/device.py). Nothing here waits for the device.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "videoengine/splat_device.h"

namespace nb = nanobind;

namespace {

namespace splats = videoengine::splats;

using Address = std::uintptr_t;
using Addresses = std::vector<Address>;
using Numbers = std::vector<float>;
constexpr std::int64_t kMostGaussians = std::int64_t{1} << 30, kMostPairs = (std::int64_t{1} << 31) - 1;
constexpr int kLargestSide = 16384;

[[noreturn]] void refuse(const std::string& what, const std::string& got, const std::string& allowed) {
  throw nb::value_error((what + "; got " + got + "; allowed: " + allowed + ".").c_str());
}

void check_length(std::size_t length, std::size_t wanted, const char* name) {
  if (length != wanted) {
    refuse(std::string(name) + " has the wrong length", std::to_string(length), std::to_string(wanted));
  }
}

void check_range(std::int64_t value, std::int64_t low, std::int64_t high, const char* name) {
  if (value < low || value > high) {
    refuse(std::string(name) + " is out of range", std::to_string(value),
           std::to_string(low) + " to " + std::to_string(high));
  }
}

const splats::DeviceRasterizer& rasterizer_of(const std::string& machine) {
  if (machine == "emulated") return splats::device_rasterizer_emulated();
#ifdef VIDEOENGINE_WITH_CUDA
  if (machine == "cuda") return splats::device_rasterizer_cuda();
  if (machine == "cuda exact") return splats::device_rasterizer_exact();
  refuse("machine is unknown", "'" + machine + "'", "cuda, cuda exact, emulated");
#else
  refuse("machine is not there", "'" + machine + "', but a build without CUDA",
         "emulated; others with VIDEOENGINE_CUDA=on at build time");
#endif
}

float* floats(Address address) { return reinterpret_cast<float*>(address); }
void* bytes_at(Address address) { return reinterpret_cast<void*>(address); }

void done(const char* failure) {
  if (failure) throw std::runtime_error(std::string("splats on a device: ") + failure);
}

// One picture of one scene; the numbers are its own, the addresses the caller's.
class Job {
 public:
  Job(const std::string& machine, Address stream, const Addresses& scene, std::int64_t count, int degree,
      const Addresses& shot, const Numbers& intrinsics, const Numbers& lamp, const Numbers& rules, int width,
      int height, std::int64_t capacity, const std::vector<bool>& flags)
      : rasterizer_(rasterizer_of(machine)), stream_(stream), intrinsics_(intrinsics), lamp_(lamp), rules_(rules) {
    check_length(scene.size(), 5, "scene"), check_length(shot.size(), 2, "shot"), check_length(flags.size(), 4, "flags");
    if (intrinsics.size() != 9) check_length(intrinsics.size(), 4, "intrinsics");
    check_length(lamp.size(), 2, "lamp"), check_length(rules.size(), 7, "rules");
    check_range(count, 0, kMostGaussians, "count"), check_range(degree, 0, 3, "degree");
    check_range(width, 1, kLargestSide, "width"), check_range(height, 1, kLargestSide, "height");
    check_range(capacity, 1, kMostPairs, "capacity");
    job_.scene = {floats(scene[0]), floats(scene[1]), floats(scene[2]), floats(scene[3]),
                  floats(scene[4]), count,            degree};
    job_.shot.pose = floats(shot[0]), job_.shot.background = floats(shot[1]);
    job_.shot.intrinsics = intrinsics_.data(), job_.shot.lamp = lamp_.data(), job_.shot.rules = rules_.data();
    job_.shot.fisheye = intrinsics.size() == 9 ? intrinsics_.data() + 4 : nullptr;
    job_.shot.width = width, job_.shot.height = height;
    job_.shot.with_normals = flags[0], job_.shot.with_median = flags[1], job_.shot.cull = flags[2];
    job_.deterministic = flags[3], job_.capacity = capacity;
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  void set_capacity(std::int64_t capacity) {
    check_range(capacity, 1, kMostPairs, "capacity");
    job_.capacity = capacity;
  }

  std::size_t bytes(const std::string& name) const {
    constexpr const char* kNames[] = {"front", "tiles", "count", "draw", "backward"};
    for (int part = 0; part < 5; ++part) {
      if (name == kNames[part]) return rasterizer_.bytes(job_, static_cast<splats::DevicePart>(part));
    }
    refuse("part is unknown", "'" + name + "'", "front, tiles, count, draw, backward");
  }

  void count(Address front, Address scratch) const {
    nb::gil_scoped_release release;
    done(rasterizer_.count(job_, bytes_at(front), bytes_at(scratch), stream()));
  }

  void draw(Address front, const Addresses& lists, Address counted, Address scratch, const Addresses& out) const {
    check_length(out.size(), 5, "pictures");
    const splats::DeviceLists kept = lists_at(lists);
    const splats::Pictures<float> pictures{floats(out[0]), floats(out[1]), floats(out[2]), floats(out[3]),
                                           floats(out[4])};
    nb::gil_scoped_release release;
    done(rasterizer_.draw(job_, bytes_at(front), kept, bytes_at(counted), bytes_at(scratch), pictures, stream()));
  }

  void backward(Address front, const Addresses& lists, Address scratch, const Addresses& in,
                const Addresses& out) const {
    check_length(in.size(), 4, "gradients of pictures"), check_length(out.size(), 8, "gradients");
    const splats::DeviceLists kept = lists_at(lists);
    const splats::PictureGradients<float> from{floats(in[0]), floats(in[1]), floats(in[2]), floats(in[3])};
    const splats::SceneGradients<float> to{floats(out[0]), floats(out[1]), floats(out[2]), floats(out[3]),
                                           floats(out[4]), floats(out[5]), floats(out[6]), floats(out[7])};
    nb::gil_scoped_release release;
    done(rasterizer_.backward(job_, bytes_at(front), kept, bytes_at(scratch), from, to, stream()));
  }

 private:
  static splats::DeviceLists lists_at(const Addresses& lists) {
    check_length(lists.size(), 2, "lists");
    return {bytes_at(lists[0]), reinterpret_cast<std::uint32_t*>(lists[1])};
  }
  void* stream() const { return bytes_at(stream_); }

  const splats::DeviceRasterizer& rasterizer_;
  Address stream_;
  Numbers intrinsics_, lamp_, rules_;
  splats::DeviceJob job_{};
};

void note(const std::string& machine, Address stream, Address front, Address ledger) {
  done(rasterizer_of(machine).note(bytes_at(front), static_cast<splats::DeviceLedger*>(bytes_at(ledger)),
                                   bytes_at(stream)));
}

}  // namespace

void bind_splat_device(nb::module_& module) {
  nb::class_<Job>(module, "SplatDeviceJob", "A picture of splats on a device; every call queues and returns.")
      .def(nb::init<const std::string&, Address, const Addresses&, std::int64_t, int, const Addresses&, const Numbers&,
                    const Numbers&, const Numbers&, int, int, std::int64_t, const std::vector<bool>&>(),
           nb::arg("machine"), nb::arg("stream"), nb::arg("scene"), nb::arg("count"), nb::arg("degree"),
           nb::arg("shot"), nb::arg("intrinsics"), nb::arg("lamp"), nb::arg("rules"), nb::arg("width"),
           nb::arg("height"), nb::arg("capacity"), nb::arg("flags"))
      .def("set_capacity", &Job::set_capacity, nb::arg("capacity"))
      .def("bytes", &Job::bytes, nb::arg("part"), "The size of front or tiles, or of the scratch of count, draw or backward.")
      .def("count", &Job::count, nb::arg("front"), nb::arg("scratch"))
      .def("draw", &Job::draw, nb::arg("front"), nb::arg("lists"), nb::arg("counted"), nb::arg("scratch"),
           nb::arg("out"))
      .def("backward", &Job::backward, nb::arg("front"), nb::arg("lists"), nb::arg("scratch"), nb::arg("gradients"),
           nb::arg("out"));
  module.def("splat_device_note", &note, nb::arg("machine"), nb::arg("stream"), nb::arg("front"), nb::arg("ledger"),
             "Add what a pass came to to a ledger on the device.");
  module.attr("SPLAT_MOST_PAIRS") = kMostPairs;
}
