"""Compiled programs of decoding and scoring: few shapes, counted, bounded.

Every new shape of a batch is another program, which a large model compiles for minutes. So lengths
are rounded up to buckets, batches are full (`pool`), and a run that compiles more programs than it
should stops and says for which shapes.
"""

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence, Set
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from flan_tasks.core.errors import EvaluationError
from flan_tasks.specs.model_config import ModelConfig

# Lengths of inputs (`pool`), read for options of three widths, and as many of generation.
LIMIT = 256
TARGETS = (16, 32, 64, 128, 256)


class Programs:
    """Functions compiled for the shapes they are called with, each shape once, by any thread.

    Args:
      limit: how many may be compiled.
      log: called for each, before it is compiled.
      place: puts a NumPy array, whose first axis is that of the batch, on the devices.
      multiple: what that axis is a multiple of, the number of devices.
    """

    def __init__(
        self,
        *,
        limit: int = LIMIT,
        log: Callable[[str], None] | None = None,
        place: Callable[[np.ndarray], jax.Array] | None = None,
        multiple: int = 1,
    ) -> None:
        self.limit = limit
        self.multiple = multiple
        self._place = place
        self._log = log
        self._compiled: dict[tuple, Any] = {}
        self._compiling = threading.Lock()
        self._is_stopped = threading.Event()

    def __len__(self) -> int:
        return len(self._compiled)

    def call(
        self, name: tuple, function: Callable, *arguments: Any, donate: Sequence[int] = ()
    ) -> Any:
        """Returns `function(*arguments)`, compiled for the shapes of the arguments.

        Args:
          name: what the function is; equal names mean equal functions.
          function: a pure function of arrays.
          arguments: trees of arrays.
          donate: numbers of arguments whose memory the results may take; nobody reads them again.

        Raises:
          EvaluationError: it would be one program more than the limit, or calls are `stopped`.
        """
        if self._is_stopped.is_set():
            raise EvaluationError("stopped")
        leaves, tree = jax.tree.flatten(arguments)
        if self._place:
            leaves = [self._place(x) if isinstance(x, np.ndarray) else x for x in leaves]
            arguments = jax.tree.unflatten(tree, leaves)
        shapes = tuple((np.shape(leaf), str(leaf.dtype)) for leaf in leaves)
        # What one program gives lies on several devices as it was compiled to.
        lies = tuple(getattr(x, "sharding", None) for x in leaves) if self.multiple > 1 else ()
        key = (name, tree, shapes, lies)
        if key not in self._compiled:
            with self._compiling:
                self._compile(key, function, arguments, donate)
        return self._compiled[key](*arguments)

    def _compile(
        self, key: tuple, function: Callable, arguments: Sequence[Any], donate: Sequence[int]
    ) -> None:
        if key in self._compiled:  # by another thread meanwhile
            return
        name = key[0]
        self._check(name)
        if self._log:
            self._log(f"compiling {name[0]}, program {len(self) + 1}")
        lowered = jax.jit(function, donate_argnums=tuple(donate)).lower(*arguments)
        self._compiled[key] = lowered.compile()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Has calls of all threads raise meanwhile, for work that nobody waits for any longer."""
        self._is_stopped.set()
        try:
            yield
        finally:
            self._is_stopped.clear()

    def _check(self, name: tuple) -> None:
        if len(self) < self.limit:
            return
        names = ", ".join(sorted({str(key[0][0]) for key in self._compiled}))
        raise EvaluationError(
            f"{len(self)} programs are compiled already ({names}) and {name[0]} wants one more; "
            "give fewer batch sizes and lengths, or a higher limit"
        )


class Allowance:
    """Decides which programs are compiled that only save tokens: few, and those that pay.

    Answers depend on what was asked before, in its order, alone.

    Args:
      cost: tokens that could be read while a program is compiled.
      most: programs in all.
    """

    def __init__(self, cost: int, most: int) -> None:
        self._cost = cost
        self._most = most
        self._used: set[Hashable] = set()
        self._missed: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._used)

    def forget(self) -> None:
        """Begins anew."""
        self._used.clear()
        self._missed.clear()

    def allows(self, kind: Hashable, programs: Set[Hashable], saved: int) -> bool:
        """Whether programs are worth it, which then count as compiled.

        Args:
          kind: once all that asked for it could have saved what its programs cost, they are.
          programs: what is needed.
          saved: tokens that need not be read with them.
        """
        new = programs - self._used
        if saved <= 0 or len(self._used) + len(new) > self._most:
            return False
        if new:
            self._missed[kind] = self._missed.get(kind, 0) + saved
            if self._missed[kind] < self._cost * len(new):
                return False
            self._missed[kind] = 0
            self._used |= new
        return True


def bucket(length: int, sizes: Sequence[int]) -> int:
    """Returns the smallest size that holds a length; beyond the largest, doubled as needed."""
    for size in sizes:
        if length <= size:
            return size
    size = sizes[-1]
    while size < length:
        size *= 2
    return size


def inputs_batch(
    config: ModelConfig, prompts: Sequence[np.ndarray], *, length: int, rows: int
) -> dict[str, np.ndarray]:
    """Returns what `Model.prefill` reads for prompts, all of whose ids they have (`prompt_ids`).

    Args:
      config: of the model.
      prompts: at least one.
      length: tokens they are padded to.
      rows: rows of the batch; the last prompt is repeated to fill them.
    """
    tokens, segments = np.zeros((2, rows, length), np.int32)
    for row, prompt in enumerate([*prompts, *[prompts[-1]] * (rows - len(prompts))]):
        tokens[row, : len(prompt)] = prompt
        segments[row, : len(prompt)] = 1
    side = "encoder" if config.architecture == "t5" else "decoder"
    return {f"{side}_input_tokens": tokens, f"{side}_segment_ids": segments}
