"""The catalog: every dataset with its templates, sample rows and cluster, and every mixture."""

import dataclasses
import fnmatch
from collections.abc import Iterable, Sequence
from pathlib import Path

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, TemplateError, unknown_name
from flan_tasks.core.escaping import for_line
from flan_tasks.core.field_types import shown
from flan_tasks.core.lint import unknown_fields
from flan_tasks.core.mixture import ALL, Mixture
from flan_tasks.core.naming import check_cluster_name
from flan_tasks.core.part_tree import members_of_parts
from flan_tasks.core.template import TemplateSet, read_template_set


class Catalog:
    """Datasets and mixtures by name. Template files are read when first asked for."""

    def __init__(self) -> None:
        self._datasets: dict[str, Dataset] = {}
        self._template_files: dict[str, tuple[Path, str]] = {}
        self._template_sets: dict[Path, TemplateSet] = {}
        self._samples: dict[str, Path] = {}
        self._own: set[str] = set()
        self._mixtures: dict[str, Mixture] = {}

    def add(
        self,
        dataset: Dataset,
        *,
        cluster: str,
        templates: Path,
        samples: Path | None = None,
        of_62: bool = False,
        shown: str = "",
        own: bool = False,
    ) -> Dataset:
        """Adds a dataset to a cluster and returns it with the cluster filled in.

        Args:
          dataset: the declaration.
          cluster: the ability it tests.
          templates: its template file.
          samples: its embedded rows, if it has some.
          of_62: whether it belongs to the paper's 62.
          shown: how messages name the template file; by default templates/<cluster>/<file>.
          own: whether it is a user's.

        Raises:
          DeclarationError: the name is taken, or the cluster's is none.
        """
        problems = list(check_cluster_name(cluster))
        if problems:
            raise DeclarationError(f'dataset "{dataset.name}": ' + "; ".join(problems))
        others = self._datasets.values()
        parents = {other.part_of for other in others if other.part_of}
        taken = {*self._datasets, *(other.cluster for other in others), *parents, ALL}
        if dataset.name in taken - {dataset.part_of}:
            raise DeclarationError(
                f'dataset "{dataset.name}": the name is taken by a dataset, parent or cluster'
            )
        if cluster in self._datasets or cluster in parents or cluster == ALL:
            raise DeclarationError(
                f'dataset "{dataset.name}": cluster "{cluster}" is a dataset\'s name'
            )
        dataset = dataclasses.replace(dataset, cluster=cluster, of_62=of_62)
        self._datasets[dataset.name] = dataset
        shown = shown or f"templates/{cluster}/{templates.name}"
        self._template_files[dataset.name] = (templates, shown)
        if samples is not None:
            self._samples[dataset.name] = samples
        if own:
            self._own.add(dataset.name)
        return dataset

    def add_mixture(self, mixture: Mixture) -> Mixture:
        """Adds a mixture and returns it.

        Raises:
          DeclarationError: the name is taken.
        """
        if mixture.name in self._mixtures:
            raise DeclarationError(f'mixture "{mixture.name}": the name is taken')
        self._mixtures[mixture.name] = mixture
        return mixture

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """All datasets, by cluster and then by name."""
        return tuple(sorted(self._datasets.values(), key=lambda d: (d.cluster, d.name)))

    @property
    def clusters(self) -> dict[str, tuple[str, ...]]:
        """Cluster -> names of its datasets."""
        found: dict[str, list[str]] = {}
        for dataset in self.datasets:
            found.setdefault(dataset.cluster, []).append(dataset.name)
        return {cluster: tuple(names) for cluster, names in found.items()}

    @property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """Parent -> names of its parts, for datasets that have parts."""
        found: dict[str, list[str]] = {}
        for dataset in self.datasets:
            if dataset.part_of:
                found.setdefault(dataset.part_of, []).append(dataset.name)
        return {parent: tuple(names) for parent, names in found.items()}

    @property
    def mixtures(self) -> tuple[Mixture, ...]:
        """All mixtures, by name."""
        return tuple(self._mixtures[name] for name in sorted(self._mixtures))

    def __getitem__(self, name: str) -> Dataset:
        if name not in self._datasets:
            if name in self.parents:
                raise unknown_name(
                    f"dataset (it has parts: {', '.join(self.parents[name])})", name, self._datasets
                )
            raise unknown_name("dataset", name, self._datasets)
        return self._datasets[name]

    def __contains__(self, name: str) -> bool:
        return name in self._datasets

    def knows(self, name: str) -> bool:
        """Whether a mixture, dataset, parent or cluster has that name."""
        return name in {*self._mixtures, *self._datasets, *self.parents, *self.clusters}

    def mixture(self, name: str) -> Mixture:
        """Returns a published mixture, or the one that a dataset, parent or cluster name means.

        Raises:
          UnknownNameError: no mixture, cluster or dataset has that name.
        """
        if name in self._mixtures:
            return self._mixtures[name]
        if self.knows(name):
            return Mixture(name=name, description=f"{name} alone.", include=(name,))
        known = {*self._mixtures, *self._datasets, *self.parents, *self.clusters}
        raise unknown_name("mixture or dataset", name, known)

    def templates(self, name: str) -> TemplateSet:
        """Returns the templates of a dataset.

        Raises:
          UnknownNameError: there is no such dataset.
          TemplateError: its file is missing or malformed.
        """
        self[name]
        path, shown = self._template_files[name]
        if path not in self._template_sets:
            self._template_sets[path] = read_template_set(path, name=shown)
        return self._template_sets[path]

    def check_fields(self, dataset: Dataset) -> None:
        """Checks that the templates of a dataset use no field it does not have.

        Raises:
          TemplateError: with every such field.
        """
        templates = self.templates(dataset.name)
        problems = [
            f'{templates.path}: template "{template.id}" {problem}'
            for template in templates
            for problem in unknown_fields(dataset, template)
        ]
        if problems:
            raise TemplateError("\n".join(problems))

    def is_own(self, name: str) -> bool:
        """Whether a dataset is a user's, and not of this collection."""
        return name in self._own

    def samples(self, name: str) -> Path | None:
        """Returns the file of a dataset's embedded rows, or None where it has none."""
        self[name]
        return self._samples.get(name)

    def expand(self, names: Iterable[str]) -> tuple[Dataset, ...]:
        """Returns the datasets that names of datasets, parents, clusters and "all" mean.

        Raises:
          UnknownNameError: a name is none of these.
        """
        found: set[str] = set()
        for name in names:
            if name == ALL:
                found |= {d.name for d in self.datasets if d.in_default_mixtures}
            elif name in self._datasets:
                found.add(name)
            elif name in self.parents:
                found |= set(self.parents[name])
            elif name in self.clusters:
                of_one = self.clusters[name]
                usual = {n for n in of_one if self[n].in_default_mixtures}
                # A cluster that stands in no default mixture at all means the whole of it.
                found |= usual or set(of_one)
            else:
                known = {*self._datasets, *self.parents, *self.clusters, ALL}
                raise unknown_name("dataset or cluster", name, known)
        return tuple(dataset for dataset in self.datasets if dataset.name in found)

    def with_overlaps(self, names: Iterable[str]) -> tuple[Dataset, ...]:
        """Returns the datasets named and all that share text with them, directly or by others.

        What stands in no default mixture joins no others: a corpus made of several would else make
        one of them all.
        """
        found = {dataset.name for dataset in self.expand(names)}
        queue = sorted(found)
        while queue:
            for name in self[queue.pop()].overlaps:
                if name in self._datasets and name not in found:
                    found.add(name)
                    queue += [name] if self[name].in_default_mixtures else []
        return tuple(dataset for dataset in self.datasets if dataset.name in found)

    def members(self, mixture: Mixture) -> tuple[Dataset, ...]:
        """Returns the datasets of a mixture's training side, test-only ones included.

        Raises:
          UnknownNameError: the mixture names something unknown.
          DeclarationError: nothing is left.
        """
        if mixture.parts:
            return members_of_parts(mixture, self)
        out = {dataset.name for dataset in self.expand((*mixture.exclude, *mixture.hold_out))}
        if mixture.drop_overlaps:
            out |= {dataset.name for dataset in self.with_overlaps(mixture.hold_out)}
        left = tuple(d for d in self.expand(mixture.include) if d.name not in out)
        if not left:
            raise DeclarationError(f'mixture "{mixture.name}": nothing is left to train on')
        return left

    def refused_licenses(
        self, mixture: Mixture, *, allow: Sequence[str] = (), deny: Sequence[str] = ()
    ) -> tuple[Dataset, ...]:
        """Returns the members whose licence is not allowed, or is denied.

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
                    f"licence pattern {shown(pattern)}: wanted one line without control characters"
                )

        def fits(dataset: Dataset, patterns: Sequence[str]) -> bool:
            name = dataset.license.casefold()
            return any(fnmatch.fnmatchcase(name, pattern.casefold()) for pattern in patterns)

        return tuple(
            dataset
            for dataset in self.members(mixture)
            if (allow and not fits(dataset, allow)) or fits(dataset, deny)
        )

    def held_out(self, mixture: Mixture) -> tuple[Dataset, ...]:
        """Returns the datasets that a mixture holds out for evaluation."""
        return self.expand(mixture.hold_out)

    def overlapping(self, mixture: Mixture) -> dict[str, tuple[str, ...]]:
        """Returns what is trained on though it shares text with held-out datasets, by declaration.

        Overlaps of overlaps count: member -> the held-out datasets it leads to.
        """
        held_out = {dataset.name for dataset in self.held_out(mixture)}
        found = {
            member.name: tuple(
                d.name for d in self.with_overlaps([member.name]) if d.name in held_out
            )
            for member in self.members(mixture)
            if member.is_trained_on
        }
        return {name: others for name, others in found.items() if others}

    def check(self) -> list[str]:
        """Returns what is wrong between declarations: overlaps and parts that do not agree."""
        problems = []
        for dataset in self.datasets:
            for other in dataset.overlaps:
                if other not in self._datasets:
                    problems.append(f'{dataset.name}: overlaps "{other}", which is no dataset')
                elif dataset.name not in self[other].overlaps:
                    problems.append(f"{dataset.name} overlaps {other}, which does not say so")
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
