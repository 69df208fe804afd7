"""weft preprocess: its .bin and .idx against megatron-core's IndexedDatasetBuilder, byte for byte."""

import json
import tempfile
from pathlib import Path

import megatron.core

import indexed_files
import peer

EDGE_LINES = [
    {"text": ""},
    {"text": "one"},
    {"text": "caf\u00e9 \u4f60\u597d \U0001f600 \u0000 <|endoftext|>"},
    {"text": ["Two sentences.", "In a list."]},
    {"text": ["", "first is empty", ""]},
    {"text": [""]},
    {"text": []},
    {"text": " \n\n "},
    {"text": "last", "other": 1},
]


def documents_of(tokenizer, lines):
    values = [line["text"] for line in lines]
    return [[tokenizer.encode(text).ids for text in (value if isinstance(value, list) else [value])] for value in values]


def main():
    options = peer.arguments(__doc__)
    verdict = peer.Verdict()
    print(f"megatron-core {megatron.core.__version__}")
    tokenizer = indexed_files.gpt2_tokenizer(options.vocab, options.merges)
    news = [{"text": text} for text in peer.read_news(options.news)]
    corpora = {"news": news, "edge cases": EDGE_LINES, "no line": [], "news and edge cases": news[:100] + EDGE_LINES}
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, lines in corpora.items():
            documents = documents_of(tokenizer, lines)
            source = folder / "input.jsonl"
            source.write_text("".join(json.dumps(line) + "\n" for line in lines))
            for append_eod in (False, True):
                indexed_files.write_indexed(folder / "theirs", documents, append_eod)
                for workers in (1, 3):
                    peer.run(options.weft, "preprocess", "--input", source, "--tokenizer-type", "GPT2BPETokenizer",
                             "--vocab-file", options.vocab, "--merge-file", options.merges, "--output-prefix",
                             folder / "ours", "--workers", workers, *(["--append-eod"] if append_eod else []))
                    for suffix in (".bin", ".idx"):
                        ours = (folder / f"ours_text_document{suffix}").read_bytes()
                        theirs = (folder / f"theirs{suffix}").read_bytes()
                        cases.append((f"{name}, eod {append_eod}, {workers} workers, {suffix}", ours, theirs))
    total = sum(len(theirs) for _, _, theirs in cases)
    verdict.compare(f"files of weft preprocess ({total} bytes)", cases)
    verdict.end()


if __name__ == "__main__":
    main()
