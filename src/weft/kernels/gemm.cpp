#include "weft/kernels/gemm.hpp"

#include <algorithm>
#include <optional>

#include "weft/kernels/checks.hpp"
#include "weft/kernels/cuda_kernels.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/gemm_backend.hpp"
#include "weft/kernels/onednn_product.hpp"
#include "weft/tensor/arena.hpp"

namespace weft::kernels {

namespace {

void check_spec(const GemmSpec& spec) {
  check(spec.m > 0 && spec.n > 0 && spec.k > 0, ErrorKind::internal,
        "matrix product of sizes m = {}, n = {}, k = {}; every size must be at least 1", spec.m,
        spec.n, spec.k);
  const bool known =
      spec.dtype == DType::f32 || spec.dtype == DType::bf16 || spec.dtype == DType::f16;
  check(known && (spec.c_dtype == spec.dtype || spec.c_dtype == DType::f32), ErrorKind::internal,
        "matrix product of {} into {}; expected f32, bf16 or f16 into the same or f32",
        name(spec.dtype), name(spec.c_dtype));
}

/// Rows of C that are computed at once from converted operands: panels of at most 32 MB.
int64_t panel_rows(const GemmSpec& spec) {
  constexpr int64_t kElements = int64_t{8} << 20;
  constexpr int64_t kStep = 64;
  const int64_t width = std::max(spec.k, spec.c_dtype == DType::f32 ? spec.k : spec.n);
  const int64_t most = std::max(kStep, kElements / width / kStep * kStep);
  return std::min(spec.m, most);
}

/// The product of `rows` rows of C on operands converted to f32.
GemmSpec panel_spec(const GemmSpec& spec, int64_t rows) {
  GemmSpec panel = spec;
  panel.m = rows;
  panel.a_stride = 0;
  panel.dtype = DType::f32;
  panel.c_dtype = DType::f32;
  return panel;
}

/// The type in which the f32 product `panel` takes a B of `dtype`: bf16 stays where B is packed,
/// which converts it in the same pass. oneDNN does that with AVX-512, whatever set the stream has.
DType b_type(DType dtype, const GemmSpec& panel) {
  const bool packs = dtype == DType::bf16 && OneDnnProduct::packs_b(panel) &&
                     best_instruction_set() == InstructionSet::v4;
  return packs ? dtype : DType::f32;
}

ConstTensorView at(ConstTensorView matrix, int64_t element, int64_t count) {
  const auto* bytes = static_cast<const std::byte*>(matrix.raw());
  return {bytes + static_cast<size_t>(element) * size_of(matrix.dtype()), matrix.dtype(), {count}};
}

TensorView at(TensorView matrix, int64_t element, int64_t count) {
  auto* bytes = static_cast<std::byte*>(matrix.raw());
  return {bytes + static_cast<size_t>(element) * size_of(matrix.dtype()), matrix.dtype(), {count}};
}

}  // namespace

bool runs_in_f32(const Stream& stream, DType dtype) {
  if (stream.queue() != nullptr) return false;
  return dtype == DType::f16 ||
         (dtype == DType::bf16 && !multiplies_bf16_fast(stream.instruction_set()));
}

namespace {

/// One product of oneDNN, or one for each panel of A and C, converted to f32 as B is.
class CpuGemm final : public GemmBackend {
 public:
  CpuGemm(const Stream& stream, const GemmSpec& spec)
      : spec_(spec), converts_(runs_in_f32(stream, spec.dtype)) {
    if (!converts_) {
      whole_.emplace(spec);
      return;
    }
    const int64_t rows = panel_rows(spec);
    const auto make = [&spec](int64_t count) {
      const GemmSpec panel = panel_spec(spec, count);
      return OneDnnProduct(panel, b_type(spec.dtype, panel));
    };
    whole_ = make(rows);
    if (spec.m % rows != 0) rest_ = make(spec.m % rows);
  }

  size_t workspace_bytes() const override {
    size_t bytes = whole_->workspace_bytes();
    if (rest_) bytes = std::max(bytes, rest_->workspace_bytes());
    if (!converts_) return bytes;
    Arena counting;
    take_panels(counting);
    return counting.used_bytes() + bytes;
  }

  void run(const Context& context, ConstTensorView a, ConstTensorView b, TensorView c,
           const EpilogueTensors& tensors) const override {
    const ConstTensorView bias = tensors.bias;
    if (!converts_) {
      whole_->run(context.workspace.data(), a.raw(), b.raw(), c.raw(), bias.raw());
      return;
    }
    Arena arena(context.workspace.data(), context.workspace.size());
    const Panels panels = take_panels(arena);
    if (!panels.b.empty()) convert(context, b, panels.b);
    if (spec_.bias) convert(context, bias, panels.bias);
    for (int64_t first = 0; first < spec_.m; first += panel_rows(spec_)) {
      const int64_t rows = std::min(panel_rows(spec_), spec_.m - first);
      run_panel(context, first, rows, a, b, panels, c);
    }
  }

 private:
  /// Operands of one panel in f32. C is only needed where the result is rounded.
  struct Panels {
    TensorView a;
    TensorView b;  ///< empty where every product packs B as it is
    TensorView c;
    TensorView bias;
    size_t bytes = 0;
  };

