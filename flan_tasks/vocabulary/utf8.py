"""UTF-8 bytes as ids."""

from collections.abc import Sequence

import numpy as np

from flan_tasks.vocabulary.encoding import Vocabulary

BYTES = "bytes"


class BytesVocabulary(Vocabulary):
    """UTF-8 bytes plus 3 (0 padding, 1 EOS, 2 unknown), as ByT5 (Xue et al. 2022) and SeqIO."""

    name = BYTES
    eos_id = 1

    @property
    def size(self) -> int:
        return 259

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [
            np.frombuffer(text.encode("utf-8"), dtype=np.uint8).astype(np.int32) + 3
            for text in texts
        ]

    def sizes(self, texts: Sequence[str]) -> list[int]:
        return [len(text.encode("utf-8")) for text in texts]

    def _lists(self, texts: Sequence[str]) -> list[Sequence[int]]:
        return [ids.tolist() for ids in self.encode(texts)]

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(i - 3 for i in ids if 3 <= i < 259).decode("utf-8", errors="ignore")

    def pieces(self, ids: Sequence[int]) -> list[str]:
        special = ("<pad>", "</s>", "<unk>")
        return [special[i] if i < 3 else _byte(i - 3) for i in ids]


def _byte(number: int) -> str:
    # A newline is shown as one; other bytes that are no letter of their own by their number.
    if number == 10 or 32 <= number < 127:
        return chr(number)
    return f"<0x{number:02X}>"
