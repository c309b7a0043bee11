"""What other programs need beside a toy model: a tokenizer, and a checkpoint of ours."""

import json

import jax
import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from flan_tasks.checkpoints.checkpoint import Checkpoints
from flan_tasks.specs.config import CheckpointConfig


def tokenizer_of(texts, path):
    """A byte-level BPE whose prompts end in </s>, as T5's do."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=1024,
            special_tokens=["<pad>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer.save(str(path / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast"}
    about |= {"eos_token": "</s>", "pad_token": "<pad>"}
    (path / "tokenizer_config.json").write_text(json.dumps(about))
    return path / "tokenizer.json"


def saved(config, params, folder):
    """A checkpoint of ours."""
    checkpoints = Checkpoints(folder, CheckpointConfig())
    placed = jax.tree.map(jax.numpy.asarray, params)
    checkpoints.save(1, placed, {"none": np.zeros(1)}, {"config": {"model": config.to_json()}})
    checkpoints.close()
    return folder
