"""What the comparisons share: their arguments, running weft, and the verdict."""

import argparse
import json
import subprocess
import sys
from pathlib import Path


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--weft", required=True, help="the weft binary")
    parser.add_argument("--reference", required=True, type=Path, help="folder that holds data/")
    parsed = parser.parse_args()
    parsed.vocab = parsed.reference / "data/gpt2/vocab.json"
    parsed.merges = parsed.reference / "data/gpt2/merges.txt"
    parsed.news = parsed.reference / "data/news.jsonl"
    return parsed


def run(binary, *words, stdin=b""):
    """Standard output of a weft command; ends the comparison if the command fails."""
    done = subprocess.run([binary, *map(str, words)], input=stdin, capture_output=True)
    if done.returncode != 0:
        message = done.stderr.decode(errors="replace").strip()
        sys.exit(f"weft {' '.join(map(str, words))}: exit code {done.returncode}\n{message}")
    return done.stdout


def read_news(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


class Verdict:
    """Counts cases, prints the first differences, and gives the exit code."""

    def __init__(self):
        self.failed = False

    def compare(self, what, cases):
        """cases: (name, ours, theirs) for each case."""
        total = different = 0
        for name, ours, theirs in cases:
            total += 1
            if ours == theirs:
                continue
            different += 1
            if different <= 3:
                print(f"  {name}:\n    weft {str(ours)[:300]}\n    peer {str(theirs)[:300]}")
        print(f"{what}: {total} cases, {different} differences")
        self.failed |= different > 0 or total == 0

    def end(self):
        sys.exit(1 if self.failed else 0)
