#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <pybind11/stl/filesystem.h>
#include <stdexcept>
#include <string>
#include <torch/csrc/utils/pybind.h>

#include "configs/settings.h"
#include "python/python_stream.h"

// What Python sees; atelier.pyi and docs/python.md describe it.

namespace py = pybind11;

namespace atelier {
namespace {

/// A setting's value as the text that the other layers have.
std::string text_of(const std::string& key, const py::handle& value) {
  if (value.is_none()) return "none";
  if (py::isinstance<py::bool_>(value)) return value.cast<bool>() ? "true" : "false";
  if (py::hasattr(value, "__fspath__")) return value.attr("__fspath__")().cast<std::string>();
  if (PyIndex_Check(value.ptr())) return py::str(py::int_(value.attr("__index__")()));
  if (py::isinstance<py::str>(value) || py::isinstance<py::float_>(value)) return py::str(value);
  throw py::type_error(fmt::format("{} takes text, a number, True or False, not {}", key,
                                   py::str(py::type::handle_of(value).attr("__name__")).cast<std::string>()));
}

/// The settings that were given, in whichever way.
class GivenSettings {
 public:
  void add(const std::string& key, const py::handle& value) { layer_.values.emplace_back(key, text_of(key, value)); }
  void add_unless_none(const std::string& key, const py::object& value) {
    if (!value.is_none()) add(key, value);
  }
  Config resolve() const { return atelier::resolve({layer_}).config; }

 private:
  Layer layer_{"settings", {}};
};

bool is_held_out(const std::string& split) {
  if (split == "train" || split == "held_out") return split == "held_out";
  throw std::invalid_argument(fmt::format("split cannot be \"{}\"; it is \"train\" or \"held_out\"", split));
}

std::unique_ptr<PythonStream> make_stream(const std::filesystem::path& list, const py::object& batch_size,
                                          const py::object& image_size, const py::object& seed,
                                          const py::object& held_out, const std::string& split, uint64_t rank,
                                          uint64_t world, const std::map<std::string, py::object>& settings) {
  GivenSettings given;
  given.add("data.list", py::cast(list.string()));
  given.add_unless_none("train.batch_size", batch_size);
  given.add_unless_none("data.image_size", image_size);
  given.add_unless_none("seed", seed);
  given.add_unless_none("data.held_out", held_out);
  for (const auto& [key, value] : settings) given.add(key, value);
  return std::make_unique<PythonStream>(given.resolve(), is_held_out(split), rank, world);
}

py::object from_json(const std::string& text) { return py::module_::import("json").attr("loads")(text); }

std::string to_json(const py::dict& state) {
  return py::module_::import("json").attr("dumps")(state).cast<std::string>();
}

void add_batch(py::module_& module) {
  py::class_<PythonBatch>(module, "Batch", "Samples of one step, in order of position.")
      .def_readonly("images", &PythonBatch::images, "uint8 [N, 3, H, W], in the stream's own memory")
      .def_readonly("conditions", &PythonBatch::conditions, "uint8 [N, C, H, W], likewise; None without data.condition")
      .def_readonly("labels", &PythonBatch::labels, "int64 [N], into Stream.labels; -1: none")
      .def_readonly("positions", &PythonBatch::positions, "int64 [N], since the start of the run")
      .def_readonly("entries", &PythonBatch::entries, "int64 [N], rows of the list")
      .def_readonly("captions", &PythonBatch::captions)
      .def("__len__", [](const PythonBatch& batch) { return batch.images.size(0); });
}

void add_stream(py::module_& module) {
  using py::arg;
  py::class_<PythonStream>(module, "Stream", "Batches of a list's images, without end.")
      .def(py::init(&make_stream), arg("list"), py::kw_only(), arg("batch_size") = py::none(),
           arg("image_size") = py::none(), arg("seed") = py::none(), arg("held_out") = py::none(),
           arg("split") = "train", arg("rank") = 0, arg("world") = 1,
           arg("settings") = std::map<std::string, py::object>())
      .def("__iter__", [](const py::object& self) { return self; })
      .def("__next__", &PythonStream::next)
      .def("__len__", &PythonStream::rows, "Rows of a pass")
      .def("state_dict", [](const PythonStream& stream) { return from_json(stream.save()); })
      .def(
          "load_state_dict", [](PythonStream& stream, const py::dict& state) { stream.resume(to_json(state)); },
          arg("state_dict"))
      .def("report", [](const PythonStream& stream) { return from_json(stream.report()); })
      .def_property_readonly("labels", &PythonStream::labels);
}

}  // namespace
}  // namespace atelier

PYBIND11_MODULE(atelier, module) {
  py::module_::import("torch");  // makes the Python side of tensors
  module.doc() = "Streams images as torch tensors";
  module.attr("__version__") = ATELIER_VERSION;
  atelier::add_batch(module);
  atelier::add_stream(module);
}
