"""What names mean together: the datasets of each, and what shares text with them."""

from collections import deque
from collections.abc import Iterable, Sequence

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.declared import Declared, ordered
from flan_tasks.core.family import data_sets_of, family_of
from flan_tasks.core.mixture import ALL
from flan_tasks.core.naming import MEMBER_MARK


class Expansion(Declared):
    """Datasets and families, and which of them names mean."""

    def expand(self, names: Iterable[str], *, families: Iterable[str] = ()) -> tuple[Dataset, ...]:
        """Returns the datasets and tasks that names mean.

        A family means all its members, "all" the datasets of the default collection, and a cluster
        its datasets of that collection and those of users; where it has none of these, whatever it
        has, in families too.

        Args:
          names: of datasets, parents, clusters, families, members of families, and "all".
          families: a cluster's name means those of its members too that are in these.

        Raises:
          UnknownNameError: a name is none of these.
        """
        chosen: dict[str, Dataset] = {}
        for name in names:
            for dataset in self._meant(name, families):
                chosen[dataset.name] = dataset
        return ordered(chosen.values())

    def _meant(self, name: str, families: Iterable[str]) -> Sequence[Dataset]:
        if name in self._datasets:
            return (self._datasets[name],)
        if MEMBER_MARK in name:
            return (self[name],)
        # A family has a thousand members, and a mixture of parts names it dozens of times.
        key = name, tuple(families)
        known: Sequence[Dataset] | None = self._memory.get(key)
        if known is None:
            known = self._memory[key] = self._group(name, families)
        return known

    def _group(self, name: str, families: Iterable[str]) -> Sequence[Dataset]:
        if name == ALL:
            return [dataset for dataset in self._datasets.values() if self.is_default(dataset)]
        if name in self._by_parent:
            return self._by_parent[name]
        if name in self._families:
            family = self._families[name]
            return [
                family.task(member.name)
                for member in family.members.values()
                if member.in_default_mixtures
            ]
        every = self._by_cluster.get(name, [])
        usual = [d for d in every if self.is_default(d) or d.name in self._own] or every
        in_families = [
            family.task(member)
            for family in self._families.values()
            # The index of a family is read where it is named, or where nothing else has the name.
            if family.name in families or not usual
            for member in family.clusters.get(name, ())
            if family.members[member].in_default_mixtures
        ]
        if not usual and not in_families:
            raise self._unknown("dataset or cluster", name, (*self._known(), ALL))
        return [*usual, *in_families]

    def families_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """Returns the families whose members names mean, in the order of the names."""
        return tuple(
            dict.fromkeys(
                dataset.family
                for name in names
                if name in self._families
                or MEMBER_MARK in name
                or not (name == ALL or self._is_taken(name))
                for dataset in self._meant(name, ())
                if dataset.family
            )
        )

    def _everywhere(self, names: Iterable[str], families: Iterable[str]) -> set[str]:
        """Names of all that names mean: of a cluster or family, what no mixture has by default."""
        out = {dataset.name for dataset in self.expand(names, families=families)}
        for name in names:
            out |= {dataset.name for dataset in self._by_cluster.get(name, ())}
            for family in families:
                tasks = self._families[family]
                of_it = tasks.members if name == family else tasks.clusters.get(name, ())
                out |= {f"{family}{MEMBER_MARK}{member}" for member in of_it}
        return out

    def with_overlaps(
        self, names: Iterable[str], *, families: Iterable[str] = ()
    ) -> tuple[Dataset, ...]:
        """Returns the datasets named and all that share text with them, directly or by others.

        Who overlaps with whom is declared on either side. Members of families, and what else is
        met on the way outside the default collection, are taken and not followed further: they are
        often made of several datasets, which do not share text for that.

        Args:
          names: as in `expand`.
          families: whose members are looked at.
        """
        start = self.expand(names, families=families)
        return ordered(path[-1] for path in self._overlap_paths(start, families).values())

    def overlap_path(self, one: Dataset, other: Dataset) -> tuple[str, ...]:
        """Returns the shortest chain of declared overlaps between two datasets, () if none."""
        families = {dataset.family for dataset in (one, other)} - {""}
        path = self._overlap_paths([one], families).get(other.name, ())
        return tuple(dataset.name for dataset in path)

    def _overlap_paths(
        self, start: Iterable[Dataset], families: Iterable[str]
    ) -> dict[str, tuple[Dataset, ...]]:
        """Returns what shares text with some datasets -> the shortest way there."""
        paths: dict[str, tuple[Dataset, ...]] = {one.name: (one,) for one in start}
        queue = deque(paths.values())
        while queue:
            path = queue.popleft()
            for dataset in self._neighbors(path[-1], families):
                if dataset.name not in paths:
                    paths[dataset.name] = (*path, dataset)
                    is_usual = self.is_default(dataset) or dataset.name in self._own
                    if is_usual and not dataset.family:
                        queue.append(paths[dataset.name])
        return paths

    def _neighbors(self, dataset: Dataset, families: Iterable[str]) -> Iterable[Dataset]:
        for name in (*dataset.overlaps, *self._overlapped_by.get(dataset.name, ())):
            if name in self._datasets:
                yield self._datasets[name]
            elif name.partition(MEMBER_MARK)[0] in self._families:
                if name.partition(MEMBER_MARK)[0] in families:
                    yield from self._meant(name, ())
            elif dataset.family:
                yield from self._by_parent.get(name, ())
        if dataset.family:
            # Other prompts of the same rows, and tasks of other families that are made of them.
            data_sets = data_sets_of(family_of(dataset)[1])
            for family in map(self.family, dict.fromkeys((dataset.family, *families))):
                for one in data_sets:
                    yield from map(family.task, family.made_of.get(one, ()))
        for family in map(self.family, families):
            for shared in dict.fromkeys((dataset.name, dataset.parent, dataset.family)):
                yield from map(family.task, family.overlapping.get(shared, ()))
