"""One measurement of `train.py`: transformers' T5 1.1 or Llama training on the same tokens.

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
from benchmarks.train_shapes import SHAPES, Shape
from benchmarks.train_work import Work, summed, work_of

# Padded to a multiple of these, which tensor cores want.
MULTIPLE = 8
# Batches sorted by length together, as transformers' LengthGroupedSampler does.
GROUP = 50
# No target here.
NO_TARGET = -100
WARMUP = 3

Batch = dict[str, torch.Tensor]


def make_model(shape: Shape, attention: str) -> torch.nn.Module:
    """T5 1.1 or Llama of a shape, from random weights."""
    return (_t5 if shape.kind == "t5" else _llama)(shape, attention)


def _t5(shape: Shape, attention: str) -> torch.nn.Module:
    config = transformers.T5Config(
        vocab_size=shape.padded_vocabulary,
        d_model=shape.embed,
        d_kv=64,
        d_ff=shape.mlp,
        num_layers=shape.layers,
        num_heads=shape.heads,
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


def _llama(shape: Shape, attention: str) -> torch.nn.Module:
    config = transformers.LlamaConfig(
        vocab_size=shape.padded_vocabulary,
        hidden_size=shape.embed,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=64,
        max_position_embeddings=max(shape.lengths),
        tie_word_embeddings=True,
        bos_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
        use_cache=False,
    )
    config._attn_implementation = attention
    return transformers.LlamaForCausalLM(config)


def compile_parts(model: Any, how: str, *, dynamic: bool) -> Any:
    """Returns the model compiled whole, layer by layer, or not at all.

    Layers are alike, so that one is compiled for all, in a fraction of the time. Llama's loss,
    whose logits are its largest arrays, is compiled beside them.
    """
    if how == "model":
        return torch.compile(model, dynamic=dynamic)
    if how == "layers":
        if model.config.model_type == "t5":
            layers = [*model.encoder.block, *model.decoder.block]
        else:
            layers = list(model.model.layers)
            model.loss_function = torch.compile(model.loss_function, dynamic=dynamic)
        for layer in layers:
            layer.compile(dynamic=dynamic)
    return model


def dense_batches(held: Any, rows: int) -> Iterator[Batch]:
    """The packed rows' tokens without segments; padding is filled, so that none is masked."""
    targets = held["decoder_target_tokens"]
    inputs = held["encoder_input_tokens"] if "encoder_input_tokens" in held else targets
    for start in range(0, len(inputs) - rows + 1, rows):
        pair = inputs[start : start + rows], targets[start : start + rows]
        ids, labels = (torch.from_numpy(np.where(a == 0, 3, a)).long() for a in pair)
        yield {"input_ids": ids, "labels": labels}


def grouped_batches(held: Any, rows: int, count: int) -> Iterator[Batch]:
    """Single examples, near in length, each batch padded to its longest.

    Args:
      held: the file's arrays.
      rows: examples of a batch.
      count: batches, taken from short to long at equal steps, so that few stand for all; in random
        order.
    """
    sides = []
    for name in ("input", "target"):
        if f"{name}s" in held:
            ends = np.cumsum(held[f"{name}_lengths"])
            sides.append(np.split(held[f"{name}s"], ends[:-1]))
    draw = np.random.default_rng(0)
    order = draw.permutation(len(sides[0]))
    groups = [order[i : i + rows * GROUP] for i in range(0, len(order), rows * GROUP)]
    sizes = held["input_lengths"]
    order = np.concatenate([group[np.argsort(-sizes[group], kind="stable")] for group in groups])
    numbers = [order[i : i + rows] for i in range(0, len(order) - rows + 1, rows)]
    steps = np.linspace(0, len(numbers) - 1, min(count, len(numbers))).round().astype(int)
    for place in draw.permutation(steps):
        of_batch = [[side[n] for n in numbers[place]] for side in sides]
        ids = padded(of_batch[0], 0)
        labels = padded(of_batch[-1], NO_TARGET)
        yield {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": labels}


def padded(rows: list[np.ndarray], fill: int) -> torch.Tensor:
    """Rows as long as the longest, rounded up."""
    longest = -(-max(map(len, rows)) // MULTIPLE) * MULTIPLE
    filled = np.full((len(rows), longest), fill, np.int64)
    for row, values in zip(filled, rows, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(filled)


def work_of_batch(batch: Batch, shape: Shape) -> Work:
    """What of a batch is not padding; a dense row is one example."""
    mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
    inputs = mask.sum(1).numpy()
    if shape.kind == "decoder":
        return work_of(inputs)
    return work_of(inputs, (batch["labels"] != NO_TARGET).sum(1).numpy())


def positions_of(batch: Batch, shape: Shape) -> int:
    """Positions of a batch, padding included."""
    targets = batch["labels"].numel() if shape.kind == "t5" else 0
    return batch["input_ids"].numel() + targets


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--size", required=True, choices=SHAPES)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--attention", required=True)
    parser.add_argument("--shape", choices=["dense", "grouped"], required=True)
    parser.add_argument("--compile", choices=["model", "layers", "none"], default="none")
    parser.add_argument("--turns", action="store_true", help="a step for each line that is read")
    given = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    shape = SHAPES[given.size]
    with torch.device(device):
        model = make_model(shape, given.attention).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=device == "cuda")
    forward = compile_parts(model, given.compile, dynamic=given.shape == "grouped")
    with np.load(given.data) as held:
        if given.shape == "dense":
            batches = list(dense_batches(held, given.rows))
        else:
            batches = list(grouped_batches(held, given.rows, given.steps))
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

    works = [work_of_batch(batch, shape) for batch in batches]
    positions = [positions_of(batch, shape) for batch in batches]
    if given.turns:

        def one(number: int) -> None:
            step(batches[number % len(batches)])
            settle()

        take_turns(one, [work.tokens for work in works], positions, WARMUP)

    begun = time.perf_counter()
    losses = [step(batches[0])]
    settle()
    compiling = time.perf_counter() - begun
    # Grouped batches go through once before the clock, as each length may compile anew.
    warmup = WARMUP if given.shape == "dense" or given.compile == "none" else len(batches)
    losses += [step(batches[number % len(batches)]) for number in range(1, warmup)]
    settle()
    used = [number % len(batches) for number in range(given.steps)]
    begun = time.perf_counter()
    losses += [step(batches[number]) for number in used]
    settle()
    seconds = time.perf_counter() - begun
    work = summed([works[number] for number in used])
    memory = torch.cuda.max_memory_allocated() if device == "cuda" else peak_megabytes() * 1e6
    print_result(
        step=seconds / given.steps,
        rows=given.rows,
        useful=work.tokens / seconds,
        positions=sum(positions[number] for number in used) / seconds,
        work=[number / given.steps for number in work],
        memory=memory,
        compiling=compiling,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        device=torch.cuda.get_device_name() if device == "cuda" else "cpu",
        losses=[float(losses[0]), float(losses[-1])],
        versions={"torch": torch.__version__, "transformers": transformers.__version__},
    )


if __name__ == "__main__":
    main()
