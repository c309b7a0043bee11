"""Which rows of a source are train, validation and test; the three never share a row."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import check_types

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Slice:
    """Rows `start` to `stop` (exclusive) of a source split."""

    source_split: str
    """The source's own name of the split."""
    start: int
    """First row."""
    stop: int
    """Row after the last."""

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The rule that maps the source's splits to ours.

    Where the source has no labeled validation (or test), rows are carved from the end of train,
    and train ends before them. A carve that would take more than half of the source takes a tenth
    of it instead, so that small sources keep most rows for training.

    Raises:
      DeclarationError: a value has the wrong type, or two of ours would read the same rows.
    """

    train: str | None = "train"
    """The source split that feeds train; None for a dataset that is only evaluated."""
    validation: str | None = None
    """The source split read for validation; None where it is carved (or there is none)."""
    test: str | None = None
    """The source split read for test; None where it is carved (or there is none)."""
    carve_validation: int = 0
    """Rows carved from the end of train for validation."""
    carve_test: int = 0
    """Rows carved from the end of train for test; they come after those for validation."""
    test_first: int = 0
    """Rows at the start of train that are test, however few are left; for sources that put their
    test rows in front."""
    block: tuple[int, int] = (0, 1)
    """(i, n): train and validation take the i-th of n equal blocks of what is left without the
    carved test, so that n datasets made from one source share no training row."""

    def __post_init__(self) -> None:
        check_types(self, error=DeclarationError)
        named = [split for split in (self.train, self.validation, self.test) if split is not None]
        if len(set(named)) != len(named):
            raise DeclarationError(
                f"two of train, validation and test read the same source split: {named}"
            )
        if not named:
            raise DeclarationError("a dataset needs at least one split")
        for own, carve, name in (
            (self.validation, self.carve_validation, "validation"),
            (self.test, self.carve_test, "test"),
        ):
            if carve and (own is not None or self.train is None):
                raise DeclarationError(
                    f"{name} is carved from train: it needs a train split and no split of its own"
                )
        if self.test_first and (self.carve_test or self.test is not None or self.train is None):
            raise DeclarationError(
                "test is the start of train: it needs a train split, no carve and no split of its "
                "own"
            )
        if min(self.carve_validation, self.carve_test, self.test_first) < 0:
            raise DeclarationError("a carve is a number of rows, zero or more")
        if not 0 <= self.block[0] < self.block[1]:
            raise DeclarationError(f"block {self.block}: wanted (i, n) with 0 <= i < n")

    @classmethod
    def given(
        cls,
        *,
        train: str | None = "train",
        validation: str | None = "validation",
        test: str | None = "test",
    ) -> "Splits":
        """The source's own three splits, all labeled."""
        return cls(train=train, validation=validation, test=test)

    @classmethod
    def validation_from_train(
        cls, rows: int, *, train: str = "train", test: str | None = "validation"
    ) -> "Splits":
        """Validation is the last `rows` rows of train; the source's held-out split is our test.

        Args:
          rows: of validation.
          train: the source's split for train and validation.
          test: the source's split for test, by default its `validation`, as benchmarks keep the
            answers of their test rows to themselves; None where the source has train alone.
        """
        return cls(train=train, test=test, carve_validation=rows)

    @classmethod
    def carved(
        cls, *, validation: int, test: int, train: str = "train", block: tuple[int, int] = (0, 1)
    ) -> "Splits":
        """Validation and test both come from the end of the only labeled split."""
        return cls(train=train, carve_validation=validation, carve_test=test, block=block)

    @classmethod
    def test_only(cls, test: str = "test") -> "Splits":
        """A dataset that is evaluated and never trained on."""
        return cls(train=None, test=test)

    @property
    def names(self) -> tuple[str, ...]:
        """Those of train, validation and test that exist."""
        has = {
            "train": self.train is not None,
            "validation": self.validation is not None or self.carve_validation > 0,
            "test": self.test is not None or self.carve_test > 0 or self.test_first > 0,
        }
        return tuple(name for name in SPLITS if has[name])

    def source_split(self, split: str) -> str:
        """The source split that our `split` is read from."""
        own = {"train": self.train, "validation": self.validation, "test": self.test}[split]
        return own if own is not None else str(self.train)

    def slice(self, split: str, num_rows: int) -> Slice:
        """Returns the rows of our `split`, given how many rows its source split has.

        Args:
          split: one of `names`.
          num_rows: rows in `source_split(split)`.
        """
        if split not in self.names:
            raise DeclarationError(f'no split "{split}"; there is {", ".join(self.names)}')
        source = self.source_split(split)
        if source != self.train:
            return Slice(source, 0, num_rows)
        first = min(self.test_first, num_rows)
        if split == "test" and self.test_first:
            return Slice(source, 0, first)
        validation, test = self._carves(num_rows - first)
        left = num_rows - first - test
        index, count = self.block
        start, stop = first + index * left // count, first + (index + 1) * left // count
        middle = max(start, stop - validation)
        if split == "train":
            return Slice(source, start, middle)
        if split == "validation":
            return Slice(source, middle, stop)
        return Slice(source, num_rows - test, num_rows)

    def declared_rows(self, split: str, sizes: Mapping[str, int]) -> int | None:
        """Rows of our `split` by the sizes of source splits; None where its size is not among them.

        Args:
          split: one of train, validation and test; 0 where it is none of `names`.
          sizes: source split -> rows.
        """
        if split not in self.names:
            return 0
        rows = sizes.get(self.source_split(split))
        return None if rows is None else len(self.slice(split, rows))

    def _carves(self, num_rows: int) -> tuple[int, int]:
        wanted = (self.carve_validation, self.carve_test)
        if 2 * (self.carve_validation * self.block[1] + self.carve_test) <= num_rows:
            return wanted
        # Too small: a tenth of each block for validation, a tenth of the whole for test.
        per_block = num_rows // self.block[1]
        validation = max(per_block // 10, min(1, per_block // 3)) if wanted[0] else 0
        test = max(num_rows // 10, min(1, num_rows // 3)) if wanted[1] else 0
        return validation, test


def share_limit(limit: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """Shares `limit` examples among the parts of a dataset in proportion to their sizes.

    Largest remainder; no part gets more than its size. Ties go to the part named first.
    """
    total = sum(sizes.values())
    if total <= limit:
        return dict(sizes)
    shares = {name: limit * size // total for name, size in sizes.items()}
    rest = limit - sum(shares.values())
    order = sorted(sizes, key=lambda name: -(limit * sizes[name] % total))
    for name in order[:rest]:
        shares[name] += 1
    return shares


# An index has a thousand members and a handful of such rules.
@cache
def restricted(splits: Splits, names: tuple[str, ...]) -> Splits:
    """Returns the rule of a member that takes part in some splits alone.

    Rows that are carved for the splits left out stay with those it has.

    Args:
      splits: the rule of its family.
      names: those of train, validation and test it takes part in; none means all.

    Raises:
      DeclarationError: the rule cannot be cut down to them.
    """
    wanted = set(names)
    if not wanted:
        return splits
    if wanted == set(splits.names):
        return splits
    if "train" in wanted:
        if splits.train is None or wanted - set(splits.names):
            absent = ", ".join(sorted(wanted - set(splits.names))) or "train"
            raise DeclarationError(f"its family has no {absent} split")
        return replace(
            splits,
            validation=splits.validation if "validation" in wanted else None,
            carve_validation=splits.carve_validation if "validation" in wanted else 0,
            test=splits.test if "test" in wanted else None,
            carve_test=splits.carve_test if "test" in wanted else 0,
            test_first=splits.test_first if "test" in wanted else 0,
        )
    if len(wanted) == 1:
        # All its rows are for evaluation, also those that would be train.
        (name,) = wanted
        if name == "test":
            return Splits(train=None, test=splits.test or splits.train)
        return Splits(train=None, validation=splits.validation or splits.train)
    if splits.validation is None or splits.test is None:
        raise DeclarationError(
            "validation and test without train need source splits of their own; name one of them"
        )
    return replace(splits, train=None)
