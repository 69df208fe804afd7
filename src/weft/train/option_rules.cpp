#include "weft/train/option_rules.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "weft/device/device_choice.hpp"
#include "weft/train/batch_rules.hpp"
#include "weft/train/learning_rate_rules.hpp"
#include "weft/train/model_rules.hpp"
#include "weft/train/option_table.hpp"
#include "weft/train/parallel_rules.hpp"
#include "weft/train/pipeline_rules.hpp"
#include "weft/train/precision_rules.hpp"

namespace weft::train {

namespace {

constexpr int64_t kLargest = 1'000'000;
constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

std::string flag_of(std::string_view name) {
  const OptionSpec* spec = find_option(name);
  return std::string(spec == nullptr ? name : main_flag(*spec));
}

/// Collects problems; one method per family of rules.
class Rules {
 public:
  explicit Rules(const OptionValues& values) : values_(values) {}

  std::vector<OptionProblem> check() {
    sizes();
    append(check_model_kind(values_));
    append(check_precision(values_));
    append(check_recompute(values_));
    ranks();
    batches();
    length();
    learning_rate();
    optimizer();
    data();
    tokenizer();
    intervals();
    return std::move(problems_);
  }

 private:
  void add(std::string message, std::string hint) {
    problems_.push_back({std::move(message), std::move(hint)});
  }

  void append(std::vector<OptionProblem> problems) {
    for (OptionProblem& problem : problems) problems_.push_back(std::move(problem));
  }

  void require(bool holds, std::string message, std::string hint) {
    if (!holds) add(std::move(message), std::move(hint));
  }

  bool both_given(const char* a, const char* b) const {
    return values_.given(a) && values_.given(b);
  }

  // True when the value is there and inside [low, high].
  bool integer_between(const char* name, int64_t low, int64_t high = kUnlimited) {
    const auto value = values_.maybe_integer(name);
    if (!value) return false;
    if (*value >= low && *value <= high) return true;
    add(fmt::format("{} is out of range (got {}, expected {})", flag_of(name), *value,
                    high == kUnlimited || *value < low ? fmt::format("at least {}", low)
                                                       : fmt::format("at most {}", high)),
        flag_of(name));
    return false;
  }

  // Sizes beyond kLargest would overflow the products that they take part in.
  bool required(const char* name, int64_t low) {
    if (!values_.is_none(name)) return integer_between(name, low, kLargest);
    add(fmt::format("{} argument is None (got nothing, expected a number)", name),
        flag_of(name) + " N");
    return false;
  }

  // Real numbers are finite and at least `low`, and below `limit`.
  bool real_between(const char* name, double low,
                    double limit = std::numeric_limits<double>::infinity()) {
    const auto value = values_.maybe_real(name);
    if (!value) return false;
    if (std::isfinite(*value) && *value >= low && *value < limit) return true;
    add(fmt::format("{} is out of range (got {}, expected {})", flag_of(name), print_python(*value),
                    std::isinf(limit) ? fmt::format("at least {}", low)
                                      : fmt::format("at least {} and below {}", low, limit)),
        flag_of(name));
    return false;
  }

  void sizes();
  void ranks();
  void batches();
  void length();
  void iteration_based();
  void sample_based();
  void learning_rate();
  void decay_lengths(bool samples);
  void optimizer();
  void data();
  void tokenizer();
  void intervals();

