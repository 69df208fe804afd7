#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>

#include "weft/device/compute_device.hpp"
#include "weft/kernels/context.hpp"
#include "weft/selftest/check_result.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::selftest {

/// One tensor with the same contents on the CPU and on the device under test.
struct Twin {
  Tensor host;
  Tensor device;
};

/// The two sides of a check: makes tensors on both, runs the same calls on both and compares what
/// they wrote. Relative errors are |device - cpu| / |cpu| in the 2-norm.
class Twins {
 public:
  explicit Twins(const ComputeDevice& device);

  /// Normal numbers with this deviation, other ones in every call.
  Twin& normal(Shape shape, DType dtype, float deviation = 1.0F, float mean = 0.0F);
  /// Numbers of [0, limit), i64.
  Twin& ids(Shape shape, int64_t limit);
  /// As normal, of positive numbers.
  Twin& positive(Shape shape, DType dtype);
  /// What a kernel writes: not-a-numbers, so that an element that it leaves out is found.
  Twin& output(Shape shape, DType dtype);
  Twin& zeros(Shape shape, DType dtype);

  /// One side of a run.
  class Side {
   public:
    Side(Stream& stream, std::span<std::byte> workspace, bool on_device)
        : context{stream, workspace}, on_device_(on_device) {}
    TensorView operator()(Twin& twin) const {
      return on_device_ ? twin.device.view() : twin.host.view();
    }
    std::span<const int64_t> ids(Twin& twin) const {
      const TensorView view = (*this)(twin);
      return {view.data<int64_t>(), static_cast<size_t>(view.num_elements())};
    }
    kernels::Context context;

   private:
    bool on_device_;
  };
  /// Calls `body` for the CPU, then for the device, and waits for it.
  void run(const std::function<void(const Side&)>& body);
  /// Calls `body` for the device alone.
  void run_on_device(const std::function<void(const Side&)>& body);

  /// Relative error of what the device has written; not a number where it left something out.
  double error(const Twin& twin) const;
  /// The device's contents.
  Tensor download(const Twin& twin) const;
  /// Forgets all tensors.
  void clear() { twins_.clear(); }

  Stream& cpu() { return cpu_; }
  Stream& device_stream() { return device_stream_; }

 private:
  Twin& add(Shape shape, DType dtype);
  void upload(Twin& twin) const;

  ComputeDevice device_;
  Stream cpu_;
  Stream device_stream_;
  Buffer host_workspace_;
  Buffer device_workspace_;
  std::deque<Twin> twins_;
  uint64_t drawn_ = 0;
};

/// Largest relative error that a result of `dtype` may have: rounding, and another order of sums.
double tolerance_of(DType dtype);

/// Relative error of `value` from `expected` in the 2-norm; both of one type.
double relative_error(ConstTensorView value, ConstTensorView expected);

/// Calls `body`, which returns the error, and reports what it found; an exception is a failure.
void report_check(const ResultSink& sink, const std::string& group, const std::string& name,
                  double tolerance, const std::function<double()>& body);

}  // namespace weft::selftest
