"""Language models with the layout of the published weights of GPT-2 and BERT.

``GPT2.from_pretrained(path)`` and ``BERT.from_pretrained(path)`` read Hugging Face's files
(``model.safetensors``, ``pytorch_model.bin``), or the folder that holds them.
"""

from fastgrad.text.models.bert import (
    BERT,
    BERTConfig,
    BERTForPreTraining,
    BERTForSequenceClassification,
)
from fastgrad.text.models.gpt2 import GPT2, GPT2Config

__all__ = [
    "BERT",
    "GPT2",
    "BERTConfig",
    "BERTForPreTraining",
    "BERTForSequenceClassification",
    "GPT2Config",
]
