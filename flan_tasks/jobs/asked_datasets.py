"""Which datasets names ask for, by which templates, and how these are answered."""

from collections.abc import Mapping
from dataclasses import replace

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.declared import ordered
from flan_tasks.core.errors import DeclarationError, UnknownNameError
from flan_tasks.core.naming import MIXTURE, PREFIX, MixtureName, parse_name
from flan_tasks.core.user_code import import_module
from flan_tasks.datasets import catalog
from flan_tasks.decontamination.matches import evaluation_side
from flan_tasks.evaluation.units import Evaluation
from flan_tasks.jobs.asked_suites import suites_of
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.specs.eval_config import QuestionSpec
from flan_tasks.suites.library import is_suite

# What `split` says -> the splits.
SPLITS: Mapping[str, tuple[str, ...]] = {
    "validation": ("validation",),
    "test": ("test",),
    "both": ("validation", "test"),
}


def datasets_of(spec: QuestionSpec) -> tuple[Dataset, ...]:
    """Returns all datasets that names ask for, those of suites among them.

    Raises:
      UnknownNameError: a name is unknown.
      DeclarationError: what is asked contradicts itself.
    """
    suites = suites_of(spec)
    of_strings = [name for suite, _ in suites.of_strings for name in suite.datasets]
    of_templates = [d for one in suites.of_templates(catalog()) for d in one.evaluation.datasets]
    return (*evaluation_of(spec).datasets, *catalog().expand(of_strings), *of_templates)


def evaluation_of(spec: QuestionSpec) -> Evaluation:
    """Returns what names ask for, suites aside; `flan:` names mean what they do in SeqIO.

    Raises:
      UnknownNameError: a name is unknown.
      DeclarationError: names contradict each other or the method.
    """
    for name in spec.modules:
        import_module(name, "modules")
    method, variation = str(spec.method), spec.variation
    names = tuple(name for name in spec.names if not is_suite(name))
    parsed = [_plain(name) for name in names]
    plain, templates, methods = zip(*parsed, strict=True) if parsed else ((), (), ())
    named = tuple(name for name in templates if name)
    if named:
        variation = replace(variation, templates=(*(variation.templates or ()), *named))
    if method == "auto" and any(methods):
        if "generate" in methods and len(set(methods)) > 1:
            raise DeclarationError(
                f"{', '.join(names)}: some of these names mean generation, others do not; say "
                "--method for all, or give them in two commands"
            )
        # With names of tasks that have no method of their own, auto ranks these all the same.
        method = methods[0] if len(set(methods)) == 1 else method
    sides = {d.name: d for name in plain for d in evaluation_side(catalog(), name)}
    datasets = ordered(sides.values())
    variation.check_templates((d.name, catalog().templates(d.name).ids) for d in datasets)
    return Evaluation(
        datasets=datasets,
        splits=SPLITS[spec.split],
        method=method,
        examples=spec.num_examples,
        seed=spec.seed,
        source=SourceChoice(spec.source, spec.place),
        variation=variation,
        allow_missing=spec.allow_missing,
        normalize=spec.normalizations,
    )


def _plain(name: str) -> tuple[str, str, str]:
    """Returns the dataset or mixture a name means, its template and its method."""
    known, rest = catalog(), name.removeprefix(PREFIX)
    if rest == name and ("." not in name or known.knows(name)):
        return name, "", ""
    if rest != name and not rest.startswith(f"{MIXTURE}.") and known.names_several(rest):
        return rest, "", ""
    if rest != name and rest.startswith(f"{MIXTURE}."):
        mixture = parse_name(name)
        assert isinstance(mixture, MixtureName)
        return mixture.name, "", ""
    try:
        asked = known.task_name(name)
    except UnknownNameError:
        if rest == name:  # looked for among mixtures too
            return name, "", ""
        raise
    template = f"{asked.dataset}.{asked.template}" if asked.template else ""
    method = ("rank" if asked.is_rank else "generate") if template else ""
    return asked.dataset, template, method
