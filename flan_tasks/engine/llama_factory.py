"""dataset_info.json: what LLaMA-Factory reads of a folder it is given as `dataset_dir`.

It looks for the file in that folder, for a dataset's name in the file, and loads every file of the
folder named there. `datasets` reads its own `dataset_info.json` only beside a `state.json`.
"""

import json
from collections.abc import Mapping
from typing import Any

from flan_tasks.engine.styles import BY_STYLE, Turns
from flan_tasks.specs.formats import DATA

DATASET_INFO = "dataset_info.json"


def dataset_info(manifest: Mapping[str, Any]) -> str:
    """Returns the file for a build of texts, which it calls by the name of the mixture."""
    columns = BY_STYLE[manifest["style"]]
    entry: dict[str, Any] = {"file_name": DATA}
    if isinstance(columns, Turns):
        entry |= {
            "formatting": "sharegpt",
            "columns": {"messages": columns.column},
            "tags": {
                "role_tag": columns.role,
                "content_tag": columns.content,
                "user_tag": columns.user,
                "assistant_tag": columns.assistant,
                # It knows no tag that is not named here.
                "observation_tag": "observation",
                "function_tag": "function_call",
                "system_tag": "system",
            },
        }
    else:
        query = {"query": columns.empty} if columns.empty else {}
        entry |= {
            "formatting": "alpaca",
            "columns": {"prompt": columns.prompt, **query, "response": columns.target},
        }
    return json.dumps({manifest["mixture"]["name"]: entry}, indent=2) + "\n"
