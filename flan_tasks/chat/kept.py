"""A copy of a tokenizer's folder, beside what was made with it."""

import shutil
from pathlib import Path

from flan_tasks.chat.files import CHAT_FILES, TOKENIZER
from flan_tasks.core import whole
from flan_tasks.vocabulary.tokenizer_json import BESIDE

# The folder's name in a build, and in a MODEL_DIR.
KEPT = "tokenizer"
# config.json says for how many ids the model beside a tokenizer has rows.
_NAMES = (TOKENIZER, *BESIDE, *CHAT_FILES, "config.json")


def keep_tokenizer(folder: Path, place: Path) -> list[Path]:
    """Copies what a tokenizer's folder has of it, its chat template among it, each file whole.

    Args:
      folder: the tokenizer's files.
      place: the build, or the MODEL_DIR.

    Returns:
      The copies.

    Raises:
      OSError: a file cannot be read or written.
    """
    (place / KEPT).mkdir(parents=True, exist_ok=True)
    copies = []
    for name in sorted({*_NAMES}):
        if (folder / name).is_file():
            with whole.file_aside(place / KEPT / name) as aside:
                shutil.copyfile(folder / name, aside)
            copies.append(place / KEPT / name)
    return copies
