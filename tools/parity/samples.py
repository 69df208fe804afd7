"""weft data sample: training samples against megatron-core's GPTDataset."""

import json
import logging
import tempfile
import warnings
from pathlib import Path

import indexed_files
import peer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import megatron.core
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig

# seed, split, sequence length, training samples: less than one epoch, several, one document a split...
CASES = [
    (1234, "949,50,1", 512, 320),
    (1234, "100,0,0", 1024, 100),
    (1, "949,50,1", 64, 3000),
    (42, "969,30,1", 128, 2000),
    (42, "98,2,0", 2048, 500),
    (7, "1,1,1", 33, 10000),
    (2026, "80,10,10", 1, 5000),
    (99, "90,5,5", 300, 1),
]


class Vocabulary:
    """What GPTDataset asks of a tokenizer."""

    vocab_size = indexed_files.GPT2_VOCAB_SIZE
    eod = indexed_files.GPT2_EOD
    pad = -1
    special_tokens_dict = {}
    unique_identifiers = {"class": "GPT2BPETokenizer"}


def megatron_samples(prefix, case, indices, cache):
    seed, split, length, num_samples = case
    config = GPTDatasetConfig(
        random_seed=seed, sequence_length=length, blend=([str(prefix)], None), split=split, path_to_cache=str(cache),
        tokenizer=Vocabulary(), reset_position_ids=False, reset_attention_mask=False, eod_mask_loss=False,
        create_attention_mask=False)
    train, _, _ = BlendedMegatronDatasetBuilder(GPTDataset, [num_samples, 0, 0], lambda: True, config).build()
    return [(train[i]["tokens"].tolist(), train[i]["labels"].tolist()) for i in indices]


def weft_samples(weft, prefix, case, indices, cache):
    seed, split, length, num_samples = case
    out = peer.run(weft, "data", "sample", "--data-path", prefix, "--split", split, "--seed", seed, "--seq-length", length,
                   "--train-samples", num_samples, "--data-cache-path", cache, "--index", ",".join(map(str, indices)),
                   "--json")
    lines = [json.loads(line) for line in out.decode().splitlines()]
    if [line["index"] for line in lines] != list(indices):
        raise SystemExit(f"weft data sample answered other indices than {indices}")
    return [(line["tokens"], line["labels"]) for line in lines]


def main():
    options = peer.arguments(__doc__)
    logging.disable(logging.WARNING)
    verdict = peer.Verdict()
    print(f"megatron-core {megatron.core.__version__}")
    tokenizer = indexed_files.gpt2_tokenizer(options.vocab, options.merges)
    documents = [[tokenizer.encode(text).ids] for text in peer.read_news(options.news)]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        prefix = folder / "news_text_document"
        indexed_files.write_indexed(prefix, documents, append_eod=True)
        for case in CASES:
            num_samples = case[3]
            indices = sorted({0, 1, num_samples // 3, num_samples // 2, num_samples - 2, num_samples - 1} | set(range(50)))
            indices = [i for i in indices if 0 <= i < num_samples]
            theirs = megatron_samples(prefix, case, indices, folder / "their_cache")
            ours = weft_samples(options.weft, prefix, case, indices, folder / "our_cache")
            names = (f"index {i}" for i in indices)
            verdict.compare("samples of seed %d, split %s, length %d, %d samples" % case,
                            zip(names, ours, theirs, strict=True))
    verdict.end()


if __name__ == "__main__":
    main()
