"""Toy models as other programs read them, with a tokenizer: those of transformers."""

import json

import jax
import numpy as np
from safetensors.numpy import save_file
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


def as_llama(config, params, folder):
    """A decoder's weights under the names that transformers has for them."""
    folder.mkdir()
    layers = params["stack"]["layers"]
    tensors = {
        "model.embed_tokens.weight": params["embedding"]["embedding"],
        "model.norm.weight": params["norm"]["scale"],
        "lm_head.weight": params["head"]["kernel"].T,
    }
    projections = {"query": "q", "key": "k", "value": "v", "out": "o"}
    for layer in range(config.layers):
        head = f"model.layers.{layer}"
        for ours, theirs in (("attention", "input"), ("mlp", "post_attention")):
            scale = layers[f"{ours}_norm"]["scale"][layer]
            tensors[f"{head}.{theirs}_layernorm.weight"] = scale
        for ours, theirs in projections.items():
            kernel = layers["attention"][ours]["kernel"][layer]
            tensors[f"{head}.self_attn.{theirs}_proj.weight"] = kernel.T
        for ours, theirs in (("wi_0", "gate"), ("wi_1", "up"), ("wo", "down")):
            tensors[f"{head}.mlp.{theirs}_proj.weight"] = layers["mlp"][ours]["kernel"][layer].T
    held = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
    settings = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.padded_vocabulary,
        "hidden_size": config.embed,
        "intermediate_size": config.mlp,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "rms_norm_eps": config.norm_epsilon,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 1,
    }
    (folder / "config.json").write_text(json.dumps(settings))
    return folder
