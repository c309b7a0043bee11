"""What lm-evaluation-harness takes for prompts that `benchmarks.eval` wrote; run by it.

Needs lm_eval, torch and transformers, and not this package. Requests are ids, as the harness has
them once it has tokenized, so its time is of batches and the model alone.
"""

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TQDM_DISABLE": "1"}

import tokenizers
import torch
import transformers
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM


def word_of(number: int) -> str:
    """An id as a word of its own, which no other word holds."""
    return f"<{number}>"


def id_tokenizer(size: int) -> transformers.PreTrainedTokenizerFast:
    """A tokenizer of words that are ids, so that both sides have the same ones."""
    words = tokenizers.models.WordLevel({word_of(n): n for n in range(size)}, unk_token=word_of(2))
    tokenizer = tokenizers.Tokenizer(words)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=word_of(0), eos_token=word_of(1)
    )


def open_model(folder: Path, kind: str, batch: int) -> HFLM:
    """Opens an exported model in the harness."""
    how = {"dtype": torch.float32}
    if kind == "t5":
        # Without it transformers 5 overwrites the head of T5 1.1.
        network = transformers.T5ForConditionalGeneration.from_pretrained(
            folder, tie_word_embeddings=False, **how
        )
    else:
        network = transformers.LlamaForCausalLM.from_pretrained(folder, **how)
    backend = "seq2seq" if kind == "t5" else "causal"
    return HFLM(
        pretrained=network.eval(),
        tokenizer=id_tokenizer(network.config.vocab_size),
        backend=backend,
        device="cpu",
        batch_size=batch,
        max_length=4096,
    )


def rank(model: HFLM, asked: dict) -> list[list[float]]:
    """Returns the log-probability of each option of each prompt."""
    first = _first(model)
    requests = [
        ((f"{number}", f"{place}"), first + prompt, option)
        for number, (prompt, options) in enumerate(
            zip(asked["prompts"], asked["options"], strict=True)
        )
        for place, option in enumerate(options)
    ]
    values = iter(model._loglikelihood_tokens(requests, disable_tqdm=True))
    return [[next(values)[0] for _ in options] for options in asked["options"]]


def _first(model: HFLM) -> list[int]:
    """A decoder reads a first token, 0, which an encoder has none of."""
    return [] if model.backend == "seq2seq" else [0]


def generate(model: HFLM, asked: dict) -> list[list[int]]:
    """Returns the ids written for each prompt."""
    how = {"until": [], "do_sample": False}
    if model.backend == "seq2seq":
        # Its own bound for encoder-decoders is the length of the prompt more.
        how["max_length"] = asked["max_tokens"] + 1
    else:
        how["max_gen_toks"] = asked["max_tokens"]
    first = _first(model)
    texts = [" ".join(map(word_of, first + prompt)) for prompt in asked["prompts"]]
    requests = [
        Instance(request_type="generate_until", doc={}, arguments=(text, how), idx=0)
        for text in texts
    ]
    written = model.generate_until(requests, disable_tqdm=True)
    return [[int(number) for number in re.findall(r"<(\d+)>", text)] for text in written]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("kind", choices=("t5", "decoder"))
    parser.add_argument("asked", type=Path, help="JSON of prompts")
    parser.add_argument("answers", type=Path, help="JSON to write")
    parser.add_argument("--batch", type=int, default=8)
    given = parser.parse_args()
    asked = json.loads(given.asked.read_text())
    transformers.logging.set_verbosity_error()
    model = open_model(given.folder, given.kind, given.batch)
    answer = generate if "max_tokens" in asked else rank
    # Once through what is made at a first call.
    few = {name: x[:2] if isinstance(x, list) else x for name, x in asked.items()}
    answer(model, few)
    cpu, wall = time.process_time(), time.perf_counter()
    answers = answer(model, asked)
    taken = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    given.answers.write_text(json.dumps({**taken, "answers": answers}))
    sys.exit(0)


if __name__ == "__main__":
    main()
