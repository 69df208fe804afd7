#pragma once

#include "weft/device/compute_device.hpp"
#include "weft/selftest/check_result.hpp"

// What `weft selftest` runs, group by group. Each compares the device with the CPU on the same
// random numbers; on the CPU itself that is a check of the checks.

namespace weft::selftest {

/// Every kernel of kernels::KernelTable in every element type, for sizes that fill packs and for
/// odd ones.
void check_kernels(const ComputeDevice& device, const ResultSink& sink);

/// The products of linear layers (reference/cuda.md 1.1) in every element type.
void check_products(const ComputeDevice& device, const ResultSink& sink);

/// Attention forward and backward, with grouped queries, odd sizes, documents and dropout, and with
/// a cache.
void check_attention(const ComputeDevice& device, const ResultSink& sink);

/// Small GPT and Llama models: 20 steps on the CPU and on the device, the device's bits repeated,
/// the memory plan against the memory taken.
void check_training(const ComputeDevice& device, const ResultSink& sink);

}  // namespace weft::selftest
