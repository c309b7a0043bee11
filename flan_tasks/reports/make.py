"""The report of a build: beside its shards while it is made, or from its directory afterwards."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flan_tasks.chat.files import TOKENIZER
from flan_tasks.chat.kept import KEPT
from flan_tasks.core.errors import BuildError, DeclarationError
from flan_tasks.core.parsing import parse_json
from flan_tasks.engine.directory import read_manifest
from flan_tasks.engine.manifest_check import TEXT, list_of, map_of, object_of
from flan_tasks.engine.run_local import TEMPLATES, Report
from flan_tasks.plan.plan import Plan
from flan_tasks.reports.packed_tables import FORMAT
from flan_tasks.reports.page_file import make_page
from flan_tasks.reports.sample import DEFAULT_EXAMPLES, Sample, no_ids, sample_files, sample_plan
from flan_tasks.reports.stored import check_file
from flan_tasks.vocabulary import Vocabulary, open_here, open_recorded

# What templates.json holds.
_TEMPLATES = map_of(list_of(object_of(dict.fromkeys(("id", "kind", "inputs", "targets"), TEXT))))


def reporter(plan: Plan, vocabulary: Vocabulary | None) -> Report:
    """Returns what makes the report of a build of `plan`, for `run_local.build`."""

    def report(folder: Path, manifest: Mapping[str, Any]) -> str:
        sample = sample_plan(plan, manifest, folder, size=DEFAULT_EXAMPLES, vocabulary=vocabulary)
        return make_page(manifest, sample, templates=read_templates(folder, manifest))

    return report


def read_build(
    folder: Path, *, examples: int = DEFAULT_EXAMPLES, vocabulary: str | None = None
) -> tuple[dict[str, Any], Sample]:
    """Returns the manifest of a complete build and a sample of its examples.

    Args:
      folder: the build.
      examples: how many to sample.
      vocabulary: bytes, t5 or a path; by default that of the build, if this machine has it.

    Raises:
      BuildError: the directory is no complete build, or a file of it cannot be read.
      VocabularyError: `vocabulary` cannot be found.
      DeclarationError: the ids of the build are not of that vocabulary.
    """
    manifest = read_manifest(folder)
    opened = _vocabulary(folder, manifest, vocabulary)
    return manifest, sample_files(folder, manifest, size=examples, vocabulary=opened)


def report_of(
    folder: Path,
    *,
    examples: int = DEFAULT_EXAMPLES,
    vocabulary: str | None = None,
    told: Callable[[str], None] | None = None,
) -> str:
    """Returns the report of a complete build; arguments and errors as for `read_build`.

    Args:
      told: called with a line that says how to get tokens, where the build has some and its
        vocabulary is not available.
    """
    manifest, sample = read_build(folder, examples=examples, vocabulary=vocabulary)
    if told and manifest["vocabulary"] and sample.examples and sample.vocabulary is None:
        told(no_ids(manifest))
    return make_page(manifest, sample, templates=read_templates(folder, manifest))


def read_templates(folder: Path, manifest: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Returns task -> templates of a build; nothing where it holds none.

    Raises:
      BuildError: they cannot be read, or are not what the manifest says.
    """
    path = folder / TEMPLATES
    if not path.exists() and TEMPLATES not in {entry["path"] for entry in manifest["files"]}:
        return {}
    check_file(folder, manifest, TEMPLATES)
    try:
        templates = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BuildError(f"{path} is damaged: {error}") from error
    if wrong := list(_TEMPLATES.problems("", templates)):
        raise BuildError(f"{path} is damaged: {wrong[0]}")
    return templates


def _vocabulary(folder: Path, manifest: Mapping[str, Any], name: str | None) -> Vocabulary | None:
    made_with = manifest["vocabulary"]
    if name is None:
        beside = folder / KEPT / TOKENIZER
        # Without it, the sample says so.
        return open_here(made_with, beside=beside) if made_with else None
    opened = open_recorded(name, made_with)
    if manifest["format"] == FORMAT and opened.name != made_with:
        raise DeclarationError(
            f"the ids of this build are of vocabulary {made_with}, not {opened.name}"
        )
    return opened