  const OptionValues& values_;
  std::vector<OptionProblem> problems_;
};

void Rules::sizes() {
  require(!both_given("num_layers", "encoder_num_layers"),
          "cannot have both num-layers and encoder-num-layers specified", "--num-layers alone");
  require(!both_given("seq_length", "encoder_seq_length"),
          "cannot have both seq-length and encoder-seq-length specified", "--seq-length alone");
  required("num_layers", 1);
  const bool hidden = required("hidden_size", 1);
  const bool heads = required("num_attention_heads", 1);
  const bool positions = required("max_position_embeddings", 1);
  const bool length = required("seq_length", 1);
  if (values_.given("ffn_hidden_size")) integer_between("ffn_hidden_size", 1, kLargest);
  if (values_.given("kv_channels")) integer_between("kv_channels", 1, kLargest);
  if (hidden && heads && !values_.given("kv_channels")) {
    require(values_.integer("hidden_size") % values_.integer("num_attention_heads") == 0,
            fmt::format("hidden size is not divisible by the attention heads (got {} and {}, "
                        "expected a multiple)",
                        values_.integer("hidden_size"), values_.integer("num_attention_heads")),
            "--kv-channels, or another --num-attention-heads");
  }
  if (positions && length) {
    const int64_t rows = values_.integer("max_position_embeddings");
    const int64_t tokens = values_.integer("seq_length");
    require(rows >= tokens,
            fmt::format("max_position_embeddings ({}) must be greater than or equal to seq_length "
                        "({}).",
                        rows, tokens),
            fmt::format("--max-position-embeddings {}", tokens));
  }
  real_between("hidden_dropout", 0.0, 1.0);
  real_between("attention_dropout", 0.0, 1.0);
  real_between("init_method_std", 0.0);
  if (real_between("norm_epsilon", 0.0)) {
    require(values_.real("norm_epsilon") > 0.0,
            "--norm-epsilon is out of range (got 0.0, expected more than 0)",
            "--norm-epsilon 1e-5");
  }
  integer_between("make_vocab_size_divisible_by", 1, kLargest);
  integer_between("seed", 1, std::numeric_limits<uint32_t>::max());
}

void Rules::ranks() {
  append(check_parallel(values_));
  append(check_pipeline(values_));
}

void Rules::batches() {
  const bool micro = required("micro_batch_size", 1);
  if (values_.is_none("global_batch_size") || !micro) return;
  if (integer_between("global_batch_size", 1, kLargest)) append(check_batches(values_));
}

void Rules::length() {
  const bool iterations = !values_.is_none("train_iters");
  const bool samples = !values_.is_none("train_samples");
  require(iterations || samples, "either train-iters or train-samples should be provided.",
          "--train-iters N");
  if (iterations) {
    integer_between("train_iters", 0, kLongestTraining);
    iteration_based();
  } else if (samples) {
    integer_between("train_samples", 1, kLongestTraining);
    sample_based();
  }
}

void Rules::iteration_based() {
  require(values_.is_none("train_samples"), "expected iteration-based training",
          "--train-iters without --train-samples");
  require(values_.is_none("lr_decay_samples"), "expected iteration-based learning rate decay",
          "--lr-decay-iters");
  require(values_.integer("lr_warmup_samples") == 0,
          "expected iteration-based learning rate warmup", "--lr-warmup-iters");
  require(values_.is_none("rampup_batch_size"),
          "expected no batch-size rampup for iteration-based training",
          "--train-samples instead of --train-iters");
  require(values_.is_none("lr_wsd_decay_samples"),
          "expected iteration-based learning rate decay (got --lr-wsd-decay-samples)",
          "--lr-wsd-decay-iters");
  require(values_.is_none("lr_warmup_fraction") || values_.integer("lr_warmup_iters") == 0,
          "can only specify one of lr-warmup-fraction and lr-warmup-iters", "one of them");
  decay_lengths(false);
}

void Rules::sample_based() {
  require(values_.is_none("lr_decay_iters"), "expected sample-based learning rate decay",
          "--lr-decay-samples");
  require(values_.integer("lr_warmup_iters") == 0, "expected sample-based learnig rate warmup",
          "--lr-warmup-samples");
  require(values_.is_none("lr_wsd_decay_iters"),
          "expected sample-based learning rate decay (got --lr-wsd-decay-iters)",
          "--lr-wsd-decay-samples");
  require(values_.is_none("lr_warmup_fraction") || values_.integer("lr_warmup_samples") == 0,
          "can only specify one of lr-warmup-fraction and lr-warmup-samples", "one of them");
  decay_lengths(true);
}

void Rules::decay_lengths(bool samples) {
  const char* total = samples ? "train_samples" : "train_iters";
  const char* decay = samples ? "lr_decay_samples" : "lr_decay_iters";
  const char* warmup = samples ? "lr_warmup_samples" : "lr_warmup_iters";
  const char* tail = samples ? "lr_wsd_decay_samples" : "lr_wsd_decay_iters";
  if (!integer_between(warmup, 0)) return;
  if (!values_.is_none(decay) && !integer_between(decay, 1)) return;
  const int64_t end = values_.is_none(decay) ? values_.integer(total) : values_.integer(decay);
  const int64_t start = values_.integer(warmup);
  // A run of no iterations only evaluates, so its schedule is never asked.
  require(start < end || (end == 0 && start == 0),
          fmt::format("the warm-up is not shorter than the decay (got {} and {}, expected less)",
                      start, end),
          flag_of(warmup));
  real_between("lr_warmup_fraction", 0.0, 1.0);
  if (values_.text("lr_decay_style") != "WSD") return;
  if (values_.is_none(tail)) {
    add("the WSD schedule has no last part (got nothing, expected its length)",
        flag_of(tail) + " N");
  } else if (integer_between(tail, 1)) {
    require(values_.integer(tail) <= end,
            fmt::format("{} is longer than the decay (got {}, expected at most {})", flag_of(tail),
                        values_.integer(tail), end),
            flag_of(tail));
  }
}

void Rules::learning_rate() {
  append(check_decoupled_rates(values_));
  const bool floor = real_between("min_lr", 0.0);
  const bool start = real_between("lr_warmup_init", 0.0);
  if (values_.is_none("lr")) {
    add("lr argument is None (got nothing, expected a learning rate)", "--lr 3e-4");
    return;
  }
  if (!real_between("lr", 0.0)) return;
  const double peak = values_.real("lr");
  require(!floor || values_.real("min_lr") <= peak,
          fmt::format("--min-lr is above --lr (got {}, expected at most {})",
                      print_python(values_.at("min_lr")), print_python(peak)),
          "--min-lr");
  require(!start || values_.real("lr_warmup_init") <= peak,
          fmt::format("--lr-warmup-init is above --lr (got {}, expected at most {})",
                      print_python(values_.at("lr_warmup_init")), print_python(peak)),
          "--lr-warmup-init");
}

void Rules::optimizer() {
  real_between("adam_beta1", 0.0, 1.0);
  real_between("adam_beta2", 0.0, 1.0);
  real_between("adam_eps", 0.0);
  real_between("sgd_momentum", 0.0, 1.0);
  real_between("clip_grad", 0.0);
  real_between("weight_decay", 0.0);
  const bool ends = values_.given("start_weight_decay") || values_.given("end_weight_decay");
  if (values_.text("weight_decay_incr_style") == "constant") {
    require(!ends,
            "a constant weight decay has no ends (got --start-weight-decay or --end-weight-decay, "
            "expected --weight-decay alone)",
            "--weight-decay-incr-style linear");
    return;
  }
  if (values_.is_none("start_weight_decay") || values_.is_none("end_weight_decay")) {
    add(fmt::format("a weight decay ramp needs both ends (got {} and {}, expected numbers)",
                    print_python(values_.at("start_weight_decay")),
                    print_python(values_.at("end_weight_decay"))),
        "--start-weight-decay and --end-weight-decay");
    return;
  }
  if (!real_between("start_weight_decay", 0.0) || !real_between("end_weight_decay", 0.0)) return;
  require(values_.real("end_weight_decay") >= values_.real("start_weight_decay"),
          fmt::format("the weight decay ramp falls (got {} to {}, expected a rise)",
                      print_python(values_.at("start_weight_decay")),
                      print_python(values_.at("end_weight_decay"))),
          "--end-weight-decay");
}

void Rules::data() {
  const bool blend = !values_.words("data_path").empty();
  const bool per_split = !values_.words("train_data_path").empty() ||
                         !values_.words("valid_data_path").empty() ||
                         !values_.words("test_data_path").empty();
  const bool blend_file = !values_.text("data_args_path").empty();
  const bool per_split_file = !values_.text("per_split_data_args_path").empty();
  const int sources = int{blend} + int{blend_file} + int{per_split} + int{per_split_file} +
                      int{values_.flag("mock_data")};
  require(sources <= 1,
          "A single data source must be provided in training mode, else None (got more than one of "
          "--data-path, --train-data-path and its siblings, their -args-path files, --mock-data)",
          "one of them");
  require(sources >= 1, "there is no data (got nothing, expected a data set)",
          "--data-path PREFIX, or --mock-data");
  if ((per_split || per_split_file) && !blend) {
    require(!values_.given("split"),
            "--split and per-split paths contradict each other (got both, expected one)",
            "--data-path with --split");
    require(per_split_file || !values_.words("train_data_path").empty(),
            "the training split has no data (got only validation or test data)",
            "--train-data-path PREFIX");
  }
  if (const std::string split = values_.text("split"); values_.given("split")) {
    require(
        parse_split(split).has_value(),
        fmt::format("--split is malformed (got {}, expected up to three shares, not all 0)", split),
        "--split 949,50,1");
  }
  require(values_.text("dataloader_type") != "external",
          "weft does not take an external loader (got external, expected single or cyclic)",
          "--dataloader-type single");
}

void Rules::tokenizer() {
  const std::string type = values_.text("tokenizer_type");
  if (type == "NullTokenizer") {
    if (values_.is_none("vocab_size")) {
      add("NullTokenizer has no vocabulary (got nothing, expected its size)", "--vocab-size N");
    } else {
      integer_between("vocab_size", 1, std::numeric_limits<int32_t>::max() - 1);
    }
    return;
  }
  if (type != "GPT2BPETokenizer") {
    add(fmt::format("the tokenizer is not supported (got {}, expected GPT2BPETokenizer or "
                    "NullTokenizer)",
                    type),
        "--tokenizer-type GPT2BPETokenizer");
    return;
  }
  for (const char* file : {"vocab_file", "merge_file"}) {
    require(!values_.text(file).empty(),
            fmt::format("{} argument is None (got nothing, expected a file for GPT2BPETokenizer)",
                        file),
            flag_of(file) + " FILE");
  }
}

void Rules::intervals() {
  for (const char* name : {"log_interval", "eval_interval", "save_interval", "exit_interval",
                           "tensorboard_log_interval", "tensorboard_queue_size"}) {
    integer_between(name, 1);
  }
  integer_between("eval_iters", 0, kLargest);
  integer_between("exit_duration_in_mins", 0);
  integer_between("threads_per_rank", 1, 4096);
  require(values_.text("device") == "auto" || parse_device(values_.text("device")).has_value(),
          fmt::format("the device is not known (got {}, expected auto, cpu, cuda or cuda:N)",
                      values_.text("device")),
          "--device auto");
  integer_between("ckpt_step", 0);
  require(!values_.flag("override_opt_param_scheduler") ||
              !values_.flag("use_checkpoint_opt_param_scheduler"),
          "both override and use-checkpoint are set.",
          "--override-opt_param-scheduler or --use-checkpoint-opt_param-scheduler, not both");
  require(values_.text("save").empty() || !values_.is_none("save_interval"),
          "--save has no interval (got nothing, expected iterations)", "--save-interval N");
  require(!values_.flag("log_progress") || !values_.text("save").empty(),
          "--log-progress has no directory (got no --save, expected one)", "--save DIR");
}

}  // namespace

std::vector<OptionProblem> check_rules(const OptionValues& values) { return Rules(values).check(); }

std::optional<std::vector<double>> parse_split(std::string_view text) {
  std::vector<double> shares;
  constexpr std::string_view kDigits = ".0123456789";
  for (size_t at = text.find_first_of(kDigits); at != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_not_of(kDigits, at), text.size());
    const std::optional<double> share = parse_real(text.substr(at, end - at));
    if (!share) return std::nullopt;
    shares.push_back(*share);
    at = text.find_first_of(kDigits, end);
  }
  double sum = 0.0;
  for (const double share : shares) sum += share;
  if (shares.size() > 3 || !(sum > 0.0) || text.find('-') != std::string_view::npos) {
    return std::nullopt;
  }
  return shares;
}

}  // namespace weft::train
