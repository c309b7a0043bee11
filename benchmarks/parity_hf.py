"""Our models beside transformers' on the same random weights, and the fixtures of the tests.

Needs torch and transformers besides the package. `python benchmarks/parity_hf.py` prints the
figures of docs/models.md; `--fixtures` writes tests/fixtures/hf anew instead.
"""

import argparse
import json
import tempfile
from pathlib import Path

import jax
import numpy as np
import torch
import transformers
from safetensors.torch import save_file

from flan_tasks.models.hf import export_hf, import_hf, read_config
from flan_tasks.models.model import Model, ModelConfig, sized
from flan_tasks.vocabulary import BytesVocabulary

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures" / "hf"
# (inputs, targets) in tokens; the long ones reach the last buckets of relative positions.
FEW = [(150, 40), (9, 4), (30, 12), (3, 2)]
MANY = [(400, 100), (60, 20), (40, 6), (250, 64), (100, 30), (140, 2), (12, 90), (5, 1)]
TINY = ModelConfig(
    architecture="t5", vocabulary_size=128, embed=32, layers=2, heads=4, head_dim=8, mlp=48
)
TINY_DECODER = ModelConfig(
    architecture="decoder",
    vocabulary_size=128,
    embed=32,
    layers=2,
    heads=4,
    kv_heads=2,
    head_dim=8,
    mlp=48,
    positions="rope",
    activation="silu",
    inputs_attention="causal",
)


def draw_examples(lengths: list, vocabulary: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random tokens; inputs and targets end in EOS."""
    draw = np.random.default_rng(0)
    made = []
    for sizes in lengths:
        sides = [draw.integers(3, vocabulary, size).astype(np.int32) for size in sizes]
        for side in sides:
            side[-1] = 1
        made.append(tuple(sides))
    return made


def shake(model: torch.nn.Module) -> torch.nn.Module:
    """Moves every parameter, so that ones, zeros and ties hide nothing."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            spread = 0.1 if parameter.ndim == 1 else 0.1 * parameter.std()
            parameter.add_(spread * torch.randn_like(parameter))
    return model.eval()


def random_t5(config: ModelConfig) -> torch.nn.Module:
    """transformers' T5 1.1 of our configuration, with random weights and a head of its own."""
    torch.manual_seed(0)
    theirs = transformers.T5Config(
        vocab_size=config.padded_vocabulary,
        d_model=config.embed,
        d_kv=config.head_dim,
        d_ff=config.mlp,
        num_layers=config.layers,
        num_decoder_layers=config.decoder_layers,
        num_heads=config.heads,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
        dropout_rate=0.0,
    )
    model = transformers.T5ForConditionalGeneration(theirs)
    # transformers 5 ties the head of T5 whatever its configuration says.
    head = torch.randn(config.padded_vocabulary, config.embed) * config.embed**-0.5
    model.lm_head.weight = torch.nn.Parameter(head)
    return shake(model)


def save_t5(model: torch.nn.Module, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    aliases = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
    held = {n: t.contiguous() for n, t in model.state_dict().items() if n not in aliases}
    save_file(held, directory / "model.safetensors", metadata={"format": "pt"})
    settings = model.config.to_dict()
    kept = (
        "vocab_size d_model d_kv d_ff num_layers num_decoder_layers num_heads layer_norm_epsilon "
        "relative_attention_num_buckets relative_attention_max_distance feed_forward_proj "
        "dropout_rate model_type"
    )
    settings = {name: settings[name] for name in kept.split()} | {"tie_word_embeddings": False}
    (directory / "config.json").write_text(json.dumps(settings, indent=2) + "\n")


@torch.no_grad()
def t5_logits(model: torch.nn.Module, inputs: np.ndarray, targets: np.ndarray) -> tuple:
    """Logits [targets, V] and the summed loss of one example."""
    ids, labels = (torch.tensor(side[None].astype(np.int64)) for side in (inputs, targets))
    found = model(input_ids=ids, labels=labels)
    return found.logits[0].numpy(), float(found.loss) * len(targets)


def shifted(tokens: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], tokens[:-1]]).astype(np.int32)


def packed_t5(examples: list, rows: list, lengths: tuple[int, int]) -> dict[str, np.ndarray]:
    """Rows of several examples with T5X's names."""
    shape = {"encoder": lengths[0], "decoder": lengths[1]}
    batch = {}
    for side, length in shape.items():
        for name in ("input_tokens", "segment_ids"):
            batch[f"{side}_{name}"] = np.zeros((len(rows), length), np.int32)
    for r, row in enumerate(rows):
        begin = {"encoder": 0, "decoder": 0}
        for number, which in enumerate(row, start=1):
            inputs, targets = examples[which]
            for side, tokens in (("encoder", inputs), ("decoder", shifted(targets))):
                place = slice(begin[side], begin[side] + len(tokens))
                batch[f"{side}_input_tokens"][r, place] = tokens
                batch[f"{side}_segment_ids"][r, place] = number
                begin[side] = place.stop
    return batch


def loss_of(logits: np.ndarray, targets: np.ndarray) -> float:
    logs = jax.nn.log_softmax(np.asarray(logits))
    return -float(np.take_along_axis(np.asarray(logs), targets[:, None], axis=1).sum())


