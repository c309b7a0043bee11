"""Which stored row a batch takes: arithmetic on (seed, step), so nothing has to be remembered."""

from dataclasses import dataclass

import numpy as np

from flan_tasks.core.choice import hash_text
from flan_tasks.core.errors import DeclarationError
from flan_tasks.plan import draws

# Another than the order of rows inside a shard, which the build has drawn already.
_ROWS = hash_text("order of an epoch")
MAX_SEED = (1 << 63) - 1


@dataclass(frozen=True)
class Place:
    """Where a batch stands in the endless sequence of epochs."""

    step: int
    """Number of the batch, from 0, counted over all epochs."""
    batch_size: int
    """Rows of the batch over all hosts together."""
    host: int = 0
    """Which host asks."""
    hosts: int = 1
    """How many hosts share the batch."""
    seed: int = 0
    """Number the orders of all epochs depend on."""
    shuffle: bool = True
    """Whether each epoch has an order of its own; otherwise rows come as stored."""
    first_row: int = 0
    """Row, in the endless sequence, that batch 0 begins with; below 0 where no batch before the one
    that begins with row 0 or a later one is asked for."""

    def __post_init__(self) -> None:
        if self.step < 0:
            raise DeclarationError(f"step {self.step}: wanted 0 or more")
        if self.first_row + self.step * self.batch_size < 0:
            raise DeclarationError(
                f"step {self.step}: {self.first_row} is the row of step 0, so it has none yet"
            )
        if self.batch_size < 1:
            raise DeclarationError(f"batch of {self.batch_size}: wanted 1 row or more")
        if self.hosts < 1 or not 0 <= self.host < self.hosts:
            raise DeclarationError(
                f"host {self.host} of {self.hosts}: wanted a host from 0 to hosts - 1"
            )
        if self.batch_size % self.hosts:
            raise DeclarationError(
                f"batch of {self.batch_size} over {self.hosts} hosts: wanted a multiple of "
                f"{self.hosts}, so that every host has equally many rows"
            )
        if not 0 <= self.seed <= MAX_SEED:
            raise DeclarationError(f"seed {self.seed}: wanted a number from 0 to 2^63 - 1")


def epoch_and_row(place: Place, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the epoch and the stored row of each row of a batch: int64[batch_size // hosts] each.

    The batches of all hosts, one behind the other, are one stretch of the sequence in which every
    epoch has each of the `rows` rows once; a batch at an epoch's end goes on in the next one.
    """
    share = place.batch_size // place.hosts
    # Python's integers here: the product of a numpy step may leave 64 bits.
    first = int(place.first_row) + int(place.step) * int(place.batch_size) + int(place.host) * share
    epoch, slot = divmod(first, rows)
    slots = slot + np.arange(share, dtype=np.int64)
    epochs, slots = epoch + slots // rows, slots % rows
    if place.shuffle:
        slots = draws.permute(slots, rows, place.seed, _ROWS, epochs)
    return epochs, slots
