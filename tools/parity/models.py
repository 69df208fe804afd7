"""weft pretrain: losses, gradient norms and AdamW steps of random GPT and Llama models against megatron-core's GPTModel."""

import contextlib
import json
import math
import os
import random
import tempfile
import warnings
from pathlib import Path

import indexed_files
import peer
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import megatron.core
    import megatron.core.transformer.dot_product_attention as dot_product_attention
    from megatron.core import parallel_state, tensor_parallel
    from megatron.core.activations import squared_relu
    from megatron.core.models.gpt.gpt_layer_specs import get_gpt_layer_local_spec
    from megatron.core.models.gpt.gpt_model import GPTModel
    from megatron.core.transformer.transformer_config import TransformerConfig

CASES = 20
# Relative, weft's fp32 against Megatron in fp64. Adam divides by the size of the gradient, so where gradients are
# nearly zero a run amplifies rounding: there weft may be twice as far off as Megatron's own fp32.
TOLERANCE = 1e-5
# The same in bf16, whose numbers have 8 bits; more in a run that amplifies rounding, by as much as Megatron's own fp32
# exceeds its tolerance there.
TOLERANCE_BF16 = 2e-2
ITERATIONS = 6  # the first has learning rate 0, so four steps have shown their effect at the last
BATCH, MICRO_BATCH, VOCABULARY = 4, 2, 128
LEARNING_RATE, WEIGHT_DECAY, CLIP = 1e-2, 0.1, 1.0


def run_on_the_cpu():
    """Megatron asks for CUDA's device and random states where the processor needs neither."""
    torch.cuda.current_device = lambda: torch.device("cpu")

    class NoTracker:
        def fork(self, *_):
            return contextlib.nullcontext()

    for module in (tensor_parallel, tensor_parallel.random, dot_product_attention):
        module.get_cuda_rng_tracker = NoTracker
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29511")
    torch.distributed.init_process_group("gloo", rank=0, world_size=1)
    parallel_state.initialize_model_parallel()


def random_case(number):
    """One architecture, drawn from what weft and Megatron's local layers both build."""
    draw = random.Random(number)
    groups = draw.choice([1, 2, 3])
    heads = groups * draw.choice([1, 2, 4])
    head = draw.choice([4, 8, 10, 16])
    llama = draw.random() < 0.5
    return {
        "layers": draw.choice([1, 2, 3]),
        "heads": heads,
        "groups": groups if draw.random() < 0.7 else heads,
        "head": head,
        "hidden": draw.choice([heads * head, heads * head + 8]),
        "ffn": draw.choice([24, 40, 64]),
        "sequence": draw.choice([9, 16, 33]),
        "norm": "RMSNorm" if llama else draw.choice(["LayerNorm", "RMSNorm"]),
        "activation": "swiglu" if llama else draw.choice(["gelu_tanh", "gelu_erf", "squared_relu", "swiglu"]),
        "positions": "rope" if llama else draw.choice(["learned_absolute", "rope", "none"]),
        "percent": draw.choice([1.0, 0.5]) if head != 10 else 1.0,
        "base": draw.choice([100, 10000]),
        "interleaved": draw.random() < 0.3,
        "bias": not llama and draw.random() < 0.7,
        "qkv_bias": draw.random() < 0.3,
        "qk_norm": draw.random() < 0.4,
        "tied": draw.random() < 0.5,
        "seed": draw.randrange(1, 10**6),
    }


def weft_flags(case):
    """The architecture in weft's flags."""
    flags = ["--num-layers", case["layers"], "--hidden-size", case["hidden"], "--num-attention-heads", case["heads"],
             "--kv-channels", case["head"], "--ffn-hidden-size", case["ffn"], "--seq-length", case["sequence"],
             "--max-position-embeddings", case["sequence"], "--normalization", case["norm"],
             "--position-embedding-type", case["positions"], "--rotary-percent", case["percent"],
             "--rotary-base", case["base"], "--seed", case["seed"], "--init-method-std", "0.2"]
    if case["groups"] != case["heads"]:
        flags += ["--group-query-attention", "--num-query-groups", case["groups"]]
    switches = {"--swiglu": case["activation"] == "swiglu", "--squared-relu": case["activation"] == "squared_relu",
                "--no-bias-gelu-fusion": case["activation"] == "gelu_erf", "--rotary-interleaved": case["interleaved"],
                "--disable-bias-linear": not case["bias"], "--add-qkv-bias": case["qkv_bias"],
                "--qk-layernorm": case["qk_norm"], "--untie-embeddings-and-output-weights": not case["tied"]}
    return flags + [flag for flag, on in switches.items() if on]


