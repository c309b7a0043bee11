"""Prompts of a dataset or mixture, as a build draws them, without building it."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

from flan_tasks.core import notebook
from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import SourceUnavailableError, TooFewRowsError, unknown_name
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.splits import SPLITS
from flan_tasks.core.template import KINDS
from flan_tasks.core.user_code import import_module
from flan_tasks.datasets import catalog
from flan_tasks.engine.from_spec import declared_mixture, plan_rows, prepare_spec
from flan_tasks.engine.preview import nearest_source, preview, preview_templates
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.prepare import Prepared, SourceChoice
from flan_tasks.plan.token_lengths import Measure, with_mean_tokens
from flan_tasks.raw_rows.shared_tables import stand_in_note
from flan_tasks.specs.build_spec import BuildSpec
from flan_tasks.vocabulary import Vocabulary


@dataclass(frozen=True)
class ShownPrompt:
    """One prompt with what it is made of."""

    dataset: str
    """The dataset."""
    template: str
    """Id of its template."""
    kind: str
    """Kind of the template."""
    key: str
    """Key of the example."""
    inputs: str
    """What a model reads."""
    targets: str
    """What it learns to answer."""
    num_shots: int
    """Exemplars before the query."""
    shortened: tuple[str, ...]
    """Fields that were shortened to fit."""
    part: str = ""
    """Path of the part of the mixture that it is of; empty where there are none."""
    prompt_type: str = ""
    """One of `core.parts.PROMPT_TYPES`, where there are parts."""

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON-able values."""
        names = ["dataset", "template", "kind", "key", "inputs", "targets", "num_shots"]
        of_parts = ["part", "prompt_type"] if self.part else []
        values = {name: getattr(self, name) for name in (*names, *of_parts)}
        return values | {"shortened": list(self.shortened)}

    def _repr_html_(self) -> str:
        return _page([self])


class ShownPrompts(Sequence[ShownPrompt]):
    """Prompts as a list, which a notebook shows."""

    def __init__(self, prompts: Sequence[ShownPrompt]) -> None:
        self._prompts = tuple(prompts)

    @overload
    def __getitem__(self, place: int) -> ShownPrompt: ...
    @overload
    def __getitem__(self, place: slice) -> "ShownPrompts": ...
    def __getitem__(self, place: int | slice) -> "ShownPrompt | ShownPrompts":
        if isinstance(place, slice):
            return ShownPrompts(self._prompts[place])
        return self._prompts[place]

    def __len__(self) -> int:
        return len(self._prompts)

    def __repr__(self) -> str:
        names = ", ".join(dict.fromkeys(prompt.dataset for prompt in self._prompts))
        return f"<{counted(len(self), 'prompt')} of {names}>"

    def to_json(self) -> dict[str, Any]:
        """Returns them as JSON-able values."""
        return {"prompts": [prompt.to_json() for prompt in self._prompts]}

    def _repr_html_(self) -> str:
        return _page(self._prompts)


@dataclass(frozen=True)
class Shown:
    """Prompts that are made one by one, for as long as somebody asks."""

    prompts: Iterator[ShownPrompt]
    """The prompts, the first of a build."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Dataset without available rows -> why."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Dataset whose wording is not what it is named for -> what it is."""


class NotAvailableHereError(SourceUnavailableError):
    """No dataset has rows that can be shown at once; `problems` are (dataset, why)."""


