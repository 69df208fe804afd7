// The option table, part "weft's own": data, one entry per option.
#include "weft/train/option_table.hpp"

namespace weft::train {

std::span<const OptionSpec> weft_options() {
  static constexpr OptionSpec kOptions[] = {
      {"config", "--config", OptionKind::text, "None", "", ListSize::one, OptionGroup::weft,
       OptionOrigin::weft, "", "file with options: JSON, or lines name = value", OptionStatus::acts,
       "ConfigCommand.FileEnvironmentAndFlagsInThatOrder"},
      {"model", "--model", OptionKind::text, "None",
       "gpt2-124m|gpt2-350m|gpt2-1.5b|llama-160m|llama-1b|llama-8b", ListSize::one,
       OptionGroup::weft, OptionOrigin::weft, "",
       "fill in the architecture of a published model where no other option does",
       OptionStatus::acts, "ModelPresets.FillWhatNobodyGave"},
      {"dry_run", "--dry-run", OptionKind::set_true, "False", "", ListSize::one, OptionGroup::weft,
       OptionOrigin::weft, "", "everything up to the first step, without its memory",
       OptionStatus::acts, "PretrainCommand.DryRunIsPassedOn"},
      {"metrics_file", "--metrics-file", OptionKind::text, "None", "", ListSize::one,
       OptionGroup::weft, OptionOrigin::weft, "", "file for one JSON line per iteration",
       OptionStatus::acts, "OptionEffects.Logging"},
      {"device", "--device", OptionKind::text, "auto", "", ListSize::one, OptionGroup::weft,
       OptionOrigin::weft, "",
       "auto, cpu, cuda or cuda:N; auto is the first GPU that can be used, else the CPU",
       OptionStatus::acts, "OptionEffects.Device"},
      {"threads_per_rank", "--threads-per-rank", OptionKind::integer, "None", "", ListSize::one,
       OptionGroup::weft, OptionOrigin::weft, "threads",
       "compute threads of a rank; cores / ranks when absent", OptionStatus::acts,
       "OptionEffects.Threads"},
      {"pipeline_schedule", "--pipeline-schedule", OptionKind::text, "None", "", ListSize::one,
       OptionGroup::weft, OptionOrigin::weft, "",
       "order of the pipeline's tasks: a name of weft simulate, dynamic, or a .csv file; 1f1b or "
       "interleaved when absent",
       OptionStatus::acts, "OptionEffects.Pipeline"},
      {"pipeline_mapping", "--pipeline-mapping", OptionKind::text, "auto", "auto|loop|wave",
       ListSize::one, OptionGroup::weft, OptionOrigin::weft, "",
       "how stages lie over the ranks; auto: as the schedule wants, else loop", OptionStatus::acts,
       "OptionEffects.Pipeline"},
      {"dpp_order", "--dpp-order", OptionKind::text, "auto",
       "auto|dfc|bfc|deep|critical-path|megatron-dpp|megatron-dpp-group|megatron-dpp-dfc",
       ListSize::one, OptionGroup::weft, OptionOrigin::weft, "",
       "what --use-dpp prefers; auto follows the best plan for the measured durations and fills "
       "its gaps",
       OptionStatus::acts, "OptionEffects.Pipeline"},
      {"dpp_memory_budget", "--dpp-memory-budget", OptionKind::integer, "None", "", ListSize::one,
       OptionGroup::weft, OptionOrigin::weft, "bytes",
       "activations that a rank may hold with --use-dpp; absent: a little more than 1f1b or "
       "interleaved",
       OptionStatus::acts, "OptionEffects.Pipeline"},
      {"replay_schedule", "--replay-schedule", OptionKind::text, "None", "", ListSize::one,
       OptionGroup::weft, OptionOrigin::weft, "",
       "repeat the order of a commit log (--commit-log, weft simulate)", OptionStatus::acts,
       "OptionEffects.Pipeline"},
      {"commit_log", "--commit-log", OptionKind::text, "None", "", ListSize::one, OptionGroup::weft,
       OptionOrigin::weft, "", "file for what every rank did in the last step, for weft explain",
       OptionStatus::acts, "OptionEffects.Pipeline"},
      {"inject", "--inject", OptionKind::text, "None", "", ListSize::one, OptionGroup::weft,
       OptionOrigin::weft, "",
       "injure messages on purpose, for example delay:rank=1,ms=5 (docs/communication.md)",
       OptionStatus::acts, "OptionEffects.Pipeline"},
      {"json", "--json", OptionKind::set_true, "False", "", ListSize::one, OptionGroup::weft,
       OptionOrigin::weft, "", "results and errors as JSON on stdout", OptionStatus::acts,
       "ErrorBlocks.JsonErrorsAreOneObjectOnStdout"},
      {"quiet", "--quiet", OptionKind::set_true, "False", "", ListSize::one, OptionGroup::weft,
       OptionOrigin::weft, "", "results and errors only", OptionStatus::acts,
       "PretrainCommand.QuietDropsWarningsNotErrors"},
  };
  return kOptions;
}

}  // namespace weft::train
