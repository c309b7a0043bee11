"""What the card of a build says of how options are listed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flan_tasks.core.option_styles import BOTH, LABEL, PLAIN_STYLE, TEXT, VARIED
from flan_tasks.core.parts import OPTION_FIELDS


def option_lines(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yields how options are listed, by the build, the mixture or parts of it."""
    # Manifests of before have no word of it.
    of_build = {name: manifest["variation"].get(name) for name in OPTION_FIELDS}
    whole = {
        name: manifest["mixture"].get(name) or of_build[name] or default
        for name, default in zip(OPTION_FIELDS, (PLAIN_STYLE, TEXT), strict=True)
    }
    for place, (style, targets) in [
        ("", tuple(whole.values())),
        *_styles_of_parts(manifest["mixture"].get("parts", ()), whole),
    ]:
        if style != PLAIN_STYLE:
            listed = "in a style drawn for each row" if style == VARIED else f"in style {style}"
            what = {TEXT: "text", LABEL: "label", BOTH: "label and text"}
            yield (
                f"{place}Options are listed {listed}; where the style labels them, and the wording "
                f"does not ask for their words, the target is the answer's {what[targets]}."
            )


def _styles_of_parts(
    parts: Iterable[Mapping[str, Any]], around: Mapping[str, str], path: str = ""
) -> Iterator[tuple[str, tuple[str, str]]]:
    for part in parts:
        here = {name: part.get(name) or around[name] for name in OPTION_FIELDS}
        name = f"{path}{part['name']}"
        if any(part.get(name) for name in OPTION_FIELDS):
            yield f"Part {name}: ", (here["option_style"], here["option_targets"])
        yield from _styles_of_parts(part.get("parts", ()), here, f"{name}/")
