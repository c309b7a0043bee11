"""Evaluation beside lm-evaluation-harness: same model, prompts and machine, in one run.

    python -m benchmarks.eval --theirs HARNESS/bin/python --mmlu DIR

`--theirs` is a Python with lm_eval, torch and transformers; `--mmlu` a folder of MMLU as published.
Models are small and random, written to a folder that both read. Both sides start with
the model loaded and warm: ours answers everything twice, and the second time counts, when all
programs are compiled; the first stands beside it. Processor time is that of all threads.
"""

import argparse
import dataclasses
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.llama_folder import write_llama
from flan_tasks.core.kept_memory import keep_freed_memory
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.records import GENERATE, RANK, Asked, Prompt
from flan_tasks.evaluation.units import Evaluation, questions
from flan_tasks.inference.kept_programs import keep_programs
from flan_tasks.inference.model_answers import ModelAnswers
from flan_tasks.inference.open_model import OpenModel
from flan_tasks.models import partition
from flan_tasks.models.hf import export_hf
from flan_tasks.models.model import Model, ModelConfig, Tree, sized
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.specs.config import MeshConfig
from flan_tasks.specs.eval_config import Decoding
from flan_tasks.store.store import Store, default_store
from flan_tasks.suites.asking import SuitesAsked, opened_suites
from flan_tasks.suites.library import open_suite
from flan_tasks.vocabulary import Vocabulary, open_vocabulary

T5, DECODER = "t5", "decoder"
ZERO_SHOT = ("rte", "cb", "bool_q", "copa", "mnli_matched", "winogrande")
SUBJECTS = ("high_school_biology", "professional_law")
LENGTHS = {"inputs": 2048, "targets": 64}
# Prompts of each kind where nobody says how many: a few minutes on two quiet cores in all, most of
# them of the harness.
PROMPTS = {"zero-shot": 64, "texts": 16, "letters": 32, "written": 128, "continued": 128}
# How much the head likes the end: answers of a random model would all be as long as may be.
ENDS = 3.5


@dataclass(frozen=True)
class Workload:
    """What both sides answer."""

    name: str
    """As the table has it."""
    kind: str
    """T5 or DECODER."""
    asked: list[Asked]
    """The prompts."""
    batch: int
    """Prompts of a batch of the harness."""
    max_tokens: int = 0
    """Most tokens that are written; 0 where options are ranked."""


@dataclass(frozen=True)
class Side:
    """What one side took and answered."""

    wall: float
    """Seconds."""
    cpu: float
    """Processor seconds."""
    answers: list
    """For each prompt the log-probabilities of its options, or its text."""
    first: float = 0.0
    """Seconds of the first time, compiling included."""
    padding: float = 0.0
    """Share of padding."""


def random_model(kind: str, vocabulary: Vocabulary) -> tuple[Model, Tree]:
    """A network of small's size with random weights that are neither flat nor sure of anything."""
    config = sized(kind, "small", vocabulary_size=vocabulary.size)
    if kind == DECODER:
        changes = {"inputs_attention": "causal", "tied_head": False, "activation": "silu"}
        config = ModelConfig.from_json(config.to_json() | changes)
    config = dataclasses.replace(config, dtype="float32", dropout=0.0, remat="none")
    model = Model(config)
    params = jax.tree.map(np.array, jax.jit(model.init)(jax.random.key(0)))
    head = params["head"]["kernel"]
    head[:, vocabulary.eos_id] *= ENDS
    # Padding and ids beyond the vocabulary are never the likeliest: ours writes none of these, and
    # the harness drops the first and keeps the others.
    head[:, 0] = 0
    head[:, vocabulary.size :] = 0
    return model, params


