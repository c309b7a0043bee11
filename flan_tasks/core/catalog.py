"""The catalog: every dataset and family with its files and cluster, and every mixture."""

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, UnknownNameError
from flan_tasks.core.escaping import for_line
from flan_tasks.core.expansion import Expansion
from flan_tasks.core.field_types import shown
from flan_tasks.core.mixture import ALL, Mixture, mixing_rates, read_mixture
from flan_tasks.core.naming import MEMBER_MARK, MIXTURE, PREFIX
from flan_tasks.core.part_tree import members_of_parts, part_tree


class Catalog(Expansion):
    """Datasets, families and mixtures by name, and what names mean together."""

    def __init__(self, *, collection: str = "") -> None:
        """Makes an empty catalog; "all" in a mixture means the datasets of `collection`."""
        super().__init__(collection=collection)
        # Name -> a mixture, or what gives it when it is first asked for.
        self._mixtures: dict[str, Mixture | Callable[[], Mixture]] = {}
        # Names of those that are made of others.
        self._derived: set[str] = set()

    def add_mixture(self, mixture: Mixture) -> Mixture:
        """Adds a mixture and returns it.

        Raises:
          DeclarationError: the name is taken.
        """
        if mixture.name in self._mixtures:
            raise DeclarationError(f'mixture "{mixture.name}": the name is taken')
        self._mixtures[mixture.name] = mixture
        return mixture

    def add_mixture_file(self, path: Path) -> None:
        """Adds the mixture of a file, which is read when it is first asked for.

        Raises:
          DeclarationError: the name is taken.
        """
        self._add_later(path.name.removesuffix(".toml"), partial(read_mixture, path))

    def add_derived_mixture(self, name: str, make: Callable[[], Mixture]) -> None:
        """Adds a mixture that is made of others, when it is first asked for.

        Args:
          name: its name.
          make: what returns it.

        Raises:
          DeclarationError: the name is taken.
        """
        self._add_later(name, make)
        self._derived.add(name)

    def _add_later(self, name: str, make: Callable[[], Mixture]) -> None:
        if name in self._mixtures:
            raise DeclarationError(f'mixture "{name}": the name is taken')
        self._mixtures[name] = make

    @property
    def derived_mixtures(self) -> tuple[str, ...]:
        """Names of the mixtures that are made of others, which lists name and do not spread out."""
        return tuple(sorted(self._derived))

    @property
    def mixture_names(self) -> tuple[str, ...]:
        """Names of all mixtures; no file is read."""
        return tuple(sorted(self._mixtures))

    def mixture_if_read(self, name: str) -> Mixture | None:
        """Returns a mixture that was added, or whose file was read before; else None."""
        mixture = self._mixtures.get(name)
        return mixture if isinstance(mixture, Mixture) else None

    @property
    def mixtures(self) -> tuple[Mixture, ...]:
        """All mixtures, by name.

        Raises:
          DeclarationError: a file is malformed.
        """
        return tuple(map(self._published, self.mixture_names))

    def _published(self, name: str) -> Mixture:
        mixture = self._mixtures[name]
        if not isinstance(mixture, Mixture):
            mixture = self._mixtures[name] = mixture()
        return mixture

    def knows(self, name: str) -> bool:
        """Whether a mixture, dataset, parent, cluster, family or its member has that name."""
        if name in self._mixtures or (name != ALL and self._is_taken(name)) or name in self:
            return True
        return any(name in family.clusters for family in self._families.values())

    def mixture(self, name: str) -> Mixture:
        """Returns a published mixture, or the one that a dataset, parent or cluster name means.

        Raises:
          UnknownNameError: no mixture, cluster or dataset has that name.
        """
        if name in self._mixtures:
            return self._published(name)
        if name.startswith(PREFIX):
            return self.mixture(self._plain(name))
        family, mark, member = name.partition(MEMBER_MARK)
        self._check_no_template(name)
        if mark:
            name = self.family(family).task(member).name
        if self.knows(name):
            return Mixture(name=name, description=f"{name} alone.", include=(name,))
        raise self._unknown("mixture or dataset", name, (*self._mixtures, *self._known()))

    def _plain(self, name: str) -> str:
        """Returns what a name of SeqIO's means here: a mixture, or a dataset, parent or family."""
        rest = name.removeprefix(PREFIX)
        mixture = rest.removeprefix(f"{MIXTURE}.")
        return mixture if mixture != rest and mixture in self._mixtures else rest

    def _check_no_template(self, name: str) -> None:
        if "." not in name or self.knows(name):
            return
        try:
            task = self.task_name(name)
        except UnknownNameError:
            return  # whoever looks it up says what is unknown
        if task.template:
            raise UnknownNameError(
                f'"{name}" is a task of one template, which is evaluated; rows are drawn of '
                f"{task.dataset}, with --templates {task.template} from that one alone"
            )

    def members(self, mixture: Mixture) -> tuple[Dataset, ...]:
        """Returns the datasets of a mixture's training side, test-only ones included.

        Raises:
          UnknownNameError: the mixture names something unknown.
          DeclarationError: nothing is left.
        """
        # Whoever asks for a mixture asks several times in a row.
        before: tuple[Mixture | None, tuple[Dataset, ...]]
        before = self._memory.get("members", (None, ()))
        last, members = before
        if last is not mixture:
            members = members_of_parts(mixture, self) if mixture.parts else self.left_of(mixture)
            if not members:
                raise DeclarationError(f'mixture "{mixture.name}": nothing is left to train on')
            self._memory["members"] = mixture, members
        return members

    def left_of(self, mixture: Mixture) -> tuple[Dataset, ...]:
        """Returns the members of a mixture without parts, which may be none.

        Raises:
          UnknownNameError: the mixture names something unknown.
        """
        out = self.left_out(mixture)
        return tuple(d for d in self.expand(mixture.include) if d.name not in out)

    def left_out(self, mixture: Mixture) -> set[str]:
        """Returns the names of what a mixture excludes or holds out, by overlaps too.

        Raises:
          UnknownNameError: the mixture names something unknown.
        """
        families = self.families_of(mixture.include)
        out = self._everywhere((*mixture.exclude, *mixture.hold_out), families)
        if mixture.drop_overlaps:
            overlapping = self.with_overlaps(mixture.hold_out, families=families)
            out |= {dataset.name for dataset in overlapping}
            out |= self._of_held_out_data_sets(mixture, families)
        return out

    def _of_held_out_data_sets(self, mixture: Mixture, families: Iterable[str]) -> set[str]:
        """Names of what was made of data sets outside the default collection that are held out.

        Such a data set tests what the family with its rows says, whichever cluster the tasks of it
        are in elsewhere. Of the default collection nothing is meant, as its clusters are its own.
        """
        is_usual = [self.is_default(dataset) for dataset in self.expand(mixture.include)]
        out: set[str] = set()
        for other in () if all(is_usual) else self._families.values():
            if other.tables is None:
                continue
            for cluster in mixture.hold_out:
                for member in other.clusters.get(cluster, ()):
                    held_out = other.members[member]
                    shared = (self._datasets[o] for o in held_out.overlaps if o in self._datasets)
                    out |= {dataset.name for dataset in shared if not self.is_default(dataset)}
                    for name in families:
                        made = self._families[name].made_of.get(held_out.table, ())
                        out |= {f"{name}{MEMBER_MARK}{one}" for one in made}
        return out

    def refused_licenses(
        self, mixture: Mixture, *, allow: Sequence[str] = (), deny: Sequence[str] = ()
    ) -> tuple[Dataset, ...]:
        """Returns the members whose license is not allowed, or is denied.

        Args:
          mixture: whose members.
          allow: patterns such as "CC-BY-*", case aside; where given, one must fit.
          deny: patterns of which none may fit.

        Raises:
          DeclarationError: a pattern is no line of text.
        """
        for pattern in (*allow, *deny):
            if pattern != for_line(pattern):
                raise DeclarationError(
                    f"license pattern {shown(pattern)}: wanted one line without control characters"
                )

        def fits(dataset: Dataset, patterns: Sequence[str]) -> bool:
            name = dataset.license.casefold()
            return any(fnmatch.fnmatchcase(name, pattern.casefold()) for pattern in patterns)

        return tuple(
            dataset
            for dataset in self.members(mixture)
            if (allow and not fits(dataset, allow)) or fits(dataset, deny)
        )

    def rates(
        self, mixture: Mixture, members: Sequence[Dataset], counts: Mapping[str, int]
    ) -> dict[str, float]:
        """Returns dataset name -> mixing rate, the one way of plans, lists and SeqIO.

        Args:
          mixture: the scheme and its numbers.
          members: its datasets, parts one by one.
          counts: dataset name -> training examples that are available, after limit, carve and
            skips; one without has no rate.

        Raises:
          DeclarationError: rates name what is none of the members, or one of them twice.
        """
        rate_of = {name: [d.name for d in self.expand([name])] for name in mixture.rates}
        return mixing_rates(mixture, members, counts, rate_of=rate_of)

    def held_out(self, mixture: Mixture) -> tuple[Dataset, ...]:
        """Returns the datasets that a mixture holds out for evaluation.

        Of the families it includes, those whose cluster is held out are among them.
        """
        return self.expand(mixture.hold_out, families=self._families_in(mixture))

    def _families_in(self, mixture: Mixture) -> tuple[str, ...]:
        """Returns the families whose members a mixture includes, in any of its parts."""
        leaves = part_tree(mixture, self).leaves
        return self.families_of(name for leaf in leaves for name in leaf.mixture.include)

    def overlapping(self, mixture: Mixture) -> dict[str, tuple[str, ...]]:
        """Returns what is trained on though it shares text with held-out datasets, by declaration.

        Overlaps of overlaps count: member -> the held-out datasets it leads to.
        """
        members = [member for member in self.members(mixture) if member.is_trained_on]
        families = {*self._families_in(mixture), *self.families_of(mixture.hold_out)}
        reached_from: dict[str, list[str]] = {member.name: [] for member in members}
        for held_out in self.held_out(mixture):
            for dataset in self.with_overlaps([held_out.name], families=families):
                if dataset.name in reached_from:
                    reached_from[dataset.name].append(held_out.name)
        return {name: tuple(others) for name, others in reached_from.items() if others}

    def check(self) -> list[str]:
        """Returns what is wrong between declarations: overlaps and parts that do not agree."""
        problems = []
        for dataset in self.datasets:
            for other in dataset.overlaps:
                if other not in self._datasets:
                    problems.append(f'{dataset.name}: overlaps "{other}", which is no dataset')
                elif dataset.name not in self[other].overlaps:
                    problems.append(f"{dataset.name} overlaps {other}, which does not say so")
        for family in self.families.values():
            for name in family.overlapping:
                places = (self, self._by_parent, self._families)
                if not any(name in place for place in places):
                    problems.append(f'{family.name}: overlaps "{name}", which is no dataset')
            for cluster in family.clusters:
                if cluster in self._known() - set(self._by_cluster):
                    problems.append(
                        f"{family.name}: cluster \"{cluster}\" is a dataset's or family's name"
                    )
        for parent, parts in self.parents.items():
            clusters = {self[part].cluster for part in parts}
            if len(clusters) > 1:
                problems.append(f"parts of {parent} lie in several clusters: {sorted(clusters)}")
        for mixture in self.mixtures:
            try:
                self.members(mixture)
            except Exception as error:  # noqa: BLE001 - every kind is a finding to be listed
                problems.append(str(error))
        return problems
