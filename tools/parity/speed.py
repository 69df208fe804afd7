#!/usr/bin/env python3
"""Training speed of GPT-2 124M beside PyTorch's, step against step in one sitting.

Runs `weft bench train` and the reference's peers/gpt_torch.py in turns (fp32, and bf16 with
torch.compile), prints tokens per second of both and their ratio, and peak memory.
"""

import argparse
import json
import pathlib
import subprocess
import sys

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--weft", required=True)
parser.add_argument("--reference", required=True)
parser.add_argument("--batch", default="4")
parser.add_argument("--steps", default="3")
arguments = parser.parse_args()

peer = pathlib.Path(arguments.reference) / "peers" / "gpt_torch.py"
if not peer.is_file():
    sys.exit(f"cannot find {peer}; WEFT_REFERENCE_DIR names the folder that holds peers/")


def last_json(command):
    """The JSON object on the command's last line."""
    print("+", " ".join(command), flush=True)
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


def weft(dtype):
    flags = ["--bf16"] if dtype == "bf16" else []
    return last_json([arguments.weft, "bench", "train", "--model", "gpt2-124m", "--seq-length", "1024",
                      "--micro-batch-size", arguments.batch, "--steps", arguments.steps, "--json", *flags])


def torch(dtype):
    flags = ["--compile"] if dtype == "bf16" else []
    return last_json([sys.executable, str(peer), "--dtype", dtype, "--batch", arguments.batch,
                      "--steps", arguments.steps, *flags])


for dtype in ("fp32", "bf16"):
    theirs = torch(dtype)
    ours = weft(dtype)
    print("  peer:", json.dumps(theirs))
    print(f"  weft {dtype}: {ours['tokens_per_s']:.0f} tokens/s, {ours['fraction']:.3f} of the rate of matrix "
          f"products, {ours['peak_bytes'] / 1e9:.2f} GB (planned {ours['planned_bytes'] / 1e9:.2f} GB)")
    rate = theirs.get("tokens_per_s")
    if rate:
        print(f"  weft / torch in {dtype}: {ours['tokens_per_s'] / rate:.2f}", flush=True)
