"""Rows as a map-style data set of PyTorch."""

from collections.abc import Sequence
from typing import Any

import torch.utils.data


class TorchRows(torch.utils.data.Dataset):
    """Some rows by number; a batch is rendered at once."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return self.rows[place]

    def __getitems__(self, places: Sequence[int]) -> list[dict[str, Any]]:
        return self.rows.__getitems__(places)
