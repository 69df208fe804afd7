#include "weft/observe/metrics_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::observe {

namespace {

/// Builds one JSON object field by field.
class JsonLine {
 public:
  JsonLine& add(std::string_view key, double value) { return add_raw(key, number(value)); }
  JsonLine& add(std::string_view key, int64_t value) { return add_raw(key, std::to_string(value)); }
  JsonLine& add(std::string_view key, bool value) { return add_raw(key, value ? "true" : "false"); }
  JsonLine& add(std::string_view key, const std::string& value) {
    using nlohmann::json;
    return add_raw(key, json(value).dump(-1, ' ', false, json::error_handler_t::replace));
  }
  std::string finish() const { return text_ + "}"; }

 private:
  /// JSON has no NaN and no infinity. Whole numbers keep a ".0" so that they read as fractions.
  static std::string number(double value) {
    if (!std::isfinite(value)) return "null";
    std::string text = fmt::format("{}", value);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
  }

  JsonLine& add_raw(std::string_view key, std::string_view value) {
    text_ += fmt::format("{}\"{}\":{}", text_.size() > 1 ? "," : "", key, value);
    return *this;
  }

  std::string text_ = "{";
};

}  // namespace

std::string to_json(const IterationRecord& record) {
  JsonLine line;
  line.add("iteration", record.iteration)
      .add("consumed_samples", record.consumed_samples)
      .add("lm_loss", record.lm_loss)
      .add("grad_norm", record.grad_norm)
      .add("loss_scale", record.loss_scale)
      .add("learning_rate", record.learning_rate);
  if (record.decoupled_learning_rate) {
    line.add("decoupled_learning_rate", *record.decoupled_learning_rate);
  }
  return line.add("skipped", record.skipped)
      .add("step_s", record.step_s)
      .add("tokens_per_s", record.tokens_per_s)
      .add("bubble", record.bubble)
      .add("bound_gap", record.bound_gap)
      .add("peak_bytes", record.peak_bytes)
      .finish();
}

std::string to_json(const EvaluationRecord& record) {
  return JsonLine()
      .add("split", record.split)
      .add("iteration", record.iteration)
      .add("lm_loss", record.lm_loss)
      .add("ppl", record.ppl)
      .finish();
}

MetricsFile::MetricsFile(std::filesystem::path path, OpenMode mode)
    : path_(std::move(path)),
      file_(std::fopen(path_.c_str(), mode == OpenMode::append ? "abe" : "wbe")) {
  check(file_ != nullptr, ErrorKind::usage, "cannot open --metrics-file {} ({})", path_.string(),
        std::strerror(errno));
}

void MetricsFile::write(const IterationRecord& record) { write_line(to_json(record)); }

void MetricsFile::write(const EvaluationRecord& record) { write_line(to_json(record)); }

void MetricsFile::write_line(std::string line) {
  line += '\n';
  const bool written = std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size() &&
                       std::fflush(file_.get()) == 0;
  check(written, ErrorKind::data, "cannot write --metrics-file {} ({})", path_.string(),
        std::strerror(errno));
}

}  // namespace weft::observe