def megatron_activation(case):
    name = case["activation"]
    if name == "gelu_tanh" and case["bias"]:
        return lambda x: F.gelu(x, approximate="tanh")
    # Without biases there is no bias fusion either, and GELU is the exact one.
    return {"swiglu": F.silu, "squared_relu": squared_relu}.get(name, F.gelu)


def megatron_model(case, weights):
    config = TransformerConfig(
        num_layers=case["layers"], hidden_size=case["hidden"], num_attention_heads=case["heads"],
        num_query_groups=case["groups"], kv_channels=case["head"], ffn_hidden_size=case["ffn"],
        normalization=case["norm"], add_bias_linear=case["bias"], add_qkv_bias=case["bias"] or case["qkv_bias"],
        qk_layernorm=case["qk_norm"], gated_linear_unit=case["activation"] == "swiglu",
        activation_func=megatron_activation(case), rotary_interleaved=case["interleaved"], hidden_dropout=0.0,
        attention_dropout=0.0, apply_rope_fusion=False, masked_softmax_fusion=False, bias_activation_fusion=False,
        bias_dropout_fusion=False, attention_softmax_in_fp32=False, use_cpu_initialization=True)
    model = GPTModel(
        config, get_gpt_layer_local_spec(qk_layernorm=case["qk_norm"], normalization=case["norm"]), VOCABULARY,
        case["sequence"], position_embedding_type=case["positions"], rotary_percent=case["percent"],
        rotary_base=case["base"], share_embeddings_and_output_weights=case["tied"])
    missing, unexpected = model.load_state_dict(weights, strict=False)
    missing = [name for name in missing if "_extra_state" not in name]
    if missing or unexpected:
        raise SystemExit(f"weights that only one side has: {missing}, {unexpected}")
    return model


def megatron_numbers(case, weights, batches, dtype):
    """Loss and gradient norm of every iteration."""
    model = megatron_model(case, weights).to(dtype)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": WEIGHT_DECAY},
                                   {"params": others, "weight_decay": 0.0}], betas=(0.9, 0.95), eps=1e-8)
    length = case["sequence"]
    positions = torch.arange(length).expand(BATCH, length)
    mask = torch.triu(torch.ones(1, 1, length, length, dtype=torch.bool), diagonal=1)
    numbers = []
    for iteration, (tokens, labels) in enumerate(batches):
        optimizer.zero_grad()
        logits = model(tokens, positions, mask)
        loss = F.cross_entropy(logits.reshape(-1, VOCABULARY), labels.reshape(-1))
        loss.backward()
        gradients = [p.grad for p in model.parameters()]
        norm = math.sqrt(sum(float((g.double() ** 2).sum()) for g in gradients))
        factor = min(1.0, CLIP / (norm + 1e-6))
        for gradient in gradients:
            gradient *= factor
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE if iteration > 0 else 0.0
        optimizer.step()
        numbers.append((loss.item(), norm))
    return numbers


