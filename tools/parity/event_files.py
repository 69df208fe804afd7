"""weft pretrain --tensorboard-dir: its curves and texts as TensorBoard's own reader finds them, against --metrics-file."""

import json
import struct
import tempfile
from pathlib import Path

import peer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

ITERATIONS = 6
FLAGS = f"""
--num-layers 2 --hidden-size 32 --num-attention-heads 4 --seq-length 32 --max-position-embeddings 32
--micro-batch-size 2 --global-batch-size 4 --train-iters {ITERATIONS} --lr 1e-2 --mock-data --split 8,1,1
--tokenizer-type NullTokenizer --vocab-size 4095 --log-interval 1 --eval-interval 3 --eval-iters 1 --timing-log-level 2
--log-throughput --log-params-norm --log-timers-to-tensorboard --log-validation-ppl-to-tensorboard
--log-memory-to-tensorboard --log-world-size-to-tensorboard
""".split()

# Tags with one point per iteration, of Megatron's names.
OVER_BOTH = ["learning-rate", "batch-size", "lm loss", "loss-scale", "world-size", "grad-norm", "num-zeros", "params-norm"]
OVER_ITERATIONS = [
    "forward-backward-time", "optimizer-time", "batch-generator-time", "iteration-time", "throughput",
    "mem-reserved-bytes", "mem-allocated-bytes", "mem-max-allocated-bytes", "mem-allocated-count",
]
EVALUATIONS = ["lm loss validation", "lm loss validation ppl", "lm loss test", "lm loss test ppl"]

FIELDS = {"lm loss": "lm_loss", "grad-norm": "grad_norm", "learning-rate": "learning_rate", "loss-scale": "loss_scale"}


def fp32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def with_samples(tags):
    return [name for tag in tags for name in (tag, tag + " vs samples")]


def curve(events, tag):
    return [(event.step, event.value) for event in events.Scalars(tag)]


def text(events, tag):
    return tensor_util.make_ndarray(events.Tensors(tag)[0].tensor_proto)[0].decode()


def block(output):
    """The argument block's names and values."""
    lines = output.decode().splitlines()
    first = next(i for i, line in enumerate(lines) if " arguments " in line)
    last = next(i for i, line in enumerate(lines) if " end of arguments " in line)
    for line in lines[first + 1:last]:
        name, _, value = line.strip().partition(" ")
        yield name, value.lstrip(".").removeprefix(" ").strip()


def main():
    arguments = peer.arguments(__doc__)
    verdict = peer.Verdict()
    with tempfile.TemporaryDirectory() as directory:
        curves, metrics = Path(directory) / "curves", Path(directory) / "metrics.jsonl"
        output = peer.run(arguments.weft, "pretrain", *FLAGS, "--tensorboard-dir", curves, "--metrics-file", metrics)
        records = [json.loads(line) for line in metrics.read_text().splitlines()]
        events = EventAccumulator(str(curves), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()

        expected = with_samples(OVER_BOTH) + OVER_ITERATIONS + with_samples(EVALUATIONS)
        tags = events.Tags()
        verdict.compare("tags of curves", [("all", sorted(tags["scalars"]), sorted(expected))])
        iterations = [record for record in records if "split" not in record]
        verdict.compare("curves of the metrics file", [
            (tag + suffix, curve(events, tag + suffix), [(r[x], fp32(r[field])) for r in iterations])
            for tag, field in FIELDS.items() for suffix, x in (("", "iteration"), (" vs samples", "consumed_samples"))
        ])
        steps = list(range(1, ITERATIONS + 1))
        verdict.compare("points of every other curve", [
            (tag, [step for step, _ in curve(events, tag)], steps) for tag in OVER_BOTH + OVER_ITERATIONS
        ])
        verdict.compare("evaluations", [
            (f"{name}{suffix}", curve(events, f"lm loss {name}{suffix}"),
             [(r["iteration"], fp32(r[field])) for r in records if r.get("split") == split])
            for split, name in (("valid", "validation"), ("test", "test"))
            for suffix, field in (("", "lm_loss"), (" ppl", "ppl"))
        ])
        verdict.compare("arguments as texts", [
            (name, text(events, name + "/text_summary"), value) for name, value in block(output)
        ])
        verdict.compare("number of texts", [("all", len(tags["tensors"]), len(list(block(output))))])
        texts = events.PluginTagToContent("text")
        verdict.compare("texts of the text plugin", [("tags", sorted(texts), sorted(tags["tensors"]))])
    verdict.end()


main()
