"""Renders the lines of a run as the tables of docs/benchmarks.md.

    python -m benchmarks.build.tables docs/benchmarks.jsonl docs/benchmarks.md

Tables stand between `<!-- table NAME -->` and `<!-- end -->`; the rest of the page is written by
hand. Figures are medians; where a way had several turns, the least and the most stand behind.
"""

import argparse
import json
import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.build import targets

Line = dict[str, Any]
Number = int | float

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


def read(path: Path) -> list[Line]:
    """Returns the lines of a run."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def of_table(lines: Sequence[Line], table: str, **labels: str) -> list[Line]:
    """Returns the lines of a table that bear these labels and did not fail."""
    return [
        line
        for line in lines
        if line["table"] == table
        and "failed" not in line
        and all(line.get(name) == value for name, value in labels.items())
    ]


def median(lines: Sequence[Line], value: str) -> float | None:
    """Returns the median of a value over lines, None without any."""
    found = [line[value] for line in lines]
    return statistics.median(found) if found else None


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


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "Not measured."
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _several(lines: Sequence[Line], value: str, show: Callable[[Number], str]) -> str:
    found = sorted(line[value] for line in lines)
    middle = show(statistics.median(found))
    return middle if len(found) == 1 else f"{middle} ({show(found[0])}–{show(found[-1])})"


def _millions(number: Number) -> str:
    return f"{number / 1e6:.2f} M"


def _seconds(number: Number) -> str:
    return f"{number:.2f} s" if number >= 0.1 else f"{1000 * number:.1f} ms"


def _megabytes(number: Number) -> str:
    return f"{number:,.0f} MB"


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
    return _markdown(
        ["set", "rows", "distinct rows", "tasks", "tokens", "mean inputs", "mean targets"],
        [
            [
                line["set"],
                f"{line['rows']:,}",
                f"{line['distinct_rows']:,}",
                str(line["tasks"]),
                _millions(line["tokens"]),
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
                        _several(found, "tokens_per_cpu_second", _millions),
                        f"{bare / cpu:.0%}" if bare and cpu else "",
                        _several(found, "tokens_per_second", _millions),
                        _several(found, "wall", _seconds),
                        _megabytes(median(found, "peak_mb") or 0),
                        str(len(found)),
                    ]
                )
            if way == "stream" and found:
                rows.append(_without_graph(name, found, bare))
    return _markdown(
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
        _several(steady, "per_cpu", _millions),
        f"{bare / cpu:.0%}" if bare and cpu else "",
        _several(steady, "per_second", _millions),
        _several(steady, "wall", _seconds),
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
                        _several(found, "from_start", _seconds),
                        _several(found, "after_import", _seconds),
                        _several(found, "cpu", _seconds),
                        _several(found, "peak_mb", _megabytes),
                        str(len(found)),
                    ]
                )
    return _markdown(
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
    return _markdown(
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
                    _several(one, "wall", _seconds),
                    _several(two, "wall", _seconds),
                    f"{gain:.2f}",
                    _several(one, "tokens_per_cpu_second", _millions),
                    _several(two, "tokens_per_cpu_second", _millions),
                ]
            )
    return _markdown(
        ["what", "rows", "1", "2", "gain", "tokens per CPU-second, 1", "tokens per CPU-second, 2"],
        rows,
    )


def _memory(lines: Sequence[Line]) -> str:
    return _markdown(
        ["examples", "most memory of a worker", "of the process that starts them", "rows/s"]
        + ["tokens/s", "wall"],
        [
            [
                f"{line['rows']:,}",
                *(_megabytes(line[name]) for name in ("worker_peak_mb", "peak_mb")),
                f"{line['rows_per_second']:,.0f}",
                _millions(line["tokens_per_second"]),
                _seconds(line["wall"]),
            ]
            for line in of_table(lines, "memory")
        ],
    )


def _times(lines: Sequence[Line]) -> str:
    rows = []
    for line in of_table(lines, "times", what="plan"):
        rows += [
            [f"making a plan of {line['rows']:,} rows", _seconds(line["make"])],
            ["its last block, which is resuming there", _seconds(line["last_block"])],
            ["going through all of it", _seconds(line["through"])],
            ["its rows per CPU-second", _millions(line["rows_per_cpu_second"])],
            ["most memory doing so", _megabytes(line["peak_mb"])],
        ]
    for line in of_table(lines, "times", what="open"):
        rows += [
            ["finding a mixture in the store", _seconds(line["prepare"])],
            ["knowing a finished build again", _seconds(line["known_again"])],
            ["opening a build of 64 shards", _seconds(line["open"])],
            ["its first batch of 256 rows", _seconds(line["first_batch"])],
            ["the batch of step 10^9", _seconds(line["step_1e9"])],
            ["batches of 256 per second", f"{line['batches_per_second']:,.0f}"],
        ]
    for line in of_table(lines, "times", what="commands"):
        rows += [[name, _seconds(value)] for name, value in line.items() if name[:5] == "flan "]
    return _markdown(["what", "figure"], rows)


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
                        _seconds(line["first_batch"]),
                        _megabytes(line["peak_mb"]),
                        *(
                            _millions(line[f"{form}_tokens_per_second"])
                            + (
                                f" ({line[f'{form}_tokens_per_second'] / o:.1f} ×)"
                                if other and (o := other[f"{form}_tokens_per_second"])
                                else ""
                            )
                            for form in ("packed", "unpacked")
                        ),
                    ]
                )
    return _markdown(
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
    return _markdown(["stage", *(line["set"] for line in found)], rows)


def _targets(lines: Sequence[Line]) -> str:
    return _markdown(
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
