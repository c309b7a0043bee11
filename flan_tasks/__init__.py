"""Instruction mixtures from public datasets, as SeqIO tasks and as files for any trainer.

Importing this package imports neither TensorFlow nor JAX, reads no dataset and opens no socket.
Names are imported when they are first asked for, so that `flan` can handle signals before.
"""

import importlib
from typing import TYPE_CHECKING, Any

from flan_tasks.core.version import VERSION as __version__

if TYPE_CHECKING:
    from flan_tasks import datasets
    from flan_tasks.api.building import build, diff, report, shares, verify
    from flan_tasks.api.building import open_build as open
    from flan_tasks.api.declaring import add, templates
    from flan_tasks.api.looking import chat_check, contamination, lint, show, sources
    from flan_tasks.api.modeling import compare, evaluate, export, infer, results, scores, train
    from flan_tasks.core.configuration import configure
    from flan_tasks.core.dataset import Dataset
    from flan_tasks.core.errors import (
        BuildError,
        DeclarationError,
        EvaluationError,
        FlanTasksError,
        MissingLibraryError,
        ModelError,
        RowError,
        SourceUnavailableError,
        TemplateError,
        UnknownNameError,
        VocabularyError,
    )
    from flan_tasks.core.example import Example, Skip
    from flan_tasks.core.family import Family
    from flan_tasks.core.family_index import write_index
    from flan_tasks.core.field_checks import ConfigError
    from flan_tasks.core.member import Member
    from flan_tasks.core.mixture import Mixture
    from flan_tasks.core.origin import Alternative, Files, HuggingFace, Tfds
    from flan_tasks.core.parts import Part
    from flan_tasks.core.splits import Splits
    from flan_tasks.core.template import Template, TemplateSet
    from flan_tasks.core.variation import PromptSpec
    from flan_tasks.row_views.rows import rows
    from flan_tasks.seqio.calls import mixture, task
    from flan_tasks.specs.build_spec import BuildSpec
    from flan_tasks.specs.config import TrainSpec
    from flan_tasks.specs.eval_config import Decoding, EvalSpec, InferSpec
    from flan_tasks.specs.report_spec import ReportSpec
    from flan_tasks.specs.results_spec import ResultsSpec

__all__ = [
    "Alternative",
    "BuildError",
    "BuildSpec",
    "ConfigError",
    "Dataset",
    "Decoding",
    "DeclarationError",
    "EvalSpec",
    "EvaluationError",
    "Example",
    "Family",
    "Files",
    "FlanTasksError",
    "HuggingFace",
    "InferSpec",
    "Member",
    "MissingLibraryError",
    "Mixture",
    "ModelError",
    "Part",
    "PromptSpec",
    "ReportSpec",
    "ResultsSpec",
    "RowError",
    "Skip",
    "SourceUnavailableError",
    "Splits",
    "Template",
    "TemplateError",
    "TemplateSet",
    "Tfds",
    "TrainSpec",
    "UnknownNameError",
    "VocabularyError",
    "__version__",
    "add",
    "build",
    "chat_check",
    "compare",
    "configure",
    "contamination",
    "datasets",
    "diff",
    "evaluate",
    "export",
    "infer",
    "lint",
    "mixture",
    "open",
    "report",
    "results",
    "rows",
    "scores",
    "shares",
    "show",
    "sources",
    "task",
    "templates",
    "train",
    "verify",
    "write_index",
]

# Module -> the public names it has.
_NAMES = {
    "api.building": ("build", "diff", "open", "report", "shares", "verify"),
    "api.declaring": ("add", "templates"),
    "api.looking": ("chat_check", "contamination", "lint", "show", "sources"),
    "api.modeling": ("compare", "evaluate", "export", "infer", "results", "scores", "train"),
    "row_views.rows": ("rows",),
    "seqio.calls": ("mixture", "task"),
    "core.configuration": ("configure",),
    "core.dataset": ("Dataset",),
    "core.errors": (
        "BuildError",
        "DeclarationError",
        "EvaluationError",
        "FlanTasksError",
        "MissingLibraryError",
        "ModelError",
        "RowError",
        "SourceUnavailableError",
        "TemplateError",
        "UnknownNameError",
        "VocabularyError",
    ),
    "core.example": ("Example", "Skip"),
    "core.family": ("Family",),
    "core.family_index": ("write_index",),
    "core.member": ("Member",),
    "core.field_checks": ("ConfigError",),
    "core.mixture": ("Mixture",),
    "core.origin": ("Alternative", "Files", "HuggingFace", "Tfds"),
    "core.parts": ("Part",),
    "core.splits": ("Splits",),
    "core.template": ("Template", "TemplateSet"),
    "core.variation": ("PromptSpec",),
    "specs.build_spec": ("BuildSpec",),
    "specs.config": ("TrainSpec",),
    "specs.eval_config": ("Decoding", "EvalSpec", "InferSpec"),
    "specs.report_spec": ("ReportSpec",),
    "specs.results_spec": ("ResultsSpec",),
}


def _public(name: str) -> Any:
    if name == "datasets":
        return importlib.import_module("flan_tasks.datasets")
    homes = {one: module for module, names in _NAMES.items() for one in names}
    if name not in homes:
        raise AttributeError(f"module 'flan_tasks' has no attribute {name!r}")
    module = importlib.import_module(f"flan_tasks.{homes[name]}")
    value = getattr(module, "open_build" if name == "open" else name)
    if hasattr(value, "__dataclass_fields__"):
        from flan_tasks.core.field_docs import DocWithFields

        # For help(); the source has them under the fields.
        value.__doc__ = DocWithFields(value.__doc__)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]


if not TYPE_CHECKING:  # to whom the imports above say what there is, and nothing else
    __getattr__ = _public
