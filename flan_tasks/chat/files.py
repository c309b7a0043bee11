"""What the files of a tokenizer's folder say of chats: the template, named tokens, end tokens.

The template is looked for where `transformers` does: chat_template.jinja, then the key
chat_template of tokenizer_config.json, of several the one called default, then
chat_template.json.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import ChatTemplateError

TOKENIZER, TEMPLATE = "tokenizer.json", "chat_template.jinja"
_CONFIG, _MAP, _OLDER = "tokenizer_config.json", "special_tokens_map.json", "chat_template.json"
_GENERATION = "generation_config.json"
# All that is read here.
CHAT_FILES = (TEMPLATE, _CONFIG, _MAP, _OLDER, _GENERATION)
_DEFAULT = "default"
_NAMED = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


@dataclass(frozen=True)
class ChatFiles:
    """What a folder says of chats."""

    folder: Path
    """The folder."""
    template: str
    """Text of the template."""
    origin: str
    """The file it stands in."""
    tokens: Mapping[str, str]
    """What templates may name: bos_token, eos_token, ... -> the token's text."""
    end_ids: tuple[int, ...]
    """Numbers that end what a model generates, as generation_config.json has them; () where it is
    not there, or names none."""


def read_chat_files(folder: Path) -> ChatFiles:
    """Reads what a tokenizer's folder says of chats.

    Raises:
      ChatTemplateError: it is no folder, has no template, or a file is damaged.
    """
    if not folder.is_dir():
        raise ChatTemplateError(
            f"{folder} is no folder; want one with tokenizer.json and a chat template, as "
            "AutoTokenizer.from_pretrained(NAME).save_pretrained(DIR) writes it",
            where=str(folder),
        )
    config, others, ends = (_read(folder / name) for name in (_CONFIG, _MAP, _GENERATION))
    template, origin = _template(folder, config)
    return ChatFiles(folder, template, origin, _tokens(config, others), _numbers(ends))


def _template(folder: Path, config: Mapping[str, Any]) -> tuple[str, str]:
    path = folder / TEMPLATE
    if path.is_file():
        try:
            return path.read_text(encoding="utf-8"), TEMPLATE
        except (OSError, ValueError) as error:
            raise ChatTemplateError(f"{path} cannot be read: {error}", where=str(path)) from error
    for name, held in ((_CONFIG, config), (_OLDER, _read(folder / _OLDER))):
        if "chat_template" in held:
            return _chosen(held["chat_template"], folder / name), name
    raise ChatTemplateError(
        f"{folder} has no chat template: neither {TEMPLATE} nor chat_template in {_CONFIG}; a base "
        "model has none, take the files of the one that was tuned to chat",
        where=str(folder),
    )


def _chosen(value: Any, path: Path) -> str:
    """One of several templates, each with a name; that of tools is not for us."""
    if isinstance(value, list):
        named = [one for one in value if isinstance(one, Mapping)]
        value = {one.get("name"): one.get("template") for one in named}
    if isinstance(value, Mapping):
        if _DEFAULT not in value:
            names = ", ".join(map(str, value)) or "none"
            raise ChatTemplateError(
                f'{path} has chat templates and none called "{_DEFAULT}": {names}', where=str(path)
            )
        value = value[_DEFAULT]
    if not isinstance(value, str):
        raise ChatTemplateError(f"{path}: chat_template is no text", where=str(path))
    return value


def _tokens(config: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in (f"{role}_token" for role in _NAMED):
        value = config[name] if name in config else others.get(name)
        # Written as a text, or as an AddedToken with its flags.
        value = value.get("content") if isinstance(value, Mapping) else value
        if isinstance(value, str):
            found[name] = value
    more = config.get("extra_special_tokens")
    if isinstance(more, Mapping):
        found |= {name: token for name, token in more.items() if isinstance(token, str)}
    return found


def _numbers(generation: Mapping[str, Any]) -> tuple[int, ...]:
    value = generation.get("eos_token_id")
    several = value if isinstance(value, list) else [value]
    return tuple(number for number in several if type(number) is int)


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ChatTemplateError(f"{path} cannot be read: {error}", where=str(path)) from error
    if not isinstance(content, dict):
        raise ChatTemplateError(f"{path}: wanted a JSON object", where=str(path))
    return content
