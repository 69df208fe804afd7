"""Megatron-core's own indexed dataset files from documents of token ids."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch
    from megatron.core.datasets.indexed_dataset import DType, IndexedDatasetBuilder

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

GPT2_VOCAB_SIZE = 50257
GPT2_EOD = 50256


def gpt2_tokenizer(vocab, merges):
    tokenizer = Tokenizer(models.BPE.from_file(str(vocab), str(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def write_indexed(prefix, documents, append_eod):
    """documents: a list of sentences of ids each; sentences without ids are dropped."""
    builder = IndexedDatasetBuilder(f"{prefix}.bin", dtype=DType.optimal_dtype(GPT2_VOCAB_SIZE))
    for sentences in documents:
        sentences = [ids for ids in sentences if ids]
        lengths = [len(ids) for ids in sentences]
        tokens = [id for ids in sentences for id in ids]
        if append_eod and tokens:
            tokens.append(GPT2_EOD)
            lengths[-1] += 1
        builder.add_document(torch.tensor(tokens, dtype=torch.int64), lengths)
    builder.finalize(f"{prefix}.idx")
