"""One measurement of `train.py`: transformers' T5 1.1 training on the same tokens.

Needs torch and transformers, and nothing of the package.
"""

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import transformers

from benchmarks.build.measure import peak_megabytes, print_result, take_turns

# embed, layers, heads, MLP, as in flan_tasks.specs.model_config.
SIZES = {
    "mini": (256, 4, 4, 768),
    "small": (512, 8, 6, 1024),
    "base": (768, 12, 12, 2048),
    "large": (1024, 24, 16, 2816),
    "xl": (2048, 24, 32, 5120),
}
# Padded to a multiple of these, which tensor cores want.
MULTIPLE = 8
# Batches sorted by length together, as transformers' LengthGroupedSampler does.
GROUP = 50
WARMUP = 3

Batch = dict[str, torch.Tensor]


def make_model(size: str, attention: str) -> transformers.T5ForConditionalGeneration:
    """T5 1.1 of a size, from random weights."""
    embed, layers, heads, mlp = SIZES[size]
    config = transformers.T5Config(
        vocab_size=32_128,
        d_model=embed,
        d_kv=64,
        d_ff=mlp,
        num_layers=layers,
        num_heads=heads,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        dropout_rate=0.0,
        decoder_start_token_id=0,
        use_cache=False,
    )
    config._attn_implementation = attention
    model = transformers.T5ForConditionalGeneration(config)
    # transformers 5 ties the head of fresh models whatever the configuration says.
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    return model


def dense_batches(held: Any, rows: int) -> Iterator[Batch]:
    """The packed rows' tokens without segments; padding is filled, so that none is masked."""
    inputs, targets = held["encoder_input_tokens"], held["decoder_target_tokens"]
    for start in range(0, len(inputs) - rows + 1, rows):
        pair = inputs[start : start + rows], targets[start : start + rows]
        ids, labels = (torch.from_numpy(np.where(a == 0, 3, a)).long() for a in pair)
        yield {"input_ids": ids, "labels": labels}


def grouped_batches(held: Any, rows: int) -> Iterator[Batch]:
    """Single examples, near in length, each batch padded to its longest."""
    sides = []
    for name in ("input", "target"):
        ends = np.cumsum(held[f"{name}_lengths"])
        sides.append(np.split(held[f"{name}s"], ends[:-1]))
    draw = np.random.default_rng(0)
    order = draw.permutation(len(sides[0]))
    groups = [order[i : i + rows * GROUP] for i in range(0, len(order), rows * GROUP)]
    sizes = held["input_lengths"]
    order = np.concatenate([group[np.argsort(-sizes[group], kind="stable")] for group in groups])
    numbers = [order[i : i + rows] for i in range(0, len(order) - rows + 1, rows)]
    for place in draw.permutation(len(numbers)):
        ids, labels = ([side[n] for n in numbers[place]] for side in sides)
        inputs = padded(ids, 0)
        yield {
            "input_ids": inputs,
            "attention_mask": (inputs != 0).long(),
            "labels": padded(labels, -100),
        }


def padded(rows: list[np.ndarray], fill: int) -> torch.Tensor:
    """Rows as long as the longest, rounded up."""
    longest = -(-max(map(len, rows)) // MULTIPLE) * MULTIPLE
    found = np.full((len(rows), longest), fill, np.int64)
    for row, values in zip(found, rows, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(found)


def useful(batch: Batch, shape: str) -> int:
    """Tokens that are not padding."""
    if shape == "dense":
        return batch["input_ids"].numel() + batch["labels"].numel()
    return int(batch["attention_mask"].sum()) + int((batch["labels"] != -100).sum())


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--size", required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--attention", required=True)
    parser.add_argument("--shape", choices=["dense", "grouped"], required=True)
    parser.add_argument("--turns", action="store_true", help="a step for each line that is read")
    given = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    model = make_model(given.size, given.attention).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=device == "cuda")
    # Compiling for a CPU takes a C++ compiler and minutes, and the figures are of no use.
    forward = model
    if device == "cuda":
        forward = torch.compile(model, dynamic=given.shape == "grouped")
    with np.load(given.data) as held:
        make = dense_batches if given.shape == "dense" else grouped_batches
        batches = list(make(held, given.rows))
    autocast = torch.autocast(device, torch.bfloat16, enabled=given.dtype == "bfloat16")

    def step(batch: Batch) -> torch.Tensor:
        placed = {name: value.to(device, non_blocking=True) for name, value in batch.items()}
        with autocast:
            loss = forward(**placed).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def settle() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    if given.turns:

        def one(number: int) -> None:
            step(batches[number % len(batches)])
            settle()

        sizes = [batch["input_ids"].numel() + batch["labels"].numel() for batch in batches]
        take_turns(one, [useful(batch, given.shape) for batch in batches], sizes, WARMUP)

    # Grouped batches go through once before the clock, as each length may compile anew.
    warmup = WARMUP if given.shape == "dense" or device == "cpu" else len(batches)
    losses = [step(batches[number % len(batches)]) for number in range(warmup)]
    settle()
    used = [batches[number % len(batches)] for number in range(given.steps)]
    begun = time.perf_counter()
    losses += [step(batch) for batch in used]
    settle()
    seconds = time.perf_counter() - begun
    positions = sum(batch["input_ids"].numel() + batch["labels"].numel() for batch in used)
    memory = torch.cuda.max_memory_allocated() if device == "cuda" else peak_megabytes() * 1e6
    print_result(
        step=seconds / given.steps,
        rows=given.rows,
        useful=sum(useful(batch, given.shape) for batch in used) / seconds,
        positions=positions / seconds,
        memory=memory,
        device=torch.cuda.get_device_name() if device == "cuda" else "cpu",
        losses=[float(losses[0]), float(losses[-1])],
        versions={"torch": torch.__version__, "transformers": transformers.__version__},
    )


if __name__ == "__main__":
    main()
