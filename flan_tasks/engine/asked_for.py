"""What the record of a build says of how it was asked for."""

import shlex
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from flan_tasks.core.errors import BuildError, UnknownNameError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.origin import DECLARED, SOURCE_KINDS
from flan_tasks.core.variation import Variation
from flan_tasks.specs.build_spec import BuildSpec


def recorded_spec(manifest: Mapping[str, Any]) -> BuildSpec:
    """Returns what a build was asked for, its mixture as it was declared then.

    Where rows lie is in no record, and modules are for whoever reads it to import.

    Raises:
      BuildError: it was asked for with options that this version does not have.
    """
    mixture = Mixture(**_known(Mixture, manifest["mixture"]))
    spec = (manifest.get("recipe") or {}).get("spec")
    if isinstance(spec, Mapping):
        try:
            asked = BuildSpec.from_json({**spec, "mixture": mixture})
        except UnknownNameError as error:
            raise BuildError(
                f"the build was made with an option of another version of flan_tasks: {error}"
            ) from error
    else:  # releases up to 0.1.0
        asked = BuildSpec(
            mixture=mixture,
            split=manifest["split"],
            format=manifest["format"],
            seed=manifest["seed"],
            examples=manifest.get("planned", manifest["examples"]),
            drop_contaminated=(manifest.get("decontaminated") or {}).get("against", ()),
            **_known(Variation, manifest.get("variation") or {}),
        )
    # Which sets it was compared with may have been some of those that were asked for; with others
    # the rows left would be others, which whoever reopens it is told.
    is_partly = bool(manifest["missing"]) or bool(manifest.get("decontaminated"))
    return replace(asked, allow_missing=is_partly)


def _known(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if name in names
    }


def source_of(manifest: Mapping[str, Any]) -> str:
    """Returns the kind of source a build was read from."""
    kinds = _values(manifest, "source", "--source")
    return kinds[0] if kinds and kinds[0] in SOURCE_KINDS else DECLARED


def modules_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the modules of its user's that a build was made with."""
    return _values(manifest, "modules", "--module")


def _values(manifest: Mapping[str, Any], field: str, option: str) -> tuple[str, ...]:
    recipe = manifest.get("recipe")
    spec = recipe.get("spec") if isinstance(recipe, Mapping) else None
    if isinstance(spec, Mapping):
        value = spec.get(field, ())
        return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)
    # Releases up to 0.1.0 kept the command alone.
    try:
        words = shlex.split(str(manifest.get("command", "")))
    except ValueError:  # a quotation mark without its other
        return ()
    pairs = zip(words, words[1:], strict=False)
    return tuple(value for word, value in pairs if word == option)