def compare_t5(name: str, config: ModelConfig, lengths: list, rows: list, sizes: tuple) -> None:
    theirs = random_t5(config)
    examples = draw_examples(lengths, config.vocabulary_size)
    wanted = [t5_logits(theirs, *example) for example in examples]
    model = Model(config)
    with tempfile.TemporaryDirectory() as folder:
        save_t5(theirs, Path(folder) / "theirs")
        params = import_hf(model, Path(folder) / "theirs")
        ours = export_hf(Model(config), params, Path(folder) / "ours", vocabulary=BytesVocabulary())
        loaded = transformers.T5ForConditionalGeneration.from_pretrained(ours).eval()
        # Mapped from a file, weights lie at odd addresses, where torch multiplies in another order.
        for parameter in loaded.parameters():
            parameter.data = parameter.data.clone()
        again = import_hf(model, ours)
        both = [t5_logits(loaded, *example)[0] for example in examples]
        exported = max(abs(a - b[0]).max() for a, b in zip(both, wanted, strict=True))
        held = theirs.state_dict()
        kept = all(torch.equal(t, held[n]) for n, t in loaded.state_dict().items())
    same = jax.tree.all(jax.tree.map(np.array_equal, params, again))

    def report(what: str, found: list) -> None:
        logits = max(np.abs(f - w[0]).max() for f, w in zip(found, wanted, strict=True))
        pairs = zip(found, wanted, examples, strict=True)
        losses = max(abs(loss_of(f, e[1]) - w[1]) / len(e[1]) for f, w, e in pairs)
        print(f"  {what}: logits {logits:.1e}, loss a token {losses:.1e}")

    spread = np.std(np.concatenate([w[0] for w in wanted]))
    print(f"t5 {name}: logits of std {spread:.2f}; largest absolute differences")
    compute = jax.jit(model.logits)
    single = []
    for number in range(len(examples)):
        batch = packed_t5(examples, [[number]], sizes)
        single.append(np.asarray(compute(params, batch))[0][: lengths[number][1]])
    report("one example a row", single)
    batch = packed_t5(examples, rows, sizes)
    together = np.asarray(compute(params, batch))
    found: dict[int, np.ndarray] = {}
    for r, row in enumerate(rows):
        for segment, which in enumerate(row, start=1):
            found[which] = together[r][batch["decoder_segment_ids"][r] == segment]
    report(f"packed in {len(rows)} rows", [found[i] for i in range(len(examples))])
    half = Model(ModelConfig.from_json(config.to_json() | {"dtype": "bfloat16"}))
    coarse = jax.jit(half.logits)
    rough = []
    for number in range(len(examples)):
        batch = packed_t5(examples, [[number]], sizes)
        rough.append(np.asarray(coarse(params, batch))[0][: lengths[number][1]])
    report("bfloat16, one example a row", rough)
    print(f"  exported and loaded by transformers: logits {exported:.1e}, weights bitwise: {kept}")
    print(f"  theirs -> ours -> theirs -> ours bitwise: {same}")


