"""The embedded tasks of Natural Instructions, which are ours, and prompts made of them."""

import json

import pytest
from conftest import ROOT
from golden_text import golden_text

from flan_tasks.core.example import Example, Skip
from flan_tasks.core.render import render
from flan_tasks.core.resources import folder
from flan_tasks.core.row_examples import normalize_row
from flan_tasks.core.template_files import read_template_set
from flan_tasks.datasets._task_files import parse_task
from flan_tasks.datasets.natural_instructions import NIV2

LINES = (folder("samples") / "families" / "niv2.jsonl").read_text(encoding="utf-8").splitlines()
TEMPLATES = read_template_set(
    folder("templates") / "families" / "niv2.toml", name="templates/families/niv2.toml"
)
GOLDEN = ROOT / "tests" / "golden" / "families" / "niv2.txt"


def tasks():
    """Name -> the task file."""
    files = {}
    for line in map(json.loads, LINES):
        if "record" in line:
            files[line["task"]] = {**line["record"], "Instances": []}
        else:
            files[line["task"]]["Instances"].append(line["row"])
    return files


def filled(name, record):
    """Examples of a task with its constants, and how many rows were left out for which reason."""
    member, dataset = NIV2.member(name), NIV2.task(name)
    texts = NIV2.constants_of(record, member)
    examples, reasons = [], []
    for number, row in enumerate(record["Instances"]):
        for item in normalize_row(dataset, row, source_split="train", number=number):
            if isinstance(item, Skip):
                reasons.append(item.reason)
            elif NIV2.is_solved(item.fields, texts):
                reasons.append("solved")
            else:
                examples.append(
                    Example(
                        fields={**item.fields, **texts},
                        answer=item.answer,
                        references=item.references,
                        key=f"{name}:{number}",
                    )
                )
    return examples, reasons


def test_embedded_tasks_are_whole_and_of_many_kinds():
    members = [NIV2.member(name) for name in tasks()]
    assert len(members) >= 12
    assert len({member.facts["category"] for member in members}) >= 9
    assert len({code for member in members for code in member.languages}) >= 4
    assert {member.facts["split"] for member in members} == {"train", "test", "excluded"}
    for name, record in tasks().items():
        task = parse_task(json.dumps(record), name=name, where=name)
        assert task.categories[0] == NIV2.member(name).facts["category"]
        assert len(task.examples) >= 2 and len(task.instances) >= 8


def test_their_rows_are_examples_or_left_out_for_a_reason():
    reasons, examples = [], 0
    for name, record in tasks().items():
        good, left_out = filled(name, record)
        examples += len(good)
        reasons += left_out
    assert examples + len(reasons) == sum(len(task["Instances"]) for task in tasks().values())
    assert sorted(set(reasons)) == ["no output", "solved"]


def test_some_have_several_outputs_and_several_definitions():
    outputs = [len(row["output"]) for task in tasks().values() for row in task["Instances"]]
    assert max(outputs) > 2
    assert max(len(task["Definition"]) for task in tasks().values()) == 2


def test_of_several_definitions_the_first_is_asked():
    name, record = next((n, t) for n, t in tasks().items() if len(t["Definition"]) > 1)
    first, second = record["Definition"]
    for text in ([first, second], first, ["", first, second]):
        texts = NIV2.constants_of(record | {"Definition": text}, NIV2.member(name))
        assert texts["definition"] == first.strip()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.id)
def test_every_template_asks_with_the_definition_and_the_input(template):
    assert {"definition", "input"} <= template.fields("inputs")
    assert template.kind == "forward" and template.targets == "{answer}"


def test_lines_of_examples_go_where_a_source_has_none():
    texts = dict.fromkeys(NIV2.constants, "") | {"definition": "Do it.", "input": "THE INPUT"}
    for template in TEMPLATES:
        prompt = render(template, Example(fields=texts, answer="x")).inputs
        labels = ("xample", "solved", "instance", "Because", "Why", "olution 1", "Shown", "eason")
        assert not any(label in prompt for label in labels), prompt
        assert "\n\n\n" not in prompt and "THE INPUT" in prompt


def test_golden_renderings(request):
    examples = [example for name, task in tasks().items() for example in filled(name, task)[0]]
    # One task after another, so that each template meets several.
    in_turn = sorted(examples, key=lambda example: int(example.key.split(":")[1]))
    text = golden_text("niv2", TEMPLATES, in_turn[:40])
    if request.config.getoption("--update-golden"):
        GOLDEN.parent.mkdir(parents=True, exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8", newline="\n")
    assert GOLDEN.exists(), "run pytest --update-golden and read the file aloud"
    assert text == GOLDEN.read_text(encoding="utf-8"), "prompts changed; read the diff"
