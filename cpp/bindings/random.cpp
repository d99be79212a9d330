// The class Generator.
#include <pybind11/pybind11.h>

#include <memory>
#include <random>
#include <string>

#include "bindings/data.h"
#include "bindings/function.h"
#include "bindings/functions.h"
#include "ops/ops.h"

namespace py = pybind11;

namespace fastgrad {
namespace {

// The arguments of `seed` are Python's whole numbers from -2^63 to 2^64 - 1; negative ones wrap around, as in PyTorch.
std::uint64_t seed_from(const py::handle& seed) {
  if (!PyLong_Check(seed.ptr()) || PyBool_Check(seed.ptr())) {
    fail("manual_seed: expected an int, got ", Py_TYPE(seed.ptr())->tp_name);
  }
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(seed.ptr(), &overflow);
  if (overflow == 0) return static_cast<std::uint64_t>(value);
  const std::uint64_t large = overflow > 0 ? PyLong_AsUnsignedLongLong(seed.ptr()) : 0;
  if (overflow < 0 || PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    fail(ErrorKind::value, "manual_seed: the seed must lie between -2**63 and 2**64 - 1");
  }
  return large;
}

py::object state_of(Generator& g) {
  const std::lock_guard lock(g.mutex());
  const std::string bytes = g.state();
  const DeviceGuard guard(host_device);
  Tensor out = empty({static_cast<Index>(bytes.size())}, DType::uint8);
  std::copy(bytes.begin(), bytes.end(), out.data<std::uint8_t>());
  return py::reinterpret_steal<py::object>(wrap(std::move(out)));
}

void set_state(Generator& g, const py::object& state) {
  Call call;
  const Tensor bytes = ops::contiguous(tensor_argument(state.ptr(), call));
  if (bytes.dtype != DType::uint8) {
    fail(ErrorKind::type, "set_state: expected a uint8 tensor, got ", dtype_name(bytes.dtype));
  }
  const std::lock_guard lock(g.mutex());
  g.set_state(bytes.raw(), static_cast<std::size_t>(bytes.numel()));
}

std::shared_ptr<Generator> made(const py::object& device) {
  const py::object where = py::module_::import("fastgrad").attr("device")(device);
  const auto type = where.attr("type").cast<std::string>();
  if (type == "cpu") return std::make_shared<Generator>();
  const py::object number = where.attr("index");
  const Index index = number.is_none() ? 0 : number.cast<Index>();
  ops::check_cuda(index);
  return std::make_shared<Generator>(Generator::default_seed, Device{static_cast<std::int8_t>(index)});
}

std::shared_ptr<Generator> clone(Generator& g) {
  auto copy = std::make_shared<Generator>(Generator::default_seed, g.device());
  const std::lock_guard lock(g.mutex());
  const std::string bytes = g.state();
  copy->set_state(bytes.data(), bytes.size());
  return copy;
}

std::uint64_t seed_anew(Generator& g) {
  std::random_device entropy;
  const std::uint64_t seed = static_cast<std::uint64_t>(entropy()) << 32 | entropy();
  const std::lock_guard lock(g.mutex());
  g.manual_seed(seed);
  return seed;
}

py::object manual_seed(const py::object& self, const py::object& seed) {
  auto& g = self.cast<Generator&>();
  const std::uint64_t value = seed_from(seed);
  const std::lock_guard lock(g.mutex());
  g.manual_seed(value);
  return self;
}

py::tuple pickled(Generator& g) { return py::make_tuple(state_of(g), static_cast<int>(g.device().index)); }

std::shared_ptr<Generator> restored(const py::tuple& state) {
  const Device device{static_cast<std::int8_t>(state[1].cast<int>())};
  auto g = std::make_shared<Generator>(Generator::default_seed, device);
  set_state(*g, state[0]);
  return g;
}

py::object device_of(const Generator& g) {
  const py::object device = py::module_::import("fastgrad").attr("device");
  if (!g.device().is_cuda()) return device("cpu");
  return device("cuda", static_cast<int>(g.device().index));
}

Generator& checked_cuda_generator(Index index) {
  ops::check_cuda(index);
  return cuda_generator(static_cast<int>(index));
}

}  // namespace

void add_generator(PyObject* module) {
  py::class_<Generator, std::shared_ptr<Generator>> type(
      py::handle(module), "Generator",
      "A source of random numbers: PyTorch's Mersenne Twister, or Philox for a CUDA device.");
  type.def(py::init(&made), py::arg("device") = "cpu")
      .def("manual_seed", &manual_seed, py::arg("seed"), "Restarts the generator from a seed and returns it.")
      .def("seed", &seed_anew, "Restarts the generator from a seed that the system draws, and returns the seed.")
      .def("initial_seed", &Generator::initial_seed, "The seed the generator was started from.")
      .def("get_state", &state_of, "The state, as a uint8 tensor in the layout of PyTorch's.")
      .def("set_state", &set_state, py::arg("new_state"), "Continues from a state that get_state() gave.")
      .def("clone_state", &clone, "A new generator that will draw the same numbers.")
      .def_property_readonly("device", &device_of, "Where the numbers are drawn.")
      .def(py::pickle(&pickled, &restored))
      .attr("__module__") = "fastgrad";
  py::reinterpret_borrow<py::module_>(module)
      .def("cuda_generator", &checked_cuda_generator, py::arg("index"), py::return_value_policy::reference,
           "The default generator of a CUDA device.")
      .def(
          "seed_cuda_generators", [](const py::object& seed) { seed_cuda_generators(seed_from(seed)); },
          py::arg("seed"), "Restarts the default generators of all CUDA devices.");
  py::handle(module).attr("default_generator") = py::cast(default_generator(), py::return_value_policy::reference);
}

}  // namespace fastgrad
