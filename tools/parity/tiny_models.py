"""The models of vectors/tiny_models.json in float64 on PyTorch: reproduces their gradient norms, and
says how much of a difference fp32 weights alone make.

The vectors hold weights in float64. A trainer that holds them in fp32 rounds them at the start and after
each update; the second table is the same float64 arithmetic with just this rounding. Tests of an fp32
trainer expect these norms (tests/train/tiny_models_test.cpp).
"""

import argparse
import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F


def initial_weights(model: dict) -> dict[str, torch.Tensor]:
    """Parameter k is scale * sin(0.37 i + 1.3 k + 0.11 (i mod 7)), plus 1 for norm weights."""
    weights = {}
    for k, parameter in enumerate(model["params"]):
        name, shape = parameter["name"], parameter["shape"]
        i = torch.arange(math.prod(shape), dtype=torch.float64)
        scale = 0.2 if "position_embeddings" in name else 0.3 if len(shape) > 1 else 0.1
        wave = scale * torch.sin(0.37 * i + 1.3 * k + 0.11 * (i % 7))
        weights[name] = (wave + (1.0 if name.endswith("norm.weight") else 0.0)).reshape(shape)
    return weights


def microbatch(model: dict, index: int) -> tuple[torch.Tensor, torch.Tensor]:
    batch, sequence = model["batch"], model["seq"]
    i = torch.arange(batch * (sequence + 1)) + 1000 * index
    tokens = ((7 * i * i + 3 * i + 5) % model["config"]["vocab"]).reshape(batch, sequence + 1)
    return tokens[:, :-1], tokens[:, 1:]


def rotate(config: dict, x: torch.Tensor) -> torch.Tensor:
    half = config["head_dim"] // 2
    frequency = config["rotary_base"] ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.outer(torch.arange(x.shape[1], dtype=torch.float64), frequency)[None, :, None, :]
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()], -1)


def mean_loss(model: dict, weights: dict[str, torch.Tensor], tokens: torch.Tensor, labels: torch.Tensor):
    config = model["config"]
    heads, groups, width = config["heads"], config["groups"], config["head_dim"]
    batch, sequence = tokens.shape

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        if config["norm"] == "RMSNorm":
            return F.rms_norm(x, x.shape[-1:], weights[name + ".weight"], config["eps"])
        return F.layer_norm(x, x.shape[-1:], weights[name + ".weight"], weights[name + ".bias"], config["eps"])

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, weights[name + ".weight"], weights.get(name + ".bias"))

    x = weights["embedding.word_embeddings.weight"][tokens]
    if config["pos"] == "learned_absolute":
        x = x + weights["embedding.position_embeddings.weight"][:sequence]
    hidden = torch.triu(torch.ones(sequence, sequence, dtype=torch.bool), 1)
    for layer in range(config["layers"]):
        prefix = f"decoder.layers.{layer}."
        qkv = linear(prefix + "self_attention.linear_qkv", norm(prefix + "input_norm", x))
        # Per group: its query heads, one key head, one value head.
        qkv = qkv.reshape(batch, sequence, groups, heads // groups + 2, width)
        query = qkv[:, :, :, :-2].reshape(batch, sequence, heads, width)
        key, value = qkv[:, :, :, -2], qkv[:, :, :, -1]
        if config["pos"] == "rope":
            query, key = rotate(config, query), rotate(config, key)
        key, value = (t.repeat_interleave(heads // groups, 2) for t in (key, value))
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key) / math.sqrt(width)
        weighted = torch.einsum("bhqk,bkhd->bqhd", scores.masked_fill(hidden, -math.inf).softmax(-1), value)
        x = x + linear(prefix + "self_attention.linear_proj", weighted.reshape(batch, sequence, -1))
        inner = linear(prefix + "mlp.linear_fc1", norm(prefix + "pre_mlp_norm", x))
        if config["swiglu"]:
            gate, up = inner.chunk(2, -1)
            inner = F.silu(gate) * up
        else:
            inner = F.gelu(inner, approximate="tanh")
        x = x + linear(prefix + "mlp.linear_fc2", inner)
    head = "embedding.word_embeddings.weight" if config["tied"] else "output_layer.weight"
    logits = F.linear(norm("decoder.final_norm", x), weights[head])
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


def gradient_norms(model: dict, round_weights: bool) -> list[float]:
    """The norm before clipping of each AdamW step."""
    optimizer = model["optimizer"]
    beta1, beta2 = optimizer["betas"]

    def stored(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.float().double() if round_weights else tensor

    weights = {name: stored(tensor).requires_grad_() for name, tensor in initial_weights(model).items()}
    first = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    second = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    norms = []
    for step in range(1, len(model["steps"]) + 1):
        for tensor in weights.values():
            tensor.grad = None
        for index in range(model["num_microbatches"]):
            (mean_loss(model, weights, *microbatch(model, index)) / model["num_microbatches"]).backward()
        norm = math.sqrt(sum(tensor.grad.square().sum().item() for tensor in weights.values()))
        norms.append(norm)
        clip = min(1.0, optimizer["clip_grad"] / (norm + 1e-6))
        with torch.no_grad():
            for name, tensor in weights.items():
                gradient = tensor.grad * clip
                first[name].lerp_(gradient, 1 - beta1)
                second[name].lerp_(gradient.square(), 1 - beta2)
                size = (second[name] / (1 - beta2**step)).sqrt() + optimizer["eps"]
                decay = optimizer["weight_decay"] if tensor.dim() > 1 else 0.0
                update = first[name] / (1 - beta1**step) / size + decay * tensor
                tensor.copy_(stored(tensor - optimizer["lr"] * update))
    return norms


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weft", help="not used")
    parser.add_argument("--reference", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    vectors = json.loads((arguments.reference / "vectors/tiny_models.json").read_text())
    failures = 0
    for name in ("gpt", "llama_like"):
        expected = [step["grad_norm"] for step in vectors[name]["steps"]]
        errors = [a / b - 1 for a, b in zip(gradient_norms(vectors[name], False), expected)]
        shifts = [a / b - 1 for a, b in zip(gradient_norms(vectors[name], True), expected)]
        failures += max(map(abs, errors)) > 1e-9
        print(f"{name}: float64 against the vector:", " ".join(f"{error:9.1e}" for error in errors))
        print(f"{name}: with weights kept in fp32: ", " ".join(f"{shift:9.2e}" for shift in shifts))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