  Panels take_panels(Arena& arena) const {
    Panels panels;
    const bool rest_reads_b = rest_ && rest_->b_dtype() == DType::f32;
    if (whole_->b_dtype() == DType::f32 || rest_reads_b) panels.b = arena.take({spec_.k, spec_.n});
    panels.a = arena.take({panel_rows(spec_), spec_.k});
    if (rounds()) panels.c = arena.take({panel_rows(spec_), spec_.n});
    if (spec_.bias) panels.bias = arena.take({spec_.n});
    panels.bytes = arena.used_bytes();
    return panels;
  }

  void run_panel(const Context& context, int64_t first, int64_t rows, ConstTensorView a,
                 ConstTensorView b, const Panels& panels, TensorView c) const {
    const int64_t stored_rows = spec_.transpose_a ? spec_.k : rows;
    const int64_t columns = spec_.transpose_a ? rows : spec_.k;
    const int64_t start = spec_.transpose_a ? first : first * spec_.a_row();
    const TensorView a_panel(panels.a.raw(), DType::f32, {stored_rows, columns});
    convert_rows(context, at(a, start, columns), spec_.a_row(), a_panel);
    const TensorView c_rows = at(c, first * spec_.n, rows * spec_.n);
    const TensorView c_panel = rounds() ? at(panels.c, 0, rows * spec_.n) : c_rows;
    if (spec_.accumulate && rounds()) convert(context, c_rows, c_panel);
    const OneDnnProduct& product = rows == panel_rows(spec_) ? *whole_ : *rest_;
    const void* b_read = product.b_dtype() == DType::f32 ? panels.b.raw() : b.raw();
    product.run(context.workspace.data() + panels.bytes, panels.a.raw(), b_read, c_panel.raw(),
                panels.bias.raw());
    if (rounds()) convert(context, c_panel, c_rows);
  }

  bool rounds() const { return spec_.c_dtype != DType::f32; }

  GemmSpec spec_;
  bool converts_;
  std::optional<OneDnnProduct> whole_;
  std::optional<OneDnnProduct> rest_;
};

}  // namespace

GemmPlan::GemmPlan(const Stream& stream, const GemmSpec& spec) : spec_(spec) {
  check_spec(spec);
  if (stream.queue() != nullptr) {
    backend_ = stream.queue()->kernels().make_gemm(stream, spec);
  } else {
    backend_ = std::make_unique<CpuGemm>(stream, spec);
  }
}

GemmPlan::GemmPlan(const GemmSpec& spec, Epilogue epilogue, std::unique_ptr<GemmBackend> backend)
    : spec_(spec), epilogue_(epilogue), backend_(std::move(backend)) {}

std::optional<GemmPlan> GemmPlan::fused(const Stream& stream, const GemmSpec& spec,
                                        Epilogue epilogue) {
  check_spec(spec);
  if (stream.queue() == nullptr || (has_aux(epilogue) && spec.n % kAuxStep != 0)) return {};
  auto backend = stream.queue()->kernels().make_fused_gemm(stream, spec, epilogue);
  if (backend == nullptr) return {};
  return GemmPlan(spec, epilogue, std::move(backend));
}

GemmPlan::~GemmPlan() = default;
GemmPlan::GemmPlan(GemmPlan&&) noexcept = default;
GemmPlan& GemmPlan::operator=(GemmPlan&&) noexcept = default;

size_t GemmPlan::workspace_bytes() const { return backend_->workspace_bytes(); }

void GemmPlan::check_operands(const Context& context, ConstTensorView a, ConstTensorView b,
                              TensorView c) const {
  check_size("A", a, spec_.m * spec_.k, spec_.dtype);
  check_size("B", b, spec_.k * spec_.n, spec_.dtype);
  check_size("C", c, spec_.m * spec_.n, spec_.c_dtype);
  check_workspace("GemmPlan::run", context, workspace_bytes());
}

void GemmPlan::run(const Context& context, ConstTensorView a, ConstTensorView b, TensorView c,
                   ConstTensorView bias) const {
  check(epilogue_ == Epilogue::none, ErrorKind::internal, "a fused product runs by run_fused");
  check_operands(context, a, b, c);
  if (spec_.bias) {
    check_size("bias", bias, spec_.n, spec_.dtype);
  } else {
    check(bias.empty(), ErrorKind::internal, "a bias is given to a product made without one");
  }
  backend_->run(context, a, b, c, {.bias = bias, .bias_sum = {}, .aux_out_MN = {}, .aux_MN = {}});
}

void GemmPlan::run_fused(const Context& context, ConstTensorView a, ConstTensorView b, TensorView c,
                         const EpilogueTensors& tensors) const {
  check_operands(context, a, b, c);
  if (adds_bias(epilogue_)) check_size("bias", tensors.bias, spec_.n, spec_.c_dtype);
  if (sums_bias(epilogue_)) {
    check_size("bias sum", tensors.bias_sum,
               epilogue_ == Epilogue::left_bias_sum ? spec_.m : spec_.n, spec_.c_dtype);
  }
  if (has_aux(epilogue_)) {
    check_size("aux", writes_aux(epilogue_) ? ConstTensorView(tensors.aux_out_MN) : tensors.aux_MN,
               spec_.m * spec_.n, spec_.c_dtype);
  }
  backend_->run(context, a, b, c, tensors);
}

}  // namespace weft::kernels
