"""The numbers to reach (docs/design.md), and what a run says of each."""

import statistics
from collections.abc import Iterator, Sequence

from benchmarks.build.lines import Line

# What is compared, what is wanted, what was measured, whether that reaches it.
Verdict = tuple[str, str, str, bool]


def verdicts(lines: Sequence[Line]) -> Iterator[Verdict]:
    """Yields a verdict for each number that the run has measured."""
    good = [line for line in lines if "failed" not in line]
    yield from _throughput(good)
    yield from _first_batch(good)
    yield from _streams(good)
    yield from _packing(good)
    yield from _memory(good)
    yield from _scaling(good)
    yield from _times(good)


def _median(lines: Sequence[Line], value: str, **labels: str) -> float | None:
    found = [
        line[value]
        for line in lines
        if value in line and all(line.get(name) == label for name, label in labels.items())
    ]
    return statistics.median(found) if found else None


def _throughput(lines: Sequence[Line]) -> Iterator[Verdict]:
    for name in ("real", "prose"):
        cpu = {
            way: _median(lines, "cpu", table="throughput", set=name, way=way)
            for way in ("ours", "pieces", "stream", "cache")
        }
        # Its graph is built once, however many rows follow: not counted against it.
        graph = _median(lines, "graph_cpu", table="throughput", set=name, way="stream")
        if cpu["stream"] and graph:
            cpu["stream"] -= graph
        for way, said, wanted in (
            ("pieces", "bare SentencePiece", 0.75),
            ("stream", "SeqIO on the fly (its graph not counted)", 10.0),
            ("cache", "SeqIO's Beam cache", 10.0),
        ):
            if cpu["ours"] and cpu[way]:
                ratio = cpu[way] / cpu["ours"]
                yield (
                    f"tokens per CPU-second, {name} rows, against {said}",
                    f"≥ {wanted:.0%}" if wanted < 1 else f"≥ {wanted:.0f} ×",
                    f"{ratio:.0%}" if wanted < 1 else f"{ratio:.1f} ×",
                    ratio >= wanted,
                )


def _first_batch(lines: Sequence[Line]) -> Iterator[Verdict]:
    for name in ("samples", "real"):
        for way, said, moment, seconds, memory in (
            ("engine", "first batch", "from_start", 1.0, 400.0),
            ("seqio", "first batch through seqio.get_dataset", "after_import", 3.0, 1200.0),
        ):
            labels = {"table": "first_batch", "set": name, "way": way}
            took = _median(lines, moment, **labels)
            held = _median(lines, "peak_mb", **labels)
            if took is not None and held is not None:
                yield (
                    f"{said}, {name} rows",
                    f"< {seconds:.0f} s, < {memory:,.0f} MB",
                    f"{took:.2f} s, {held:,.0f} MB",
                    took < seconds and held < memory,
                )


def _streams(lines: Sequence[Line]) -> Iterator[Verdict]:
    for form, wanted in (("unpacked", 3.0), ("packed", 1.5)):
        value = f"{form}_tokens_per_second"
        ours, theirs = (
            _median(lines, value, table="streams", what="mixture", way=way)
            for way in ("engine", "graph")
        )
        if ours and theirs:
            yield (
                f"seqio.get_dataset on the mixture, tokens per second {form}, against SeqIO's way",
                f"≥ {wanted:.1f} ×",
                f"{ours / theirs:.1f} ×",
                ours / theirs >= wanted,
            )


def _packing(lines: Sequence[Line]) -> Iterator[Verdict]:
    for line in lines:
        for choice in line["choices"] if line["table"] == "packing" else ():
            if choice["lengths"] == [1024, 256]:
                ratio = choice["rows"] / choice["simple_bound"]
                yield (
                    f"rows used by packing 1024/256, {line['split']}",
                    "≤ 1.02 × the bound",
                    f"{ratio:.3f} × ({choice['rows'] / choice['bound']:.3f} × the sharper bound)",
                    ratio <= 1.02,
                )


def _memory(lines: Sequence[Line]) -> Iterator[Verdict]:
    found = [line for line in lines if line["table"] == "memory"]
    if found:
        largest = max(found, key=lambda line: line["rows"])
        held = largest["worker_peak_mb"]
        yield (
            f"memory of a worker, {largest['rows']:,} examples",
            "< 1,000 MB",
            f"{held:,.0f} MB",
            held < 1000,
        )


def _scaling(lines: Sequence[Line]) -> Iterator[Verdict]:
    gains = []
    for what in ("build", "pieces"):
        one, two = (
            _median(lines, "wall", table="scaling", what=what, number=number)
            for number in ("1", "2")
        )
        if one and two:
            gains.append(one / two)
    if len(gains) == 2:
        yield (
            "gain from 1 to 2 workers, of what bare SentencePiece gains from 1 to 2 threads",
            "≥ 0.95",
            f"{gains[0] / gains[1]:.2f} ({gains[0]:.2f} × of {gains[1]:.2f} ×)",
            gains[0] / gains[1] >= 0.95,
        )


def _times(lines: Sequence[Line]) -> Iterator[Verdict]:
    for what, value, said, wanted in (
        ("plan", "last_block", "resume at any row of a plan", 0.2),
        ("open", "open", "open a build", 0.2),
        ("open", "step_1e9", "batch at any step of a build", 0.2),
        ("commands", "flan --help", "flan --help", 0.5),
        ("commands", "flan list", "flan list", 0.5),
    ):
        found = _median(lines, value, table="times", what=what)
        if found is not None:
            yield said, f"< {wanted} s", f"{found:.3f} s", found < wanted
