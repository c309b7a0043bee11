"""Lint: what is wrong with templates, alone, together and filled with rows.

Every finding is one line: file, template, what is wrong, what would be right.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import FLAN_2021, Dataset
from flan_tasks.core.example import Example
from flan_tasks.core.lint_labels import label_problems
from flan_tasks.core.render import Rendered, render
from flan_tasks.core.template import ANSWER, FORWARD, INVERTED, OPTIONS, Template, TemplateSet

NUM_FORWARD = 10
MAX_INVERTED = 3
# Answer, question and reasoning can be asked for in four ways.
MAX_INVERTED_REASONED = 4

# Share of common word triples above which two wordings are one wording with words changed.
NEAR_WITHIN = 0.55
NEAR_ACROSS = 0.70
# Wordings with fewer words than this say too little to be compared across datasets.
MIN_WORDS = 6

_WORD = re.compile(r"\{[a-z0-9_]+\}|[^\W_]+(?:['’][^\W_]+)?")
_CLAIMS_LIST = re.compile(
    r"\b(options|choices|alternatives) (below|listed|given|above|provided)\b"
    r"|\b(listed|following|given) (options|choices|alternatives)\b"
    r"|\b(one|which) of the (options|choices|alternatives)\b"
    r"|\b(choose|pick|select) from the (list|options|choices)\b",
    re.IGNORECASE,
)
_DOUBLED = re.compile(r"\?\?|\?\.(?!\w)|(?<!\.)\.\.(?!\.)|,,|!\?|\.\?| ,| \?(?=\s|$)|,\.|;\.|:\.")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    path: str
    """Template file, relative to the project."""
    template: str
    """Template id; empty where the file as a whole is meant."""
    problem: str
    """What is wrong and what would be right."""
    is_hint: bool = False
    """Whether it is a rule of this project's own files, or of odd rows, that others need not
    keep."""

    def __str__(self) -> str:
        place = f'{self.path}: template "{self.template}"' if self.template else self.path
        return f"{place}: {'hint: ' if self.is_hint else ''}{self.problem}"


def lint_set(
    dataset: Dataset,
    templates: TemplateSet,
    examples: Sequence[Example],
    *,
    rows: Sequence[Example] = (),
    own: bool = False,
    worded: bool = True,
) -> list[Finding]:
    """Checks one dataset's templates, alone and filled.

    Args:
      dataset: the declaration.
      templates: its templates.
      examples: fill every template; they are written to be filled in well.
      rows: fill every template as well; what they bring about is a hint, as rows are as they are.
      own: whether the dataset is a user's, for whom the rules of this collection are hints.
      worded: whether the wording is in the templates, and not in a field as that of prompts that
        others wrote, for which these rules do not hold.
    """
    path = templates.path
    findings = [
        Finding(path, template.id, problem)
        for template in templates
        for problem in (
            *_check_fields(dataset, template),
            *_check_wording(template),
            *_check_direction(dataset, template),
        )
    ]
    findings += [
        Finding(path, one.id, p, own) for one in templates for p in label_problems(dataset, one)
    ]
    findings += [Finding(path, "", p) for p in _check_whole(dataset, templates)]
    if worded:
        # A user's own rows show what the templates look like filled.
        wants_example = not (own and (examples or rows))
        rules = _check_house_rules(dataset, templates, wants_example=wants_example)
        findings += [Finding(path, "", problem, own) for problem in rules]
    if findings and any("uses {" in finding.problem for finding in findings):
        return findings  # filling would only repeat these
    shown = list(examples)
    if templates.example is not None:
        example, problems = _shown_example(dataset, templates)
        findings += [Finding(path, "", problem) for problem in problems]
        shown += [example] if example else []
    for template in templates:
        found: dict[str, None] = {}
        for example in shown:
            found |= dict.fromkeys(_check_rendered(dataset, template, example))
        findings += [Finding(path, template.id, problem) for problem in found]
        findings += [
            Finding(path, template.id, problem, True)
            for problem in _check_rows(dataset, template, rows)
        ]
    return findings


def _check_rows(dataset: Dataset, template: Template, rows: Sequence[Example]) -> Iterable[str]:
    """Yields each kind of problem once, with the first row that has it and how many do."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for example in rows:
        kinds: dict[str, str] = {}
        for problem in _check_rendered(dataset, template, example):
            # What is quoted differs from row to row.
            kinds.setdefault(problem.split(" at ")[0].split(" (with")[0], problem)
        counts.update(kinds.keys())
        for kind, problem in kinds.items():
            first.setdefault(kind, problem)
    for kind, problem in first.items():
        more = counts[kind] - 1
        yield problem + (f", and with {more:,} more of {counted(len(rows), 'row')}" if more else "")