def random_decoder(kind: str, config: ModelConfig) -> torch.nn.Module:
    """A Llama or Gemma of our configuration with random weights."""
    torch.manual_seed(0)
    named = {"llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM)}
    named["gemma"] = (transformers.GemmaConfig, transformers.GemmaForCausalLM)
    settings, network = named[kind]
    act = {"llama": {"hidden_act": "silu"}, "gemma": {"hidden_activation": "gelu_pytorch_tanh"}}
    theirs = settings(
        vocab_size=config.padded_vocabulary,
        hidden_size=config.embed,
        intermediate_size=config.mlp,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        head_dim=config.head_dim,
        rms_norm_eps=config.norm_epsilon,
        tie_word_embeddings=config.tied_head,
        max_position_embeddings=2048,
        **act[kind],
    )
    model = shake(network(theirs))
    if not config.tied_head:
        with torch.no_grad():
            model.lm_head.weight.copy_(torch.randn_like(model.lm_head.weight) * config.embed**-0.5)
    return model


def decoder_params(model: torch.nn.Module, config: ModelConfig, kind: str) -> dict:
    """Our parameters of a Llama or Gemma; Gemma's norms add one, its embedding is scaled later."""
    held = {n: t.detach().numpy().astype(np.float32) for n, t in model.state_dict().items()}
    one = np.float32(1.0 if kind == "gemma" else 0.0)

    def stacked(name: str) -> np.ndarray:
        layers = range(config.layers)
        return np.stack([held[f"model.layers.{layer}.{name}.weight"].T for layer in layers])

    attention = {"query": "q", "key": "k", "value": "v", "out": "o"}
    mlp = {"wi_0": "gate", "wi_1": "up", "wo": "down"}
    scale = np.float32(config.embed**0.5 if kind == "gemma" else 1.0)
    params = {
        "embedding": {"embedding": held["model.embed_tokens.weight"] * scale},
        "norm": {"scale": held["model.norm.weight"] + one},
        "stack": {
            "layers": {
                "attention_norm": {"scale": stacked("input_layernorm") + one},
                "mlp_norm": {"scale": stacked("post_attention_layernorm") + one},
                "attention": {
                    n: {"kernel": stacked(f"self_attn.{t}_proj")} for n, t in attention.items()
                },
                "mlp": {n: {"kernel": stacked(f"mlp.{t}_proj")} for n, t in mlp.items()},
            }
        },
    }
    if not config.tied_head:
        params["head"] = {"kernel": held["lm_head.weight"].T}
    return params


@torch.no_grad()
def decoder_logits(model: torch.nn.Module, pair: tuple) -> np.ndarray:
    """Logits of every token after the first, which is 0, of inputs and targets."""
    tokens = shifted(np.concatenate(pair))[None].astype(np.int64)
    return model(input_ids=torch.tensor(tokens)).logits[0].numpy()


def compare_decoder(kind: str, config: ModelConfig) -> None:
    theirs = random_decoder(kind, config)
    params, model = decoder_params(theirs, config, kind), Model(config)
    compute = jax.jit(model.logits)
    examples = draw_examples(MANY, config.vocabulary_size)
    rows = [[0, 1], [2, 3, 4], [5, 6, 7]]
    batch = {n: np.zeros((3, 600), np.int32) for n in ("tokens", "segments", "positions")}
    for r, row in enumerate(rows):
        begin = 0
        for number, which in enumerate(row, start=1):
            tokens = shifted(np.concatenate(examples[which]))
            place = slice(begin, begin + len(tokens))
            batch["tokens"][r, place], batch["segments"][r, place] = tokens, number
            batch["positions"][r, place] = np.arange(len(tokens))
            begin = place.stop
    named = {
        "decoder_input_tokens": batch["tokens"],
        "decoder_segment_ids": batch["segments"],
        "decoder_positions": batch["positions"],
    }
    together = np.asarray(compute(params, named))
    apart = packed = 0.0
    for r, row in enumerate(rows):
        for number, which in enumerate(row, start=1):
            wanted = decoder_logits(theirs, examples[which])
            alone = np.zeros((1, 600), np.int32)
            alone[0, : len(wanted)] = shifted(np.concatenate(examples[which]))
            found = np.asarray(compute(params, {"decoder_input_tokens": alone}))[0]
            apart = max(apart, np.abs(found[: len(wanted)] - wanted).max())
            found = together[r][batch["segments"][r] == number]
            packed = max(packed, np.abs(found - wanted).max())
    print(f"decoder mini as {kind}: logits of std {np.std(together):.2f}")
    print(f"  one example a row {apart:.1e}, packed in 3 rows {packed:.1e}")


def write_fixtures() -> None:
    """Tiny random models with what transformers computes of them."""
    examples = draw_examples(FEW, TINY.vocabulary_size)
    held = {f"{n}_{i}": s for i, e in enumerate(examples) for n, s in zip("xy", e, strict=True)}
    theirs = random_t5(TINY)
    save_t5(theirs, FIXTURES / "t5")
    assert read_config(FIXTURES / "t5") == TINY
    found = [t5_logits(theirs, *example) for example in examples]
    results = {f"logits_{i}": logits for i, (logits, _) in enumerate(found)}
    np.savez_compressed(FIXTURES / "t5.npz", losses=[x for _, x in found], **held, **results)
    for kind in ("llama", "gemma"):
        config = decoder_config(kind, TINY_DECODER)
        theirs = random_decoder(kind, config)
        params = decoder_params(theirs, config, kind)
        flat = {"/".join(k.key for k in p): x for p, x in jax.tree.leaves_with_path(params)}
        results = {f"logits_{i}": decoder_logits(theirs, e) for i, e in enumerate(examples[1:])}
        small = {n: s for n, s in held.items() if not n.endswith("_0")}
        settings = json.dumps(config.to_json())
        np.savez_compressed(FIXTURES / f"{kind}.npz", config=settings, **flat, **small, **results)


def decoder_config(kind: str, config: ModelConfig) -> ModelConfig:
    changes = {"tied_head": False, "activation": "silu", "inputs_attention": "causal"}
    if kind == "gemma":
        changes |= {"tied_head": True, "activation": "gelu"}
    return ModelConfig.from_json(config.to_json() | changes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fixtures", action="store_true", help="write tests/fixtures/hf anew")
    if parser.parse_args().fixtures:
        write_fixtures()
        return
    print(
        f"torch {torch.__version__}, transformers {transformers.__version__}, "
        f"jax {jax.__version__}; float32, {jax.default_backend()}"
    )
    # With several threads torch sums in an order that changes from run to run.
    torch.set_num_threads(1)
    rows = [[0, 1, 2], [3, 4, 5], [6, 7]]
    compare_t5("mini", sized("t5", "mini", vocabulary_size=384), MANY, rows, (512, 128))
    compare_t5("small", sized("t5", "small", vocabulary_size=32_100), MANY, rows, (512, 128))
    for kind in ("llama", "gemma"):
        config = sized("decoder", "mini", vocabulary_size=384)
        compare_decoder(kind, decoder_config(kind, config))


if __name__ == "__main__":
    main()
