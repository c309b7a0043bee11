"""Renders the lines of a run as the tables of docs/benchmarks.md.

    python -m benchmarks.build.tables docs/benchmarks.jsonl docs/benchmarks.md

Tables stand between `<!-- table NAME -->` and `<!-- end -->`; the rest of the page is written by
hand. Figures are medians; where a way had several turns, the least and the most stand behind.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.build import targets
from benchmarks.build.lines import (
    Line,
    markdown,
    median,
    megabytes,
    millions,
    of_table,
    read,
    seconds,
    several,
)

_WAYS = {
    "pieces": "bare SentencePiece, texts to ids",
    "ours": "ours, rows to packed arrays",
    "decoder": "ours, decoder-only rows",
    "hf": "Hugging Face: datasets.map, tokenizers, packing",
    "stream": "SeqIO on the fly, packed, nothing written",
    "cache": "SeqIO's Beam cache, not packed",
}
_FIRST = {
    "engine": "our engine (no TensorFlow)",
    "seqio": "ours through seqio.get_dataset",
    "graph": "SeqIO's way",
}
_WHAT = {
    "task": "the largest task",
    "mixture": "the mixture all",
    "user": "a user's mixture that contains it",
}


def write(lines: Sequence[Line], page: Path) -> None:
    """Puts every table in its place in the page.

    Raises:
      ValueError: the page has a place for a table that does not exist.
    """
    text = page.read_text(encoding="utf-8")

    def put(match: re.Match) -> str:
        name = match.group(1)
        if name not in TABLES:
            raise ValueError(f'{page}: no table "{name}"; there are {", ".join(TABLES)}')
        return f"<!-- table {name} -->\n\n{TABLES[name](lines)}\n\n<!-- end -->"

    found = re.sub(r"<!-- table (\w+) -->.*?<!-- end -->", put, text, flags=re.DOTALL)
    page.write_text(found, encoding="utf-8")


def as_text(lines: Sequence[Line]) -> str:
    """Returns all tables, one after the other."""
    return "\n\n".join(f"## {name}\n\n{make(lines)}" for name, make in TABLES.items())


def _failures(lines: Sequence[Line]) -> str:
    failed = [line for line in lines if "failed" in line]
    if not failed:
        return "Every measurement of the run was made."
    return "\n".join(
        f"- {line['table']} "
        + " ".join(str(v) for k, v in line.items() if k not in ("table", "failed", "process"))
        + f": {line['failed']}"
        for line in failed
    )


def _machine(lines: Sequence[Line]) -> str:
    (about,) = of_table(lines, "machine")
    end = of_table(lines, "end")
    text = [
        f"{about['cores']} cores of {about['cpu']}, {about['memory_gb']} GB, {about['system']}, "
        f"Python {about['python']}, commit {about['commit']}; load {about['load_before']:.1f} "
        + (f"before and {end[0]['load_after']:.1f} after the run" if end else "before the run")
        + (f" of {end[0]['seconds'] / 60:.0f} minutes." if end else "."),
        "",
    ]
    for name, versions in about["versions"].items():
        shown = ", ".join(f"{package} {version}" for package, version in versions.items())
        text.append(f"- {name}: {shown}")
    return "\n".join(text)


def _rows(lines: Sequence[Line]) -> str:
    return markdown(
        ["set", "rows", "distinct rows", "tasks", "tokens", "mean inputs", "mean targets"],
        [
            [
                line["set"],
                f"{line['rows']:,}",
                f"{line['distinct_rows']:,}",
                str(line["tasks"]),
                millions(line["tokens"]),
                f"{line['mean_inputs']:.0f}",
                f"{line['mean_targets']:.0f}",
            ]
            for line in of_table(lines, "rows")
        ],
    )


def _throughput(lines: Sequence[Line]) -> str:
    rows = []
    for name in dict.fromkeys(line["set"] for line in of_table(lines, "throughput")):
        bare = median(of_table(lines, "throughput", set=name, way="pieces"), "cpu")
        for way, said in _WAYS.items():
            found = of_table(lines, "throughput", set=name, way=way)
            if found:
                cpu = median(found, "cpu")
                rows.append(
                    [
                        name,
                        said + (f" ({found[0]['packing']})" if way == "hf" else ""),
                        several(found, "tokens_per_cpu_second", millions),
                        f"{bare / cpu:.0%}" if bare and cpu else "",
                        several(found, "tokens_per_second", millions),
                        several(found, "wall", seconds),
                        megabytes(median(found, "peak_mb") or 0),
                        str(len(found)),
                    ]
                )
            if way == "stream" and found:
                rows.append(_without_graph(name, found, bare))
    return markdown(
        [
            *("rows", "way", "tokens per CPU-second", "of bare SentencePiece"),
            *("tokens per second", "wall", "peak memory", "turns"),
        ],
        rows,
    )


def _without_graph(name: str, found: Sequence[Line], bare: float | None) -> list[str]:
    steady = [
        {
            "cpu": line["cpu"] - line["graph_cpu"],
            "wall": line["wall"] - line["graph_wall"],
            "tokens": line["tokens"],
        }
        for line in found
    ]
    for line in steady:
        line["per_cpu"] = line["tokens"] / line["cpu"]
        line["per_second"] = line["tokens"] / line["wall"]
    cpu = median(steady, "cpu")
    return [
        name,
        "the same, building its graph not counted",
        several(steady, "per_cpu", millions),
        f"{bare / cpu:.0%}" if bare and cpu else "",
        several(steady, "per_second", millions),
        several(steady, "wall", seconds),
        "",
        str(len(found)),
    ]


def _first_batch(lines: Sequence[Line]) -> str:
    rows = []
    for name in dict.fromkeys(line["set"] for line in of_table(lines, "first_batch")):
        for way, said in _FIRST.items():
            found = of_table(lines, "first_batch", set=name, way=way)
            if found:
                rows.append(
                    [
                        f"{name}, {found[0]['tasks']} tasks",
                        said,
                        several(found, "from_start", seconds),
                        several(found, "after_import", seconds),
                        several(found, "cpu", seconds),
                        several(found, "peak_mb", megabytes),
                        str(len(found)),
                    ]
                )
    return markdown(
        [
            *("rows", "way", "from the start of the process", "after imports"),
            *("CPU after imports", "peak memory", "turns"),
        ],
        rows,
    )


def _packing(lines: Sequence[Line]) -> str:
    rows = [
        [
            line["split"],
            f"{line['examples']:,}",
            "/".join(map(str, choice["lengths"])),
            f"{choice['rows']:,}",
            f"{choice['rows'] / choice['simple_bound']:.3f}",
            f"{choice['rows'] / choice['bound']:.3f}",
            f"{choice['seqio'] / choice['rows']:.2f}",
            " / ".join(f"{side:.0%}" for side in choice["fill"]),
            f"{choice['examples_per_cpu_second'] / 1e3:,.0f} k",
        ]
        for line in of_table(lines, "packing")
        for choice in line["choices"]
    ]
    return markdown(
        [
            *("split", "examples", "lengths", "rows", "of the bound", "of the sharper bound"),
            *("SeqIO's rows / ours", "filled", "examples per CPU-second"),
        ],
        rows,
    )


def _absent(lines: Sequence[Line]) -> str:
    return "\n".join(
        f"- {line['split']}: {line['datasets']} datasets at hand; absent: "
        f"{', '.join(line['absent']) or 'none'}; without such a split: "
        f"{', '.join(line['without_split']) or 'none'}"
        for line in of_table(lines, "packing")
    )


def _scaling(lines: Sequence[Line]) -> str:
    rows = []
    for what, said in (
        ("build", "our build, workers"),
        ("pieces", "bare SentencePiece, threads"),
    ):
        one, two = (of_table(lines, "scaling", what=what, number=n) for n in ("1", "2"))
        if one and two:
            gain = (median(one, "wall") or 0) / (median(two, "wall") or 1)
            rows.append(
                [
                    said,
                    f"{one[0]['rows']:,}",
                    several(one, "wall", seconds),
                    several(two, "wall", seconds),
                    f"{gain:.2f}",
                    several(one, "tokens_per_cpu_second", millions),
                    several(two, "tokens_per_cpu_second", millions),
                ]
            )
    contents = {line["content"] for line in of_table(lines, "scaling", what="build")}
    table = markdown(
        ["what", "rows", "1", "2", "gain", "tokens per CPU-second, 1", "tokens per CPU-second, 2"],
        rows,
    )
    same = {0: "", 1: "Every build gave the same bytes."}
    return f"{table}\n\n{same.get(len(contents), 'The builds gave DIFFERENT bytes.')}"


def _memory(lines: Sequence[Line]) -> str:
    return markdown(
        ["examples", "most memory of a worker", "of the process that starts them", "rows/s"]
        + ["tokens/s", "wall"],
        [
            [
                f"{line['rows']:,}",
                *(megabytes(line[name]) for name in ("worker_peak_mb", "peak_mb")),
                f"{line['rows_per_second']:,.0f}",
                millions(line["tokens_per_second"]),
                seconds(line["wall"]),
            ]
            for line in of_table(lines, "memory")
        ],
    )


def _times(lines: Sequence[Line]) -> str:
    rows = []
    for line in of_table(lines, "times", what="plan"):
        rows += [
            [f"making a plan of {line['rows']:,} rows", seconds(line["make"])],
            ["its last block, which is resuming there", seconds(line["last_block"])],
            ["going through all of it", seconds(line["through"])],
            ["its rows per CPU-second", millions(line["rows_per_cpu_second"])],
            ["most memory doing so", megabytes(line["peak_mb"])],
        ]
    for line in of_table(lines, "times", what="open"):
        rows += [
            ["finding a mixture in the store", seconds(line["prepare"])],
            ["knowing a finished build again", seconds(line["known_again"])],
            ["opening a build of 64 shards", seconds(line["open"])],
            ["its first batch of 256 rows", seconds(line["first_batch"])],
            ["the batch of step 10^9", seconds(line["step_1e9"])],
            ["batches of 256 per second", f"{line['batches_per_second']:,.0f}"],
        ]
    for line in of_table(lines, "times", what="commands"):
        rows += [[name, seconds(value)] for name, value in line.items() if name[:5] == "flan "]
    return markdown(["what", "figure"], rows)


def _streams(lines: Sequence[Line]) -> str:
    rows = []
    for what, said in _WHAT.items():
        both = {way: of_table(lines, "streams", what=what, way=way) for way in ("engine", "graph")}
        for way, found in both.items():
            if found:
                line = found[0]
                other = both["graph"][0] if way == "engine" and both["graph"] else None
                rows.append(
                    [
                        said,
                        "ours" if way == "engine" else "SeqIO's way",
                        seconds(line["first_batch"]),
                        megabytes(line["peak_mb"]),
                        *(
                            millions(line[f"{form}_tokens_per_second"])
                            + (
                                f" ({line[f'{form}_tokens_per_second'] / o:.1f} ×)"
                                if other and (o := other[f"{form}_tokens_per_second"])
                                else ""
                            )
                            for form in ("packed", "unpacked")
                        ),
                    ]
                )
    return markdown(
        [
            *("what", "way", "first packed batch", "memory at it"),
            *("tokens per second packed", "tokens per second unpacked"),
        ],
        rows,
    )


def _profile(lines: Sequence[Line]) -> str:
    found = of_table(lines, "profile")
    if not found:
        return "Not measured."
    stages = sorted(found[0]["stages"], key=lambda stage: -found[0]["stages"][stage])
    rows = [
        [stage, *(f"{line['stages'][stage] / sum(line['stages'].values()):.1%}" for line in found)]
        for stage in stages
    ]
    return markdown(["stage", *(line["set"] for line in found)], rows)


def _targets(lines: Sequence[Line]) -> str:
    return markdown(
        ["what", "to reach", "measured", ""],
        [
            [said, wanted, shown, "reached" if reached else "not reached"]
            for said, wanted, shown, reached in targets.verdicts(lines)
        ],
    )


TABLES: dict[str, Callable[[Sequence[Line]], str]] = {
    "targets": _targets,
    "machine": _machine,
    "rows": _rows,
    "throughput": _throughput,
    "first_batch": _first_batch,
    "packing": _packing,
    "absent": _absent,
    "scaling": _scaling,
    "memory": _memory,
    "times": _times,
    "streams": _streams,
    "profile": _profile,
    "failures": _failures,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("page", type=Path)
    args = parser.parse_args()
    write(read(args.results), args.page)


if __name__ == "__main__":
    main()
