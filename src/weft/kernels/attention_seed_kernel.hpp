#pragma once

#include "weft/base/philox.hpp"
#include "weft/kernels/isa.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// What cuDNN draws an attention's dropout from: a seed of the layer's key and the microbatch's
/// first sample, so that forward, backward and a forward that is run again see one mask. For one
/// thread, since samples are of device memory.
struct AttentionSeed {
  philox::Key key;
  const int64_t* samples_B;
  int64_t* random;  ///< seed and offset

  WEFT_HOST_DEVICE void operator()() const {
    // Elements' draws count from 0.
    constexpr uint64_t kBehindElements = ~uint64_t{0};
    const philox::Block block = philox::generate(
        key, philox::counter(kBehindElements, static_cast<uint64_t>(samples_B[0])));
    random[0] = static_cast<int64_t>(uint64_t{block.word[1]} << 32 | block.word[0]);
    random[1] = 0;
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