def lint_across(sets: Iterable[TemplateSet]) -> list[Finding]:
    """Finds wordings that stand in two files with a word or two changed."""
    unique = {templates.path: templates for templates in sets}
    wordings = [
        (templates.path, template.id, _words(template.inputs))
        for templates in unique.values()
        for template in templates
    ]
    rich = [(p, i, _triples(w)) for p, i, w in wordings if _num_plain(w) >= MIN_WORDS]
    by_triple: dict[tuple[str, ...], list[int]] = {}
    for number, (_, _, triples) in enumerate(rich):
        for triple in triples:
            by_triple.setdefault(triple, []).append(number)
    pairs = {
        (a, b)
        for numbers in by_triple.values()
        for a in numbers
        for b in numbers
        if a < b and rich[a][0] != rich[b][0]
    }
    findings = []
    for a, b in sorted(pairs):
        near = _similarity(rich[a][2], rich[b][2])
        if near >= NEAR_ACROSS:
            findings.append(
                Finding(
                    rich[b][0],
                    rich[b][1],
                    f"{near:.0%} of its wording is that of {rich[a][0]}, template "
                    f'"{rich[a][1]}"; say it another way',
                )
            )
    return findings


def _check_fields(dataset: Dataset, template: Template) -> Iterable[str]:
    yield from template.unknown_fields(dataset.template_fields)
    if OPTIONS in template.fields("targets"):
        yield "its targets list the options; a target is one text to be learned"


def _check_wording(template: Template) -> Iterable[str]:
    for part in ("inputs", "targets", "inputs_without_options"):
        text = getattr(template, part)
        if text != text.strip():
            yield f"{part} begin or end with a blank or an empty line"
        if re.search(r"\S  +\S", text):
            yield f"{part} have two blanks in a row"
        if re.search(r"[^\S\n]\n", text):
            yield f"{part} have a blank at the end of a line"
        if "\n\n\n" in text:
            yield f"{part} have two empty lines in a row"
    for line in template.inputs.split("\n"):
        if "{options}" in line and line != "{options}":
            yield "{options} must stand alone on its line"
    without = template.inputs_without_options or template.inputs
    if OPTIONS not in template.fields("inputs") and _CLAIMS_LIST.search(template.inputs):
        yield "speaks of a list of options and has no {options} line"
    elif OPTIONS in template.fields("inputs") and _CLAIMS_LIST.search(without):
        yield (
            "its wording refers to the list of options, so it reads badly without it; reword it, "
            "or give inputs_without_options"
        )
    if template.inputs_without_options and OPTIONS in template.fields("inputs", options=False):
        yield "inputs_without_options holds {options}"
    if template.inputs_without_options and OPTIONS not in template.fields("inputs"):
        yield "has inputs_without_options and no {options} line to be left out"


