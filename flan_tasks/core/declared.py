"""What is declared, by name: datasets and families, each with templates, embedded rows, cluster."""

import copy
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, TemplateError, UnknownNameError, unknown_name
from flan_tasks.core.family import Family
from flan_tasks.core.mixture import ALL
from flan_tasks.core.naming import (
    MEMBER_MARK,
    MIXTURE,
    PREFIX,
    RANK,
    TaskName,
    check_cluster_name,
    parse_name,
)
from flan_tasks.core.template import KINDS, TemplateSet
from flan_tasks.core.template_files import count_kinds, read_template_set


class Declared:
    """Datasets and families by name.

    Template files and indexes of families are read when first asked for. What names are looked up
    in is kept, not computed: a family has more members than there are datasets, and only who names
    one of them pays for it.
    """

    def __init__(self, *, collection: str = "") -> None:
        """Makes an empty catalog; "all" in a mixture means the datasets of `collection`."""
        self.collection = collection
        self._datasets: dict[str, Dataset] = {}
        self._families: dict[str, Family] = {}
        self._by_cluster: dict[str, list[Dataset]] = {}
        self._by_parent: dict[str, list[Dataset]] = {}
        # Dataset -> those that say they overlap with it.
        self._overlapped_by: dict[str, list[str]] = {}
        self._sorted: tuple[Dataset, ...] | None = None
        # What was looked up of all that is declared, until something is added.
        self._memory: dict[object, Any] = {}
        self._template_files: dict[str, tuple[Path, str]] = {}
        # Path -> the state of the file it was read in, and what it holds.
        self._template_sets: dict[Path, tuple[object, TemplateSet]] = {}
        # Path and ids -> what was read from the file, and those templates of it.
        self._chosen: dict[tuple[Path, tuple[str, ...]], tuple[TemplateSet, TemplateSet]] = {}
        self._samples: dict[str, Path] = {}
        self._own: set[str] = set()

    def add(
        self,
        dataset: Dataset,
        *,
        cluster: str,
        templates: Path,
        samples: Path | None = None,
        shown: str = "",
        own: bool = False,
    ) -> Dataset:
        """Adds a dataset to a cluster and returns it with the cluster filled in.

        Args:
          dataset: the declaration.
          cluster: the ability it tests.
          templates: its template file.
          samples: its embedded rows, if it has some.
          shown: how messages name the template file; by default templates/<cluster>/<file>.
          own: whether it is a user's.

        Raises:
          DeclarationError: the name is taken, or the cluster's is none.
        """
        problems = list(check_cluster_name(cluster))
        if problems:
            raise DeclarationError(f'dataset "{dataset.name}": ' + "; ".join(problems))
        if dataset.family:
            raise DeclarationError(
                f'"{dataset.name}" is a task of a family; add the family, which brings all of them'
            )
        if dataset.name != dataset.part_of and self._is_taken(dataset.name):
            raise DeclarationError(
                f'dataset "{dataset.name}": the name is taken by a dataset, parent, cluster or '
                "family"
            )
        if cluster in self._datasets or cluster in self._by_parent or cluster in self._families:
            raise DeclarationError(
                f'dataset "{dataset.name}": cluster "{cluster}" is a dataset\'s or family\'s name'
            )
        if cluster == ALL:
            raise DeclarationError(f'dataset "{dataset.name}": cluster "{ALL}" means every cluster')
        # A copy, whose checks were made when it was built: thousands may be added.
        dataset = copy.copy(dataset)
        vars(dataset)["cluster"] = cluster
        self._datasets[dataset.name] = dataset
        self._by_cluster.setdefault(cluster, []).append(dataset)
        if dataset.part_of:
            self._by_parent.setdefault(dataset.part_of, []).append(dataset)
        for other in dataset.overlaps:
            self._overlapped_by.setdefault(other, []).append(dataset.name)
        self._sorted = None
        self._memory.clear()
        self._keep_files(dataset.name, templates, samples, shown, own, cluster)
        return dataset

    def add_family(
        self,
        family: Family,
        *,
        templates: Path,
        samples: Path | None = None,
        shown: str = "",
        own: bool = False,
    ) -> Family:
        """Adds a family and returns it; its index is not read.

        Args:
          family: the declaration.
          templates: the template file of all its members.
          samples: embedded rows of some members, if it has some.
          shown: how messages name the template file; by default templates/families/<file>.
          own: whether it is a user's.

        Raises:
          DeclarationError: the name is taken.
        """
        if self._is_taken(family.name):
            raise DeclarationError(
                f'family "{family.name}": the name is taken by a dataset, parent, cluster or family'
            )
        self._families[family.name] = family
        self._memory.clear()
        self._keep_files(family.name, templates, samples, shown, own, "families")
        return family

    def _is_taken(self, name: str) -> bool:
        places = (self._datasets, self._by_cluster, self._by_parent, self._families)
        return name == ALL or any(name in place for place in places)

    def _keep_files(
        self,
        name: str,
        templates: Path,
        samples: Path | None,
        shown: str,
        own: bool,
        folder: str,
    ) -> None:
        self._template_files[name] = (templates, shown or f"templates/{folder}/{templates.name}")
        if samples is not None:
            self._samples[name] = samples
        if own:
            self._own.add(name)

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """All datasets, by cluster and then by name; members of families are not among them."""
        if self._sorted is None:
            self._sorted = ordered(self._datasets.values())
        return self._sorted

    @property
    def families(self) -> dict[str, Family]:
        """Name -> family, by name."""
        return dict(sorted(self._families.items()))

    @property
    def row_dirs(self) -> frozenset[str]:
        """Names of the directories that have rows of families whose records lie apart."""
        tables = (family.tables for family in self._families.values())
        return frozenset(one.row_dir for one in tables if one is not None)

    @property
    def clusters(self) -> dict[str, tuple[str, ...]]:
        """Cluster -> names of its datasets, in alphabetical order."""
        return _sorted_names(self._by_cluster)

    @property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """Parent -> names of its parts, for datasets that have parts."""
        names = _sorted_names(self._by_parent)
        # In the order of the datasets, which goes by cluster.
        first = {parent: parts[0].cluster for parent, parts in self._by_parent.items()}
        return dict(sorted(names.items(), key=lambda item: (first[item[0]], item[1])))

    def __getitem__(self, name: str) -> Dataset:
        if name in self._datasets:
            return self._datasets[name]
        family, mark, member = name.partition(MEMBER_MARK)
        if mark:
            return self.family(family).task(member)
        if name in self._by_parent:
            parts = ", ".join(_sorted_names(self._by_parent)[name])
            raise unknown_name(f"dataset (it has parts: {parts})", name, self._datasets)
        if name in self._families:
            raise unknown_name(
                f"dataset (it is a family of tasks: {name}{MEMBER_MARK}<task>)",
                name,
                self._datasets,
            )
        raise self._unknown("dataset", name, self._datasets)

    def __contains__(self, name: str) -> bool:
        if name in self._datasets:
            return True
        family, mark, member = name.partition(MEMBER_MARK)
        if not mark or family not in self._families:
            return False
        return self._families[family].has(member)

    def names_several(self, name: str) -> bool:
        """Whether a name is that of a parent, cluster or family."""
        return any(name in place for place in (self._by_parent, self._by_cluster, self._families))

    def task_name(self, text: str) -> TaskName:
        """Reads the name of a task, `DATASET[.TEMPLATE[.rank]]`, with or without `flan:` before it.

        Where a dataset stands, `FAMILY:MEMBER` may, and the member's name at the source, whose dots
        are its own.

        Raises:
          UnknownNameError: there is no such dataset, or more follows. Template ids are not looked
            up.
        """
        rest = text.removeprefix(PREFIX)
        if rest in self:
            return TaskName(self[rest].name)
        head, dot, last = rest.rpartition(".")
        is_rank = bool(dot) and last == RANK
        if is_rank:
            head, dot, last = head.rpartition(".")
        if dot and head in self:
            return TaskName(self[head].name, last, is_rank)
        if rest.startswith(f"{MIXTURE}."):
            raise unknown_name("task (it is the name of a mixture)", text, self._datasets)
        if is_rank and f"{head}{dot}{last}" in self:
            raise UnknownNameError(f'"{text}": .{RANK} stands behind the id of a template')
        # Says which part of it is unknown.
        name = parse_name(PREFIX + rest) if MEMBER_MARK not in rest else TaskName(rest)
        assert isinstance(name, TaskName)
        return TaskName(self[name.dataset].name, name.template, name.is_rank)

    def family(self, name: str) -> Family:
        """Returns a family by name.

        Raises:
          UnknownNameError: there is none.
        """
        if name not in self._families:
            raise self._unknown("family", name, self._families)
        return self._families[name]

    def is_default(self, dataset: Dataset) -> bool:
        """Whether a dataset is among those that "all" means."""
        return dataset.in_default_mixtures and dataset.collection == self.collection

    def _unknown(self, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
        """Returns the error for an unknown name, which may be of a module that is not imported."""
        error = unknown_name(kind, name, known)
        if not self._own:
            error.add_note(
                "a dataset or mixture of yours is known after its Python module is named, with "
                "--module, or imported"
            )
        return error

    def _known(self) -> set[str]:
        places = (self._datasets, self._by_parent, self._by_cluster, self._families)
        return {name for place in places for name in place}

    def templates(self, name: str) -> TemplateSet:
        """Returns the templates of a dataset; of a family those of all its members.

        Raises:
          UnknownNameError: there is no such dataset.
          TemplateError: its file is missing or malformed.
        """
        path, shown = self._template_files[self._file_key(name)]
        if path not in self._template_sets:
            self.read_templates(path, shown=shown)
        every = self._template_sets[path][1]
        family, mark, member = name.partition(MEMBER_MARK)
        ids = self.family(family).member(member).templates if mark else ()
        if not ids:
            return every
        # One object for all members that have the same, which are rendered together for it.
        before, chosen = self._chosen.get((path, ids), (None, every))
        if before is not every:
            chosen = every.only(ids)
            self._chosen[path, ids] = every, chosen
        return chosen

    def template_kinds(self, name: str) -> dict[str, int]:
        """Returns how many templates of each kind a dataset has, or a family.

        Raises:
          UnknownNameError: there is no such dataset.
          TemplateError: its file is missing or malformed.
        """
        key = self._file_key(name)
        path, shown = self._template_files[key]
        if path in self._template_sets or key != name:
            counts: Mapping[str, int] = Counter(one.kind for one in self.templates(name))
        else:
            counts = count_kinds(path, name=shown)
        return {kind: counts.get(kind, 0) for kind in KINDS}

    def read_templates(self, path: Path, *, shown: str) -> TemplateSet:
        """Reads a template file, unless it is as it was when it was read before.

        Raises:
          TemplateError: it is missing or malformed.
        """
        try:
            about = path.stat()
            state: object = (about.st_mtime_ns, about.st_size, about.st_ino)
        except OSError:
            state = None  # reading it says what is wrong
        before, _ = self._template_sets.get(path, (None, None))
        if state is None or state != before:
            self._template_sets[path] = state, read_template_set(path, name=shown)
        return self._template_sets[path][1]

    def check_fields(self, dataset: Dataset) -> None:
        """Checks that the templates of a dataset use no field it does not have.

        Raises:
          TemplateError: with every such field.
        """
        templates = self.templates(dataset.name)
        problems = [
            f'{templates.path}: template "{template.id}" {problem}'
            for template in templates
            for problem in template.unknown_fields(dataset.template_fields)
        ]
        if problems:
            raise TemplateError("\n".join(problems))

    def is_own(self, name: str) -> bool:
        """Whether a dataset is a user's, and not of this collection."""
        return name.partition(MEMBER_MARK)[0] in self._own

    def samples(self, name: str) -> Path | None:
        """Returns the file of a dataset's embedded rows, or None where it has none."""
        return self._samples.get(self._file_key(name))

    def _file_key(self, name: str) -> str:
        """Returns what files are kept under: a dataset's name, and the family's for its members."""
        return name if name in self._families else self[name].family or name


def ordered(datasets: Iterable[Dataset]) -> tuple[Dataset, ...]:
    """Returns datasets in the order they are shown and built in: by cluster, then by name."""
    return tuple(sorted(datasets, key=lambda dataset: (dataset.cluster, dataset.name)))


def _sorted_names(groups: Mapping[str, Sequence[Dataset]]) -> dict[str, tuple[str, ...]]:
    return {
        group: tuple(dataset.name for dataset in ordered(groups[group])) for group in sorted(groups)
    }
