"""Text: vocabularies, tokenizers, datasets, decoding, measures and language models.

The names are those of *Dive into Deep Learning*, torchtext and nanoGPT where they have one.
"""

from fastgrad.text import models
from fastgrad.text.bpe import BPETokenizer
from fastgrad.text.corpora import letters_only, read_text, strip_gutenberg, tokenize
from fastgrad.text.decoding import beam_search, filter_logits, generate, sample
from fastgrad.text.hugging_face import HuggingFaceTokenizer
from fastgrad.text.metrics import bleu, bleu_score, perplexity
from fastgrad.text.pairs import (
    BucketBatchSampler,
    SentencePairs,
    pad_batch,
    read_pairs,
    truncate_pad,
)
from fastgrad.text.partitions import (
    LanguageModelDataset,
    SeqDataLoader,
    get_batch,
    seq_data_iter_random,
    seq_data_iter_sequential,
)
from fastgrad.text.pretraining import mask_tokens, next_sentence_pairs, pair_inputs
from fastgrad.text.sampling import NegativeSampler, skip_gram_pairs, subsample
from fastgrad.text.tokenizers import CharTokenizer, Tokenizer, WordTokenizer
from fastgrad.text.vocabulary import Vocab

__all__ = [
    "BPETokenizer",
    "BucketBatchSampler",
    "CharTokenizer",
    "HuggingFaceTokenizer",
    "LanguageModelDataset",
    "NegativeSampler",
    "SentencePairs",
    "SeqDataLoader",
    "Tokenizer",
    "Vocab",
    "WordTokenizer",
    "beam_search",
    "bleu",
    "bleu_score",
    "filter_logits",
    "generate",
    "get_batch",
    "letters_only",
    "mask_tokens",
    "models",
    "next_sentence_pairs",
    "pad_batch",
    "pair_inputs",
    "perplexity",
    "read_pairs",
    "read_text",
    "sample",
    "seq_data_iter_random",
    "seq_data_iter_sequential",
    "skip_gram_pairs",
    "strip_gutenberg",
    "subsample",
    "tokenize",
    "truncate_pad",
]