def _check_direction(dataset: Dataset, template: Template) -> Iterable[str]:
    inputs, targets = template.fields("inputs"), template.fields("targets")
    if template.kind == FORWARD:
        if ANSWER in inputs:
            yield "a forward template's inputs hold {answer}, which gives the answer away"
        if dataset.rationale:
            yield from _check_reasoned(dataset.rationale, template)
        elif ANSWER not in targets:
            yield "a forward template's targets must hold {answer}"
        elif template.targets != "{answer}" and dataset.is_classification:
            yield "a classification target is {answer} alone, so that it can be ranked"
        fields = set(dataset.fields)
        # Options that differ from row to row say what is asked as well as a field does.
        own_options = dataset.options_per_example and OPTIONS in inputs
        if not inputs & fields and not (
            own_options and template.fields("inputs", options=False) & fields
        ):
            yield "its inputs use no field, so every prompt is the same"
    else:
        # Of written reasoning, the question and its answer can be asked for together.
        given = {ANSWER, dataset.rationale} if dataset.rationale else {ANSWER}
        if not inputs & given:
            yield "an inverted template's inputs must hold {answer}; it is what is turned round"
        answer_asked = ANSWER in targets and (ANSWER in inputs or not dataset.rationale)
        if answer_asked or not targets & set(dataset.fields):
            yield "an inverted template asks for a text or question of the source, not the answer"
        if OPTIONS in inputs and not template.inputs_without_options:
            yield (
                "an inverted template lists options, though it gives the answer; where what is "
                "asked for speaks of them, give inputs_without_options beside"
            )
        for name in sorted(inputs & targets - {ANSWER}):
            yield f"{{{name}}} is asked for and stands in the prompt"


def _check_reasoned(rationale: str, template: Template) -> Iterable[str]:
    """Yields what would keep a score from reading the answer behind the reasoning."""
    if rationale in template.fields("inputs"):
        yield f"a forward template's inputs hold {{{rationale}}}, which gives the answer away"
    order = [text for is_field, text in template.pieces["targets", True] if is_field]
    if order[:1] != [rationale] or not template.targets.endswith("{answer}"):
        yield (
            f"targets of a forward template give {{{rationale}}} first and end in {{answer}}, so "
            "that the answer is read behind the reasoning"
        )


def _check_whole(dataset: Dataset, templates: TemplateSet) -> Iterable[str]:
    if not templates.of_kind(FORWARD):
        yield "no forward template; nothing asks for the answer"
    used = {n for t in templates for part in ("inputs", "targets") for n in t.fields(part)}
    for name in dataset.fields:
        if name not in used:
            yield f'no template uses the field "{name}"'


def _check_house_rules(
    dataset: Dataset, templates: TemplateSet, *, wants_example: bool
) -> Iterable[str]:
    """What a template file of this collection has; a build takes others."""
    forward, inverted = templates.of_kind(FORWARD), templates.of_kind(INVERTED)
    # Ten is for the 62; a user's own dataset may have as many as it likes.
    if dataset.collection == FLAN_2021 and len(forward) != NUM_FORWARD:
        yield f"{counted(len(forward), 'forward template')}; {NUM_FORWARD} are wanted"
    most = MAX_INVERTED_REASONED if dataset.rationale else MAX_INVERTED
    if len(inverted) > most:
        yield f"{counted(len(inverted), 'inverted template')}; at most {most} are wanted"
    if not templates.comment:
        yield "no comment at its head that says what the task asks"
    if wants_example and templates.example is None:
        yield "no [example], whose values fill the templates where no row does"
    if dataset.is_classification:
        listing = sum(OPTIONS in template.fields("inputs") for template in forward)
        if 2 * listing <= len(forward):
            of_all = counted(len(forward), "forward template")
            yield f"{listing} of {of_all} list {{options}}; most should"
    prepared = [(t, _words(t.inputs)) for t in templates]
    for number, (one, words) in enumerate(prepared):
        for other, other_words in prepared[number + 1 :]:
            if one.kind != other.kind:
                continue
            near = _similarity(_triples(words), _triples(other_words))
            if near >= NEAR_WITHIN:
                yield (
                    f'templates "{one.id}" and "{other.id}" are {near:.0%} the same wording; '
                    "ask in another way"
                )
    starts: dict[str, list[str]] = {}
    for template, words in prepared:
        starts.setdefault(" ".join(w.lower() for w in words[:3]), []).append(template.id)
    for start, ids in starts.items():
        if len(ids) > 3 and not start.startswith("{"):
            yield f'{len(ids)} templates begin with "{start}": {", ".join(ids)}'