def weft_numbers(weft, case, prefix, folder, *more_flags):
    """Loss and gradient norm of every iteration, and the weights that they start from."""
    metrics, save = folder / "metrics.jsonl", folder / "model"
    peer.run(weft, "pretrain", *weft_flags(case), "--data-path", prefix, "--split", "1,0,0", "--tokenizer-type",
             "NullTokenizer", "--vocab-size", VOCABULARY - 1, "--micro-batch-size", MICRO_BATCH, "--global-batch-size",
             BATCH, "--train-iters", ITERATIONS, "--lr", LEARNING_RATE, "--lr-decay-style", "constant",
             "--lr-warmup-iters", 1, "--weight-decay", WEIGHT_DECAY, "--clip-grad", CLIP, "--adam-beta2", 0.95,
             "--hidden-dropout", 0, "--attention-dropout", 0, "--eval-iters", 0, "--save", save, "--save-interval", 1,
             "--data-cache-path", folder / "cache", "--metrics-file", metrics, "--quiet", *more_flags)
    records = [json.loads(line) for line in metrics.read_text().splitlines()]
    numbers = [(r["lm_loss"], r["grad_norm"]) for r in records if "grad_norm" in r]
    return numbers, load_file(save / "iter_0000001" / "model.safetensors")


def batches_of(weft, case, prefix, folder):
    samples = ITERATIONS * BATCH
    out = peer.run(weft, "data", "sample", "--data-path", prefix, "--split", "1,0,0", "--seed", case["seed"],
                   "--seq-length", case["sequence"], "--train-samples", samples, "--data-cache-path", folder / "cache",
                   "--index", ",".join(map(str, range(samples))), "--json")
    lines = [json.loads(line) for line in out.decode().splitlines()]
    tokens = torch.tensor([line["tokens"] for line in lines]).split(BATCH)
    labels = torch.tensor([line["labels"] for line in lines]).split(BATCH)
    return list(zip(tokens, labels, strict=True))


def compare_case(weft, number, case, prefix, folder):
    """(name, ours, theirs) of each number; equal within the tolerance counts as the same."""
    ours, weights = weft_numbers(weft, case, prefix, folder)
    batches = batches_of(weft, case, prefix, folder)
    exact, single = (megatron_numbers(case, weights, batches, dtype) for dtype in (torch.float64, torch.float32))
    allowed_by_fp32 = 0
    amplification = 1.0
    for iteration, (our, their, rounded) in enumerate(zip(ours, exact, single, strict=True), start=1):
        for what, a, b, c in zip(("loss", "gradient norm"), our, their, rounded, strict=True):
            difference, tolerance = abs(a - b), TOLERANCE * abs(b)
            amplification = max(amplification, abs(c - b) / tolerance)
            allowed_by_fp32 += tolerance < difference <= 2 * abs(c - b)
            close = difference <= max(tolerance, 2 * abs(c - b))
            yield f"case {number} {case}\n  iteration {iteration} {what}", a if not close else b, b
    in_bf16 = folder / "bf16"
    in_bf16.mkdir()
    for iteration, (our, their) in enumerate(
            zip(weft_numbers(weft, case, prefix, in_bf16, "--bf16")[0], exact, strict=True), start=1):
        for what, a, b in zip(("loss", "gradient norm"), our, their, strict=True):
            close = abs(a - b) <= TOLERANCE_BF16 * amplification * abs(b)
            yield f"case {number} in bf16 {case}\n  iteration {iteration} {what}", a if not close else b, b
    if allowed_by_fp32:
        print(f"  model {number}: {allowed_by_fp32} numbers are beyond {TOLERANCE}, as are those of Megatron's own fp32, "
              f"by up to {amplification:.1f} times")


def main():
    options = peer.arguments(__doc__)
    verdict = peer.Verdict()
    print(f"megatron-core {megatron.core.__version__}")
    run_on_the_cpu()
    draw = random.Random(1)
    documents = [[[draw.randrange(VOCABULARY - 1) for _ in range(draw.randrange(5, 200))]] for _ in range(100)]
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / "random_text_document"
        indexed_files.write_indexed(prefix, documents, append_eod=False)
        for number in range(CASES):
            case = random_case(number)
            case_folder = Path(folder) / str(number)
            case_folder.mkdir()
            what = "{norm} {activation} {positions} heads {heads}/{groups} tied {tied}".format(**case)
            verdict.compare(f"model {number}: {what}", compare_case(options.weft, number, case, prefix, case_folder))
    verdict.end()


if __name__ == "__main__":
    main()
