"""SeqIO's offline cache: one directory for each task, read with `use_cached=True`.

Layout and file contents are those `seqio_cache_tasks` of SeqIO 0.0.20 writes. Ids have no EOS and
are not trimmed: SeqIO appends the one and does the other after reading the cache.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from flan_tasks.core.naming import TaskName
from flan_tasks.core.whole import write_text
from flan_tasks.engine.writers.tfrecord import write_examples
from flan_tasks.engine.writers.writer import RowWriter, Shard, TokenizedRow, WriteSettings, cut
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.plan import Plan

SEQIO_VERSION = "0.0.20"
# Text features beside the ids, which uncached tasks hand out too: the texts, where an example comes
# from, and what it is scored against.
PRETOKENIZED = ("inputs_pretokenized", "targets_pretokenized")
ABOUT = ("task", "dataset", "cluster", "template", "kind", "num_shots", "key", "gold")


def about_text(row: BuiltRow, name: str) -> str:
    """Returns a row's value for one of ABOUT."""
    if name == "gold":
        return row.gold.to_json()
    return str(row.about[name])


def cache_folder(dataset: str) -> str:
    """Where SeqIO looks for a task's cache: its name with a folder for each colon."""
    return str(TaskName(dataset)).replace(":", "/")


def _file_name(folder: str, split: str, number: int, count: int) -> str:
    return f"{folder}/{split}.tfrecord-{number:05d}-of-{count:05d}"


class SeqioCacheWriter(RowWriter):
    """Writes `flan/<dataset>/train.tfrecord-00000-of-00001` and the files SeqIO wants beside."""

    ending = ""
    modules = ("tensorflow",)
    needs_vocabulary = True
    grouped = True

    def shards(
        self, plan: Plan, split: str, num_shards: int | None, *, before: Sequence[int] = ()
    ) -> list[Shard]:
        shards: list[Shard] = []
        start = 0
        for item, count in zip(plan.ingredients, plan.counts, strict=True):
            folder = cache_folder(item.dataset.name)
            shards += cut(
                start,
                start + count,
                num_shards,
                per_shard=self.rows_per_shard,
                name=partial(_file_name, folder, split),
            )
            start += count
        return [shard for shard in shards if shard.stop > shard.start]

    def write(
        self, path: Path, chunks: Iterator[Sequence[TokenizedRow]], settings: WriteSettings
    ) -> None:
        write_examples(
            path,
            (
                {
                    "inputs": item.inputs,
                    "targets": item.targets,
                    "inputs_pretokenized": item.row.inputs,
                    "targets_pretokenized": item.row.targets,
                    **{name: about_text(item.row, name) for name in ABOUT},
                }
                for chunk in chunks
                for item in chunk
            ),
        )

    def finish(self, folder: Path, shards: Sequence[Mapping], settings: WriteSettings) -> list[str]:
        tasks: dict[str, list[Mapping]] = {}
        for shard in shards:
            tasks.setdefault(str(Path(shard["path"]).parent), []).append(shard)
        written = []
        for place, files in tasks.items():
            info = {
                "features": {
                    **{name: {"dtype": "int32", "shape": [None]} for name in ("inputs", "targets")},
                    **{name: {"dtype": "string", "shape": []} for name in (*PRETOKENIZED, *ABOUT)},
                },
                "num_shards": len(files),
                "seqio_version": SEQIO_VERSION,
            }
            stats: dict[str, int] = {"examples": sum(file["rows"] for file in files)}
            for part in ("inputs", "targets"):
                # Of prompts that were made to fit, what became of them.
                about = [
                    file.get("written", {}).get(
                        part, {"tokens": file["tokens"][part], "longest": file["longest"][part]}
                    )
                    for file in files
                ]
                stats[f"{part}_tokens"] = sum(one["tokens"] for one in about)
                stats[f"{part}_max_tokens"] = max(one["longest"] for one in about)
            # COMPLETED last: SeqIO takes its presence for a whole cache.
            for name, text in (
                (f"info.{settings.split}.json", json.dumps(info, indent=2)),
                (f"stats.{settings.split}.json", json.dumps(stats, indent=2)),
                ("COMPLETED", ""),
            ):
                write_text(folder / place / name, text)
                written.append(f"{place}/{name}")
        return written
