"""Byte-level BPE: encoding, decoding and training against Hugging Face's tokenizers."""

import json
import random
import tempfile
import unicodedata
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import peer

NUM_RANDOM_LINES = 20000


def assigned_characters():
    """Assigned code points of Python's Unicode version, so that a newer one cannot differ."""
    skipped = ("Cn", "Cs")
    return [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in skipped and c != 10]


def random_lines():
    random.seed(1)
    everything = assigned_characters()
    frequent = list("      ''''stremvld.,-019AZ\t\r\x1c\x85\xa0\u1680\u180e\u2003\u200b\u2028\u3000\u0301\u2160")
    lines = []
    for _ in range(NUM_RANDOM_LINES):
        weights = random.choice([0.1, 0.5, 0.9])
        length = random.randrange(1, 60)
        lines.append("".join(random.choice(everything if random.random() < weights else frequent) for _ in range(length)))
    return lines


def byte_level(model):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def compare_encoding(options, verdict, what, lines):
    theirs = byte_level(models.BPE.from_file(str(options.vocab), str(options.merges)))
    expected = [encoding.ids for encoding in theirs.encode_batch(lines, add_special_tokens=False)]
    pair = ["--vocab-file", options.vocab, "--merge-file", options.merges]
    text = "".join(line + "\n" for line in lines).encode()
    out = peer.run(options.weft, "tokenizer", "encode", *pair, "--json", stdin=text)
    ours = [json.loads(line) for line in out.decode().splitlines()]
    verdict.compare(f"{what} ({sum(map(len, expected))} tokens)", zip(map(repr, lines), ours, expected, strict=True))
    back = peer.run(options.weft, "tokenizer", "decode", *pair, stdin=out)
    verdict.compare(f"{what}, decoded again", [("all lines", back == text, True)])


def compare_training(options, verdict, text, vocab_size):
    """Trains on one text; both count pairs rarer than 2 as too rare."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "text").write_bytes(text.encode())
        peer.run(options.weft, "tokenizer", "train", "--input", folder / "text", "--vocab-size", vocab_size,
                 "--output", folder / "ours")
        theirs = byte_level(models.BPE())
        theirs.train_from_iterator([text], trainers.BpeTrainer(
            vocab_size=vocab_size - 1, min_frequency=2, show_progress=False, special_tokens=[],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
        (folder / "theirs").mkdir()
        theirs.model.save(str(folder / "theirs"))
        merges = [(folder / name / "merges.txt").read_text().splitlines()[1:] for name in ("ours", "theirs")]
        verdict.compare(f"merges learnt for {vocab_size} tokens",
                        ((f"merge {i}", *pair) for i, pair in enumerate(zip(*merges, strict=True))))
        loaded = byte_level(models.BPE.from_file(str(folder / "ours/vocab.json"), str(folder / "ours/merges.txt")))
        verdict.compare("weft's pair loaded by tokenizers",
                        [("size", vocab_size, loaded.get_vocab_size()),
                         ("text", loaded.decode(loaded.encode(text).ids), text)])


def main():
    options = peer.arguments(__doc__)
    verdict = peer.Verdict()
    news = peer.read_news(options.news)
    print(f"tokenizers {tokenizers.__version__}, Unicode {unicodedata.unidata_version} in Python")
    compare_encoding(options, verdict, "random Unicode lines", random_lines())
    compare_encoding(options, verdict, "lines of news.jsonl", [line for text in news for line in text.split("\n")])
    compare_training(options, verdict, "\n".join(news), 4096)
    verdict.end()


if __name__ == "__main__":
    main()
