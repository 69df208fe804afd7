#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <string>
#include <unordered_map>

#include "weft/kernels/checks.hpp"
#include "weft/kernels/gemm.hpp"

// The only file that knows oneDNN (written for 2.6; version 3 differs in how descriptors are made).

namespace weft::kernels {

namespace {

using dnnl::memory;

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::desc matrix(int64_t rows, int64_t columns, bool transposed) {
  return {{rows, columns},
          memory::data_type::f32,
          transposed ? memory::format_tag::ba : memory::format_tag::ab};
}

}  // namespace

/// The primitive with its memory objects, whose pointers every run sets: a plan belongs to the
/// thread that made it.
struct GemmPlan::Backend {
  dnnl::matmul primitive;
  dnnl::reorder pack_b;  ///< empty unless B is packed before every product
  dnnl::stream stream;
  memory a;
  memory b;
  memory b_packed;
  memory c;
  memory bias;
  memory scratchpad;
  size_t packed_bytes = 0;
  size_t scratchpad_bytes = 0;
  std::unordered_map<int, memory> arguments;
  std::unordered_map<int, memory> pack_arguments;
};

namespace {

void check_spec(const GemmSpec& spec) {
  check(spec.m > 0 && spec.n > 0 && spec.k > 0, ErrorKind::internal,
        "matrix product of sizes m = {}, n = {}, k = {}; every size must be at least 1", spec.m,
        spec.n, spec.k);
  check(spec.dtype == DType::f32, ErrorKind::internal, "matrix product of {}; expected f32",
        name(spec.dtype));
}

/// Whether B is brought into oneDNN's own layout before the product: plain row-major B runs 15-20 %
/// slower, and the copy costs one pass over B (reference/cpu.md 1.3).
bool packs_b(const GemmSpec& spec) { return !spec.transpose_b && spec.m >= 256 && spec.k <= 8192; }

}  // namespace

GemmPlan::GemmPlan(const Stream& /*stream*/, const GemmSpec& spec)
    : spec_(spec), backend_(std::make_unique<Backend>()) {
  check_spec(spec);
  // oneDNN divides its work by the threads that OpenMP promises. Where OMP_THREAD_LIMIT grants
  // fewer, the promise is made true: shares without a thread would never be computed.
  omp_set_num_threads(std::min(omp_get_max_threads(), omp_get_thread_limit()));
  try {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (spec.accumulate) {
      dnnl::post_ops post_ops;
      post_ops.append_sum(1.0F);
      attributes.set_post_ops(post_ops);
    }
    const memory::desc a = matrix(spec.m, spec.k, spec.transpose_a);
    const memory::desc b = matrix(spec.k, spec.n, spec.transpose_b);
    const memory::desc b_any({spec.k, spec.n}, memory::data_type::f32, memory::format_tag::any);
    const memory::desc c = matrix(spec.m, spec.n, false);
    const memory::desc bias = matrix(1, spec.n, false);
    const memory::desc& b_wanted = packs_b(spec) ? b_any : b;
    const dnnl::matmul::desc description =
        spec.bias ? dnnl::matmul::desc(a, b_wanted, bias, c) : dnnl::matmul::desc(a, b_wanted, c);
    const dnnl::matmul::primitive_desc made(description, attributes, cpu_engine());

    Backend& backend = *backend_;
    backend.stream = dnnl::stream(cpu_engine());
    backend.primitive = dnnl::matmul(made);
    backend.a = memory(a, cpu_engine(), nullptr);
    backend.b = memory(b, cpu_engine(), nullptr);
    backend.c = memory(c, cpu_engine(), nullptr);
    backend.scratchpad = memory(made.scratchpad_desc(), cpu_engine(), nullptr);
    backend.scratchpad_bytes = made.scratchpad_desc().get_size();
    backend.arguments = {{DNNL_ARG_SRC, backend.a},
                         {DNNL_ARG_WEIGHTS, backend.b},
                         {DNNL_ARG_DST, backend.c},
                         {DNNL_ARG_SCRATCHPAD, backend.scratchpad}};
    if (spec.bias) {
      backend.bias = memory(bias, cpu_engine(), nullptr);
      backend.arguments.emplace(DNNL_ARG_BIAS, backend.bias);
    }
    if (made.weights_desc() != b) {
      dnnl::primitive_attr pack_attributes;
      pack_attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
      const dnnl::reorder::primitive_desc pack(cpu_engine(), b, cpu_engine(), made.weights_desc(),
                                               pack_attributes);
      backend.pack_b = dnnl::reorder(pack);
      backend.b_packed = memory(made.weights_desc(), cpu_engine(), nullptr);
      backend.packed_bytes = aligned_size(made.weights_desc().get_size());
      backend.scratchpad_bytes =
          std::max(backend.scratchpad_bytes, pack.scratchpad_desc().get_size());
      backend.arguments[DNNL_ARG_WEIGHTS] = backend.b_packed;
      backend.pack_arguments = {{DNNL_ARG_FROM, backend.b},
                                {DNNL_ARG_TO, backend.b_packed},
                                {DNNL_ARG_SCRATCHPAD, backend.scratchpad}};
    }
  } catch (const dnnl::error& error) {
    fail(ErrorKind::internal, "oneDNN refuses the product m = {}, n = {}, k = {}: {}", spec.m,
         spec.n, spec.k, error.what());
  }
}

GemmPlan::~GemmPlan() = default;
GemmPlan::GemmPlan(GemmPlan&&) noexcept = default;
GemmPlan& GemmPlan::operator=(GemmPlan&&) noexcept = default;

size_t GemmPlan::workspace_bytes() const {
  return backend_->packed_bytes + backend_->scratchpad_bytes;
}

void GemmPlan::run(const Context& context, ConstTensorView a, ConstTensorView b, TensorView c,
                   ConstTensorView bias) const {
  check_size("A", a, spec_.m * spec_.k);
  check_size("B", b, spec_.k * spec_.n);
  check_size("C", c, spec_.m * spec_.n);
  if (spec_.bias) {
    check_size("bias", bias, spec_.n);
  } else {
    check(bias.empty(), ErrorKind::internal, "a bias is given to a product made without one");
  }
  check_workspace("GemmPlan::run", context, workspace_bytes());
  Backend& backend = *backend_;
  // oneDNN takes every handle as void*; it only reads A, B and the bias.
  backend.a.set_data_handle(const_cast<void*>(a.raw()), backend.stream);
  backend.b.set_data_handle(const_cast<void*>(b.raw()), backend.stream);
  backend.c.set_data_handle(c.raw(), backend.stream);
  if (spec_.bias) backend.bias.set_data_handle(const_cast<void*>(bias.raw()), backend.stream);
  backend.scratchpad.set_data_handle(context.workspace.data() + backend.packed_bytes,
                                     backend.stream);
  try {
    if (backend.packed_bytes > 0) {
      backend.b_packed.set_data_handle(context.workspace.data(), backend.stream);
      backend.pack_b.execute(backend.stream, backend.pack_arguments);
    }
    backend.primitive.execute(backend.stream, backend.arguments);
  } catch (const dnnl::error& error) {
    fail(ErrorKind::internal, "oneDNN failed in the product m = {}, n = {}, k = {}: {}", spec_.m,
         spec_.n, spec_.k, error.what());
  }
}

}  // namespace weft::kernels