def _shown_example(dataset: Dataset, templates: TemplateSet) -> tuple[Example | None, list[str]]:
    shown = templates.example
    assert shown is not None
    problems = []
    if set(shown.fields) != set(dataset.fields):
        problems.append(
            f"[example] has {sorted(shown.fields)}; "
            f"the dataset's fields are {sorted(dataset.fields)}"
        )
    if dataset.options and shown.options != dataset.options:
        problems.append(f"[example] options must be {list(dataset.options)}")
    if dataset.is_classification and not shown.options:
        problems.append("[example] lacks options")
    if not dataset.is_classification and shown.options:
        problems.append("[example] has options, the dataset has none")
    if problems:
        return None, problems
    return (
        Example(fields=shown.fields, answer=shown.answer, options=shown.options, key="[example]"),
        [],
    )


def _check_rendered(dataset: Dataset, template: Template, example: Example) -> Iterable[str]:
    for options in (True, False) if dataset.is_classification else (True,):
        filled = render(template, example, options=options)
        where = f"with row {example.key}" + ("" if options else ", options off")
        for problem in _look_at(dataset, template, example, filled, shown=options):
            yield f"{problem} ({where})"


def _look_at(
    dataset: Dataset, template: Template, example: Example, filled: Rendered, *, shown: bool
) -> Iterable[str]:
    if not filled.inputs.strip():
        yield "the prompt is empty"
    if not filled.targets.strip():
        yield "the target is empty"
    if filled.inputs != filled.inputs.strip() or filled.targets != filled.targets.strip():
        yield "the prompt or target begins or ends with a blank, so a field there may be empty"
    if template.kind == FORWARD and dataset.is_ranked:
        if filled.targets not in example.options:
            yield "the target is not among the options"
    bare = _around_fields(template, example)
    if '""' in bare or "''" in bare or "“”" in bare:
        yield "quotation marks stand around an empty field"
    # Only what the template itself brings about counts: rows may hold odd marks of their own.
    used = "\n".join(
        _value(name, example) for is_field, name in template.pieces["inputs", shown] if is_field
    )
    for match in _DOUBLED.finditer(filled.inputs):
        found = match.group(0)
        if filled.inputs.count(found) > used.count(found):
            context = filled.inputs[max(0, match.start() - 12) : match.end()]
            yield f"punctuation doubles up at {context!r}"
            break
    if "\n\n\n" in filled.inputs and "\n\n\n" not in used:
        yield "two empty lines in a row, so a field may be empty"


def _value(name: str, example: Example) -> str:
    if name == ANSWER:
        return example.answer
    return "\n".join(example.options) if name == OPTIONS else example.fields[name]


def _around_fields(template: Template, example: Example) -> str:
    """The prompt with every non-empty field replaced by a letter, to look at its marks alone."""
    return "".join(
        text if not is_field else ("x" if text in (ANSWER, OPTIONS) or example.fields[text] else "")
        for is_field, text in template.pieces["inputs", True]
    )


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _num_plain(words: Sequence[str]) -> int:
    return sum(not word.startswith("{") for word in words)


def _triples(words: Sequence[str]) -> frozenset[tuple[str, ...]]:
    padded = ["^", *words, "$"]
    return frozenset(tuple(padded[i : i + 3]) for i in range(len(padded) - 2))


def _similarity(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    union = len(one | other)
    return len(one & other) / union if union else 0.0
