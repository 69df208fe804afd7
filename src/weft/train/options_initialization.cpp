// The option table, part "regularisation and initial weights": data, one entry per option.
#include "weft/train/option_table.hpp"

namespace weft::train {

std::span<const OptionSpec> initialization_options() {
  static constexpr OptionSpec kOptions[] = {
      {"attention_dropout", "--attention-dropout", OptionKind::real, "0.1", "", ListSize::one,
       OptionGroup::initialization, OptionOrigin::logged, "probability", "drop attention weights",
       OptionStatus::acts, "OptionEffects.Dropout"},
      {"hidden_dropout", "--hidden-dropout", OptionKind::real, "0.1", "", ListSize::one,
       OptionGroup::initialization, OptionOrigin::logged, "probability",
       "drop after the embedding, the attention and the MLP", OptionStatus::acts,
       "OptionEffects.Dropout"},
      {"init_method_std", "--init-method-std", OptionKind::real, "0.02", "", ListSize::one,
       OptionGroup::initialization, OptionOrigin::logged, "", "spread of the initial weights",
       OptionStatus::acts, "OptionEffects.ModelSizes"},
      {"init_method_xavier_uniform", "--init-method-xavier-uniform", OptionKind::set_true, "False",
       "", ListSize::one, OptionGroup::initialization, OptionOrigin::logged, "",
       "draw initial weights Xavier-uniform", OptionStatus::acts, "OptionEffects.InitialWeights"},
      {"perform_initialization", "--no-initialization", OptionKind::set_false, "True", "",
       ListSize::one, OptionGroup::initialization, OptionOrigin::logged, "",
       "draw no initial weights: a checkpoint has them", OptionStatus::acts,
       "OptionEffects.InitialWeights"},
      {"use_cpu_initialization", "--use-cpu-initialization", OptionKind::set_true, "None", "",
       ListSize::one, OptionGroup::initialization, OptionOrigin::logged, "",
       "draw initial weights on the host", OptionStatus::no_effect,
       "initial weights depend on seed and parameter name, on no device"},
      {"seed", "--seed", OptionKind::integer, "1234", "", ListSize::one,
       OptionGroup::initialization, OptionOrigin::logged, "",
       "starts every random stream: weights, dropout, data order", OptionStatus::acts,
       "OptionEffects.Seed"},
      {"data_parallel_random_init", "--data-parallel-random-init", OptionKind::set_true, "False",
       "", ListSize::one, OptionGroup::initialization, OptionOrigin::logged, "",
       "different initial weights per replica", OptionStatus::refused,
       "all replicas start alike; leave the option out"},
      {"init_model_with_meta_device", "--init-model-with-meta-device", OptionKind::set_true,
       "False", "", ListSize::one, OptionGroup::initialization, OptionOrigin::logged, "",
       "build the model before its memory", OptionStatus::no_effect,
       "weights are drawn once, in place"},
      {"lazy_mpu_init", "--lazy-mpu-init", OptionKind::boolean, "None", "", ListSize::one,
       OptionGroup::initialization, OptionOrigin::logged, "", "leave parallel groups to the caller",
       OptionStatus::refused, "there is no outside process manager; leave the option out"},
  };
  return kOptions;
}

}  // namespace weft::train
