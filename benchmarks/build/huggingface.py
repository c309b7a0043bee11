"""Rows to packed rows with Hugging Face's libraries: `datasets.map`, `tokenizers`, TRL's packing.

    python -m benchmarks.build.huggingface --rows-folder DIR --vocab spiece.model

Needs datasets, tokenizers and sentencepiece, and TRL for its best-fit packing; without TRL rows are
concatenated and cut, as in transformers' language-model examples. Each task's normalized fields
(Parquet) are rendered and tokenized in one batched `map`, tasks are put together, shuffled, packed
for decoder-only models (TRL packs no encoder-decoder rows) and saved.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.build.measure import Clock, peak_megabytes, print_result

LENGTHS = (1024, 256)
_EOS = 1


def make_tokenizer(vocab: str):
    """Returns the SentencePiece model as a Unigram tokenizer, as transformers converts T5's."""
    from sentencepiece import sentencepiece_model_pb2
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    proto = sentencepiece_model_pb2.ModelProto.FromString(Path(vocab).read_bytes())
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=proto.trainer_spec.unk_id))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Strip(left=False, right=True),
            normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
            normalizers.Replace(Regex(" {2,}"), "▁"),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    return tokenizer


def run(folder: Path, vocab: str) -> dict[str, Any]:
    """Renders, tokenizes, packs and saves every task in `folder`."""
    import datasets

    datasets.disable_progress_bars()
    packing, pack = _packing()
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    templates = json.loads((folder / "templates.json").read_text(encoding="utf-8"))
    tokenizer = make_tokenizer(vocab)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        clock = Clock()
        parts = []
        for name, texts in templates.items():
            rows = datasets.load_dataset(
                "parquet",
                data_files=str(folder / "fields" / f"{name}.parquet"),
                split="train",
                cache_dir=f"{out}/cache",
            )
            work = {"templates": texts, "tokenizer": tokenizer}
            parts.append(
                rows.map(_encode, batched=True, fn_kwargs=work, remove_columns=rows.column_names)
            )
        whole = datasets.concatenate_datasets(parts).shuffle(seed=0)
        packed = pack(whole.select_columns(["input_ids", "labels"]))
        packed.save_to_disk(f"{out}/packed")
        spent = clock.spent()
        tokens = sum(whole["whole"])
        num_rows, size = len(packed), _bytes(Path(out) / "packed")
    return {
        "packing": packing,
        "rows": about["rows"],
        "tokens": about["tokens"],
        "tokens_against_ours": tokens / about["tokens"],
        "wall": spent.wall,
        "cpu": spent.cpu,
        "tokens_per_cpu_second": about["tokens"] / spent.cpu,
        "tokens_per_second": about["tokens"] / spent.wall,
        "packed_rows": num_rows,
        "written_mb": size / 1e6,
        "peak_mb": peak_megabytes(),
    }


def _encode(batch: dict[str, list], templates: list[list[str]], tokenizer) -> dict[str, list]:
    names = [name for name in batch if name != "template"]
    sides: list[list[str]] = [[], []]
    for number, *values in zip(batch["template"], *(batch[n] for n in names), strict=True):
        fields = dict(zip(names, values, strict=True))
        for side, text in zip(sides, templates[number], strict=True):
            side.append(text.format_map(fields))
    ids = [
        [found.ids for found in tokenizer.encode_batch_fast(side, add_special_tokens=False)]
        for side in sides
    ]
    cut = [
        [one[: limit - 1] + [_EOS] for one in side]
        for side, limit in zip(ids, LENGTHS, strict=True)
    ]
    return {
        "input_ids": [one + other for one, other in zip(*cut, strict=True)],
        "labels": [[-100] * len(one) + other for one, other in zip(*cut, strict=True)],
        "whole": [len(one) + len(other) + 2 for one, other in zip(*ids, strict=True)],
    }


def _packing():
    try:
        from trl import pack_dataset
    except ImportError:
        return "concatenated and cut", _concatenate
    return "TRL bfd", lambda rows: pack_dataset(rows, sum(LENGTHS), strategy="bfd")


def _concatenate(rows):
    size = sum(LENGTHS)

    def group(batch):
        flat = {name: [i for one in column for i in one] for name, column in batch.items()}
        total = len(flat["input_ids"]) // size * size
        return {
            name: [ids[i : i + size] for i in range(0, total, size)] for name, ids in flat.items()
        }

    return rows.map(group, batched=True)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows-folder", type=Path, required=True)
    parser.add_argument("--vocab", required=True)
    args = parser.parse_args()
    # It would otherwise look on the network for what is not there.
    os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    print_result(**run(args.rows_folder, args.vocab))


if __name__ == "__main__":
    main()
