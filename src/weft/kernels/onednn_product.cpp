#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <unordered_map>

#include "weft/base/error.hpp"
#include "weft/kernels/onednn_product.hpp"

// The only file that knows oneDNN (written for 2.6; version 3 differs in how descriptors are made).

namespace weft::kernels {

namespace {

using dnnl::memory;

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::data_type type_of(DType dtype) {
  return dtype == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
}

memory::desc matrix(int64_t rows, int64_t columns, bool transposed, DType dtype) {
  return {{rows, columns},
          type_of(dtype),
          transposed ? memory::format_tag::ba : memory::format_tag::ab};
}

memory::desc matrix_a(const GemmSpec& spec) {
  const memory::dims strides =
      spec.transpose_a ? memory::dims{1, spec.a_row()} : memory::dims{spec.a_row(), 1};
  return {{spec.m, spec.k}, type_of(spec.dtype), strides};
}

}  // namespace

struct OneDnnProduct::Objects {
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

OneDnnProduct::OneDnnProduct(const GemmSpec& spec, DType b_dtype)
    : spec_(spec), b_dtype_(b_dtype), objects_(std::make_unique<Objects>()) {
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
    const memory::desc a = matrix_a(spec);
    const memory::desc b = matrix(spec.k, spec.n, spec.transpose_b, b_dtype);
    const memory::desc b_any({spec.k, spec.n}, type_of(spec.dtype), memory::format_tag::any);
    const memory::desc c = matrix(spec.m, spec.n, false, spec.c_dtype);
    const memory::desc bias = matrix(1, spec.n, false, spec.dtype);
    const memory::desc& b_wanted = packs_b(spec) ? b_any : b;
    const dnnl::matmul::desc description =
        spec.bias ? dnnl::matmul::desc(a, b_wanted, bias, c) : dnnl::matmul::desc(a, b_wanted, c);
    const dnnl::matmul::primitive_desc made(description, attributes, cpu_engine());

    Objects& objects = *objects_;
    objects.stream = dnnl::stream(cpu_engine());
    objects.primitive = dnnl::matmul(made);
    objects.a = memory(a, cpu_engine(), nullptr);
    objects.b = memory(b, cpu_engine(), nullptr);
    objects.c = memory(c, cpu_engine(), nullptr);
    objects.scratchpad = memory(made.scratchpad_desc(), cpu_engine(), nullptr);
    objects.scratchpad_bytes = made.scratchpad_desc().get_size();
    objects.arguments = {{DNNL_ARG_SRC, objects.a},
                         {DNNL_ARG_WEIGHTS, objects.b},
                         {DNNL_ARG_DST, objects.c},
                         {DNNL_ARG_SCRATCHPAD, objects.scratchpad}};
    if (spec.bias) {
      objects.bias = memory(bias, cpu_engine(), nullptr);
      objects.arguments.emplace(DNNL_ARG_BIAS, objects.bias);
    }
    if (made.weights_desc() != b) {
      dnnl::primitive_attr pack_attributes;
      pack_attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
      const dnnl::reorder::primitive_desc pack(cpu_engine(), b, cpu_engine(), made.weights_desc(),
                                               pack_attributes);
      objects.pack_b = dnnl::reorder(pack);
      objects.b_packed = memory(made.weights_desc(), cpu_engine(), nullptr);
      objects.packed_bytes = aligned_size(made.weights_desc().get_size());
      objects.scratchpad_bytes =
          std::max(objects.scratchpad_bytes, pack.scratchpad_desc().get_size());
      objects.arguments[DNNL_ARG_WEIGHTS] = objects.b_packed;
      objects.pack_arguments = {{DNNL_ARG_FROM, objects.b},
                                {DNNL_ARG_TO, objects.b_packed},
                                {DNNL_ARG_SCRATCHPAD, objects.scratchpad}};
    }
  } catch (const dnnl::error& error) {
    fail(ErrorKind::internal, "oneDNN refuses the product m = {}, n = {}, k = {} of {}: {}", spec.m,
         spec.n, spec.k, name(spec.dtype), error.what());
  }
}

OneDnnProduct::~OneDnnProduct() = default;
OneDnnProduct::OneDnnProduct(OneDnnProduct&&) noexcept = default;
OneDnnProduct& OneDnnProduct::operator=(OneDnnProduct&&) noexcept = default;

size_t OneDnnProduct::workspace_bytes() const {
  return objects_->packed_bytes + objects_->scratchpad_bytes;
}

void OneDnnProduct::run(std::byte* workspace, const void* a, const void* b, void* c,
                        const void* bias) const {
  Objects& objects = *objects_;
  // oneDNN takes every handle as void*; it only reads A, B and the bias.
  objects.a.set_data_handle(const_cast<void*>(a), objects.stream);
  objects.b.set_data_handle(const_cast<void*>(b), objects.stream);
  objects.c.set_data_handle(c, objects.stream);
  if (spec_.bias) objects.bias.set_data_handle(const_cast<void*>(bias), objects.stream);
  objects.scratchpad.set_data_handle(workspace + objects.packed_bytes, objects.stream);
  try {
    if (objects.packed_bytes > 0) {
      objects.b_packed.set_data_handle(workspace, objects.stream);
      objects.pack_b.execute(objects.stream, objects.pack_arguments);
    }
    objects.primitive.execute(objects.stream, objects.arguments);
  } catch (const dnnl::error& error) {
    fail(ErrorKind::internal, "oneDNN failed in the product m = {}, n = {}, k = {} of {}: {}",
         spec_.m, spec_.n, spec_.k, name(spec_.dtype), error.what());
  }
}

}  // namespace weft::kernels