def show(
    spec: BuildSpec,
    *,
    number: int | None = 3,
    template: str | None = None,
    vocabulary: Vocabulary | None = None,
    fit: bool = False,
    nearest: bool = True,
    any_split: bool = True,
    reading: Callable[[str], None] | None = None,
) -> Shown:
    """Returns the first prompts of a build, read from where rows are available at once.

    Args:
      spec: the build.
      number: how many; None is one for each template of one dataset.
      template: the one template of one dataset that is shown.
      vocabulary: what exemplars and lengths are measured by; None takes all exemplars.
      fit: whether prompts are made to fit the lengths, as in a build with ids.
      nearest: whether rows are the embedded ones, or those of the declared source where nothing
        must be downloaded for it, in the place of the source of `spec`.
      any_split: whether the split is the first there is, in the place of that of `spec`.
      reading: told what is being fetched or read.

    Raises:
      UnknownNameError: a dataset, cluster, mixture or template is none.
      ConfigError: one template, or one prompt for each, is asked of several datasets, or the
        build has no prompts.
      NotAvailableHereError: no row is available at once.
      SourceUnavailableError: rows are not available.
    """
    spec.check_shown()
    for name in spec.modules:
        import_module(name, "modules")
    mixture, _ = declared_mixture(spec, catalog())
    datasets = catalog().members(mixture)
    if (len(datasets) > 1 or mixture.parts) and (template or number is None):
        what = "holds several; one template, or each of them, is shown of one dataset"
        raise ConfigError("BuildSpec", [("mixture", what)])
    spec.variation.check_templates((d.name, catalog().templates(d.name).ids) for d in datasets)
    if template:
        spec = _one_template(spec, datasets[0], template)
    elif number is None and spec.kinds is None:
        spec = replace(spec, kinds=KINDS)
    source = _nearest(spec, datasets) if nearest else None
    # A cluster or mixture is shown without what is not there.
    spec = replace(spec, allow_missing=spec.allow_missing or len(datasets) > 1)
    splits = [s for s in SPLITS if any(s in d.splits.names for d in datasets)]
    spec, prepared = _prepared(spec, splits if any_split else [spec.split], source, reading)
    measure = Measure(vocabulary, spec.whole_lengths, fit)
    plan = plan_rows(with_mean_tokens(prepared, measure, seed=spec.seed), spec)
    budget = Budget(vocabulary, spec.whole_lengths["inputs"]) if vocabulary else None
    if number is None and not template:
        rows = preview_templates(plan, budget=budget, fit=fit)
    else:
        rows = preview(plan, number=number or len(plan), budget=budget, fit=fit)
    read_from = source or SourceChoice(spec.source, spec.place)
    notes = _notes([item.dataset for item in prepared.ingredients], read_from)
    return Shown(map(_shown, rows), {**prepared.missing, **prepared.too_small}, notes)


def _notes(datasets: Sequence[Dataset], source: SourceChoice) -> dict[str, str]:
    notes = {}
    for dataset in datasets:
        if dataset.family:
            samples = catalog().samples(dataset.name)
            kind = source.kind_of(dataset)
            if note := stand_in_note(dataset, kind, source.data_dir, samples):
                notes[dataset.name] = note
    return notes


def _prepared(
    spec: BuildSpec,
    splits: Sequence[str],
    source: SourceChoice | None,
    reading: Callable[[str], None] | None,
) -> tuple[BuildSpec, Prepared]:
    """Returns the examples of the first of some splits for which there are enough rows."""
    for split in splits:
        chosen = replace(spec, split=split)
        try:
            return chosen, prepare_spec(chosen, catalog(), source=source, progress=reading)
        except TooFewRowsError:
            if split == splits[-1]:
                raise
    raise AssertionError("every mixture has a split")


def shown_prompts(spec: BuildSpec, **settings: Any) -> ShownPrompts:
    """Returns what `show` does as a list."""
    return ShownPrompts(list(itertools.islice(show(spec, **settings).prompts, None)))


def _one_template(spec: BuildSpec, dataset: Dataset, template: str) -> BuildSpec:
    templates = catalog().templates(dataset.name)
    if template not in templates.ids:
        raise unknown_name(f"template of {dataset.name}", template, templates.ids)
    return replace(spec, templates=(template,), kinds=(templates[template].kind,))


def _nearest(spec: BuildSpec, datasets: Sequence[Dataset]) -> SourceChoice:
    choice, reasons = nearest_source(datasets, catalog(), data_dir=spec.place)
    if len(reasons) < len(datasets):
        return choice
    lines = [f"{name}: no embedded rows, and its source: {why}" for name, why in reasons.items()]
    raise NotAvailableHereError(
        "\n".join([*lines, 'source="declared" fetches what is missing']),
        problems=tuple(reasons.items()),
    )


def _shown(row: BuiltRow) -> ShownPrompt:
    return ShownPrompt(
        dataset=row.dataset.name,
        template=row.template.id,
        kind=row.template.kind,
        key=row.example.key,
        inputs=row.inputs,
        targets=row.targets,
        num_shots=row.num_shots,
        shortened=tuple(row.shortened),
        part=row.part,
        prompt_type=row.prompt_type,
    )


def _page(prompts: Sequence[ShownPrompt]) -> str:
    rows = [
        [f"{one.dataset} · {one.template} ({one.kind})\n{one.key}", one.inputs, one.targets]
        for one in prompts
    ]
    title = counted(len(prompts), "prompt")
    return notebook.page(title, notebook.table(("from", "prompt", "target"), rows))