def zero_shot(count: int) -> list[Asked]:
    """Prompts of the embedded rows of several datasets, all templates, some of each."""
    evaluation = Evaluation(
        datasets=catalog().expand(ZERO_SHOT), method=RANK, source=SourceChoice("samples")
    )
    read = partial(questions, evaluation, store=Store(default_store()))
    everything = [
        Asked(question.unit, place, prompt)
        for dataset in evaluation.datasets
        for question in read(dataset=dataset, catalog=catalog())
        for place, prompt in enumerate(question.prompts(seed=0, budget=None))
    ]
    return everything[:: max(len(everything) // count, 1)][:count]


def written(asked: Sequence[Asked]) -> list[Asked]:
    """The same prompts, answered by a text."""
    return [
        Asked(dataclasses.replace(one.unit, method=GENERATE), one.place, one.prompt)
        for one in asked
    ]


def mmlu(folder: Path, count: int, *, letters: bool) -> list[Asked]:
    """Five-shot prompts of two subjects, options as letters or as the texts of the choices."""
    asked = SuitesAsked(
        suites=(open_suite("mmlu@lm_eval"),),
        source=SourceChoice("declared", Path(f"mmlu={folder}")),
    )
    prompts: list[Asked] = []
    ((_, _, of_suite, _),), _ = opened_suites(asked, catalog())
    for question in of_suite:
        if question.unit.dataset.rsplit(":", 1)[-1] not in SUBJECTS:
            continue
        for prompt in question.prompts(seed=0, budget=None)[: count // len(SUBJECTS)]:
            row = question.task.rows[int(prompt.gold.key.rsplit(":", 1)[-1])]
            texts = tuple(f" {row[letter]}" for letter in "ABCD")
            right = texts["ABCD".index(prompt.gold.answer.strip())]
            gold = dataclasses.replace(
                prompt.gold, answer=right, references=(right,), options=texts
            )
            one = prompt if letters else dataclasses.replace(prompt, gold=gold)
            prompts.append(Asked(question.unit, len(prompts), one))
    return prompts


def ours(work: Workload, model: Model, params: Tree, vocabulary: Vocabulary) -> Side:
    """Answers by this package, twice."""
    mesh = partition.make_mesh(MeshConfig(data=1, fsdp=-1))
    placed = jax.tree.map(jnp.asarray, params)
    lengths = LENGTHS | ({"targets": work.max_tokens} if work.max_tokens else {})
    opened = OpenModel(model, placed, vocabulary, mesh, lengths, {})
    answerer = ModelAnswers(opened, lengths=lengths, decoding=Decoding())

    def answer() -> tuple[dict, float, float]:
        cpu, wall = time.process_time(), time.perf_counter()
        records = {(one.unit, one.place): record for one, record in answerer.answer(work.asked)}
        return records, time.perf_counter() - wall, time.process_time() - cpu

    _, first, _ = answer()
    records, wall, cpu = answer()
    of_each = [records[one.unit, one.place] for one in work.asked]
    answers = [one.text if work.max_tokens else list(one.sums) for one in of_each]
    return Side(wall, cpu, answers, first, answerer.reading.padding)


def theirs(work: Workload, python: str, folder: Path, vocabulary: Vocabulary, room: Path) -> Side:
    """Answers by the harness, in a process of its own."""
    prompts = [_ids(vocabulary, one.prompt.inputs, LENGTHS["inputs"]) for one in work.asked]
    asked: dict = {"prompts": prompts}
    if work.max_tokens:
        asked["max_tokens"] = work.max_tokens
    else:
        asked["options"] = [
            [_option(vocabulary, text, one.prompt) for text in one.prompt.gold.targets]
            for one in work.asked
        ]
    (room / "asked.json").write_text(json.dumps(asked))
    script = Path(__file__).with_name("eval_harness.py")
    words = [python, script, folder, work.kind, room / "asked.json", room / "answers.json"]
    done = subprocess.run(
        [*map(str, words), "--batch", str(work.batch)], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"the harness failed: {done.stderr[-2000:]}")
    given = json.loads((room / "answers.json").read_text())
    answers = given["answers"]
    if work.max_tokens:
        answers = [vocabulary.decode(ids) for ids in answers]
    return Side(given["wall"], given["cpu"], answers)


def _ids(vocabulary: Vocabulary, text: str, limit: int) -> list[int]:
    return vocabulary.encode_flat([text], limit).ids.tolist()


def _option(vocabulary: Vocabulary, text: str, prompt: Prompt) -> list[int]:
    ids = _ids(vocabulary, text, LENGTHS["targets"])
    return ids if prompt.scores_end or len(ids) < 2 else ids[:-1]


def compared(work: Workload, us: Side, them: Side) -> str:
    """A line of the table."""
    if work.max_tokens:
        same = sum(a.strip() == b.strip() for a, b in zip(us.answers, them.answers, strict=True))
        apart = ""
    else:
        pairs = list(zip(us.answers, them.answers, strict=True))
        same = sum(int(np.argmax(a)) == int(np.argmax(b)) for a, b in pairs)
        apart = f"{max(abs(x - y) for a, b in pairs for x, y in zip(a, b, strict=True)):.1e}"
    return (
        f"| {work.name} | {len(us.answers)} | {us.wall:.1f} | {them.wall:.1f} "
        f"| {them.wall / us.wall:.1f} × | {us.cpu:.1f} | {them.cpu:.1f} "
        f"| {them.cpu / us.cpu:.1f} × | {us.first:.1f} | {us.padding:.1%} "
        f"| {same} of {len(us.answers)} | {apart} |"
    )


def main() -> None:
    """Measures the workloads asked for, side by side, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--theirs", required=True, help="a Python with lm_eval")
    parser.add_argument("--mmlu", type=Path, help="a folder of MMLU")
    parser.add_argument("--prompts", type=int, help="of each kind")
    parser.add_argument("--only", nargs="*", choices=PROMPTS, default=list(PROMPTS))
    parser.add_argument("--batch", type=int, default=8, help="of the harness, where it ranks")
    parser.add_argument("--written-batch", type=int, default=32, help="of it, where it writes")
    parser.add_argument("--vocab", default="t5")
    given = parser.parse_args()
    if given.mmlu is None and {"texts", "letters"} & set(given.only):
        parser.error("texts and letters are of MMLU: give --mmlu DIR, or --only zero-shot written")
    keep_freed_memory()
    keep_programs()
    vocabulary = open_vocabulary(given.vocab)
    counts = {one: given.prompts or PROMPTS[one] for one in PROMPTS}
    makers: dict[str, Callable[[], Workload]] = {
        "zero-shot": lambda: Workload(
            "T5, zero-shot, options ranked", T5, zero_shot(counts["zero-shot"]), given.batch
        ),
        "texts": lambda: Workload(
            "decoder, MMLU five-shot, options as texts",
            DECODER,
            mmlu(given.mmlu, counts["texts"], letters=False),
            given.batch,
        ),
        "letters": lambda: Workload(
            "decoder, MMLU five-shot, options as letters",
            DECODER,
            mmlu(given.mmlu, counts["letters"], letters=True),
            given.batch,
        ),
        "written": lambda: Workload(
            "T5, texts of up to 64 tokens",
            T5,
            written(zero_shot(counts["written"])),
            given.written_batch,
            max_tokens=64,
        ),
        "continued": lambda: Workload(
            "decoder, texts of up to 64 tokens",
            DECODER,
            written(zero_shot(counts["continued"])),
            given.written_batch,
            max_tokens=64,
        ),
    }
    print(
        "| what | prompts | ours, s | theirs, s | | ours, CPU s | theirs, CPU s | "
        "| ours first, s | padding | same answer | largest difference |"
    )
    print("|" + "---|" * 12)
    models: dict[str, tuple[Model, Tree]] = {}
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        for one in given.only:
            work = makers[one]()
            folder = room / work.kind
            if work.kind not in models:
                model, params = models[work.kind] = random_model(work.kind, vocabulary)
                if work.kind == T5:
                    export_hf(model, params, folder, vocabulary=vocabulary)
                else:
                    write_llama(folder, model.config, params)
            us = ours(work, *models[work.kind], vocabulary)
            them = theirs(work, given.theirs, folder, vocabulary, room)
            print(compared(work, us, them), flush=True)


if __name__ == "__main__":
    main()
