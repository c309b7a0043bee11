"""What is looked at from Python before a build and after: prompts, templates, rows, overlap."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flan_tasks.core import extras
from flan_tasks.core.arguments import Arguments
from flan_tasks.core.configuration import resolve
from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.origin import SOURCE_KINDS
from flan_tasks.datasets import catalog
from flan_tasks.specs.build_spec import BuildSpec, build_spec_of
from flan_tasks.specs.chat_choices import CHOICES, ChatAsked, ChatChoices
from flan_tasks.specs.contamination_presets import PRESETS

if TYPE_CHECKING:
    from flan_tasks.jobs.chat_check import ChatCheck
    from flan_tasks.jobs.contamination import Contamination
    from flan_tasks.jobs.lint import LintResult
    from flan_tasks.jobs.show import ShownPrompts
    from flan_tasks.jobs.sources import SourceStates


def show(
    mixture: str | os.PathLike[str] | Mixture | BuildSpec,
    number: int | None = 3,
    *,
    template: str | None = None,
    **settings: Any,
) -> ShownPrompts:
    """Returns prompts as a build draws them, which a notebook shows; `flan show`.

    They are the first rows of a build of the same settings.

    Args:
      mixture: a mixture, cluster or dataset by name, a TOML file, a `Mixture`; or a whole
        `BuildSpec`.
      number: how many; None is one for each template of one dataset.
      template: the one template of one dataset that is shown.
      **settings: the fields of `BuildSpec`, such as `seed=1` or `shots=2`; by default rows are the
        embedded ones, or those of the declared source where nothing must be downloaded for it, and
        the split is the first there is.

    Raises:
      UnknownNameError: a name is unknown, that of a setting among them.
      ConfigError: settings have the wrong type or range, or do not go together.
      SourceUnavailableError: rows are not available.
    """
    with extras.needed_for("Showing prompts"):
        from flan_tasks.jobs.show import shown_prompts
        from flan_tasks.vocabulary import asked_vocabulary, open_vocabulary

    if number is not None and (type(number) is not int or number < 1):
        raise DeclarationError(f"number {number!r}: wanted 1 or more, or None for each template")
    is_whole = isinstance(mixture, BuildSpec)
    spec = build_spec_of(mixture, settings)
    name = asked_vocabulary(spec)
    return shown_prompts(
        spec,
        number=number,
        template=template,
        vocabulary=open_vocabulary(name) if name is not None else None,
        fit=spec.lengths is not None,
        nearest=not is_whole and settings.get("source") is None,
        any_split=not is_whole and settings.get("split") is None,
    )


def lint(
    names: str | Sequence[str] = (),
    *,
    source: str | None = None,
    data_dir: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None = None,
    most: int | None = 20_000,
    progress: Callable[[str], None] | None = None,
) -> LintResult:
    """Looks at templates alone, together, and filled with rows; `flan lint`.

    Args:
      names: datasets and clusters; none means all.
      source: kind of source that rows are read from; None is the embedded rows, and the files of
        datasets that declare files.
      data_dir: a prepared TFDS tree, or a folder of files; or a mapping of datasets, clusters or
        kinds of source to their own.
      most: rows of each split that are read from a source; None is all.
      progress: told what is being read; None is quiet.

    Raises:
      UnknownNameError: a name is none of a dataset, cluster or kind of source.
      ConfigError: an argument has the wrong type or range.
    """
    given = Arguments("lint")
    chosen = given.names("names", names)
    place = given.data_dirs(data_dir, expand=catalog().expand)
    if most is not None:
        given.count("most", most)
    _check_source(source)
    with extras.needed_for("Reading rows"):
        from flan_tasks.jobs.lint import lint as job

    return job(chosen, source=source, data_dir=place, most=most, progress=progress)


def sources(
    names: str | Sequence[str] = (),
    *,
    source: str | None = None,
    data_dir: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None = None,
) -> SourceStates:
    """Says for datasets and clusters, or all, if rows are available; `flan sources`.

    Nothing is downloaded.

    Args:
      names: datasets and clusters; none means all.
      source: kind of source; None is what `configure` or the environment say, or declared.
      data_dir: a prepared TFDS tree, or a folder of files; or a mapping of datasets, clusters or
        kinds of source to their own.

    Raises:
      UnknownNameError: a name is none of a dataset, cluster or kind of source.
      ConfigError: an argument has the wrong type.
    """
    given = Arguments("sources")
    asked = given.names("names", names)
    chosen = resolve(source=source, data_dir=given.data_dirs(data_dir, expand=catalog().expand))
    with extras.needed_for("Reading rows"):
        from flan_tasks.jobs.sources import sources as job

    return job(asked, source=chosen.source, data_dir=chosen.data_dir)


def chat_check(
    folder: str | os.PathLike[str],
    *,
    chat_date: str | None = None,
    system: str | None = None,
    reasoning: str | None = None,
    build: str | os.PathLike[str] | None = None,
) -> ChatCheck:
    """Proves what of a tokenizer's chat template a model would be trained on; `flan chat-check`.

    A proof that fails is in the result (`holds`, `fault`) and raises nothing.

    Args:
      folder: the tokenizer's files: tokenizer.json and a chat template, as transformers saves them.
      chat_date: what the template takes for today, as 2024-07-26, which is the default.
      system: system prompt of conversations that have none.
      reasoning: thoughts before answers: `keep` (the default), `drop` or `field`.
      build: a build of conversations, whose golden ids are compared; its date, system prompt and
        choice of reasoning are taken, and none may be given.

    Raises:
      ChatTemplateError: the folder has no template, or none whose answers can be told.
      VocabularyError: the tokenizer cannot be read.
      BuildError: the build is not complete, or none of conversations.
      ConfigError: an argument has the wrong type or range.
      DeclarationError: choices are given beside a build, which says them.
    """
    given = Arguments("chat_check")
    place = given.path("folder", folder)
    built = None if build is None else given.path("build", build)
    for name, text in (("chat_date", chat_date), ("system", system)):
        if text is not None and not isinstance(text, str):
            raise given.refuse(name, text, "a text")
    if reasoning is not None and reasoning not in CHOICES:
        raise given.refuse("reasoning", reasoning, ", ".join(CHOICES))
    asked = ChatAsked(date=chat_date, system=system, reasoning=reasoning)
    if built is not None and asked.choices:
        raise DeclarationError(f"{', '.join(asked.choices)}: the build says it; leave it out")
    with extras.needed_for("Proving a chat template"):
        from flan_tasks.jobs.chat_check import chat_check as job

    return job(place, choices=asked.over(ChatChoices()), build=built)


def contamination(
    folder: str | os.PathLike[str],
    against: str | Sequence[str],
    *,
    preset: str = PRESETS[0],
    source: str | None = None,
    data_dir: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None = None,
    allow_missing: bool = False,
    store: str | os.PathLike[str] | None = None,
    show: int = 2,
    progress: Callable[[str], None] | None = None,
) -> Contamination:
    """Compares the examples of a build with evaluation sets; `flan contamination`.

    Args:
      folder: the build.
      against: datasets, clusters or mixtures, whose held-out side is meant; or files and folders:
        MMLU, BBH and MGSM as published, or tables of texts.
      preset: the rule: fields, gpt3 or tulu.
      source: kind of source; None is where the build's rows came from, as far as nothing must be
        downloaded.
      data_dir: a prepared TFDS tree, or a folder of files; or a mapping of datasets, clusters or
        kinds of source to their own.
      allow_missing: compare with the sets that are available.
      store: where examples are kept; None is the usual place.
      show: matches quoted for each pair of datasets.
      progress: told what is being done; None is quiet.

    Raises:
      UnknownNameError: a name is none, or the build has a dataset that is not known.
      ConfigError: an argument has the wrong type or range, or `against` is empty.
      BuildError: the folder is no build, or its rows are not those it was made of.
      SourceUnavailableError: rows are not available.
    """
    given = Arguments("contamination")
    place, asked = given.path("folder", folder), given.names("against", against, least=1)
    dirs = given.data_dirs(data_dir, expand=catalog().expand)
    given.count("show", show, least=0)
    if preset not in PRESETS:
        raise given.refuse("preset", preset, ", ".join(PRESETS))
    _check_source(source)
    with extras.needed_for("Comparing"):
        from flan_tasks.jobs.contamination import contamination as job

    return job(
        place,
        asked,
        preset=preset,
        source=source,
        data_dir=dirs,
        allow_missing=allow_missing,
        store=given.place("store", store) if store is not None else None,
        show=show,
        progress=progress,
    )


def _check_source(source: str | None) -> None:
    if source is not None and source not in SOURCE_KINDS:
        raise unknown_name("source", source, SOURCE_KINDS)
