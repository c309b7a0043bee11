"""Mixtures with the share of each cluster, part and dataset, as `flan list --mixtures` has them."""

import click

from flan_tasks.cli.table import print_wrapped
from flan_tasks.core.counting import counted
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.part_tree import MARK
from flan_tasks.core.parts import EXAMPLES
from flan_tasks.datasets import catalog
from flan_tasks.jobs.shares import MixtureShares, named, shares


def mixtures_of(names: tuple[str, ...]) -> list[MixtureShares]:
    """Returns the shares of mixtures of those names; without names, of all that are published but
    those made of others.

    Raises:
      UnknownNameError: one is unknown.
    """
    derived = catalog().derived_mixtures
    mixtures: list[Mixture] = [named(name) for name in names] or [
        mixture for mixture in catalog().mixtures if mixture.name not in derived
    ]
    return [shares(mixture) for mixture in mixtures]


def print_mixtures(mixtures: list[MixtureShares], *, whole: bool, wide: bool) -> None:
    """Prints mixtures with their shares.

    Args:
      mixtures: which ones.
      whole: print each dataset too.
      wide: print paragraphs as one line.
    """
    for about in mixtures:
        trained = [one for one in about.datasets if not one.evaluated_only]
        print_wrapped(f"{about.name}: {about.description}", wide=wide)
        held = f"; held out: {', '.join(about.held_out)}" if about.held_out else ""
        number = len({one.name for one in trained})
        text = f"{counted(number, 'dataset or part', 'datasets and parts')} to train on{held}"
        print_wrapped(text, indent="  ", wide=wide)
        if about.parts:
            _print_parts(about, whole=whole, wide=wide)
            continue
        for cluster, share in about.clusters.items():
            click.echo(f"  {cluster:32s} {share:7.2%}")
            for one in trained if whole else ():
                if one.cluster == cluster:
                    note = "" if one.size_declared else "  (size not declared)"
                    click.echo(f"    {one.name:30s} {one.share:7.2%}  rate {one.rate:>8,.1f}{note}")
        click.echo()
    if not whole:
        if derived := catalog().derived_mixtures:
            print_wrapped(f"made of these: {', '.join(derived)}", wide=wide)
        click.echo("`flan list --mixtures NAME` shows each dataset's rate and share.")


def _print_parts(about: MixtureShares, *, whole: bool, wide: bool) -> None:
    """Prints a mixture with parts as a tree: shares of all, the datasets under their part."""
    for part in about.parts:
        depth = part.path.count(MARK)
        name = "  " * depth + part.path.rsplit(MARK, 1)[-1]
        click.echo(f"  {name:36s} {part.share:7.2%}  weight {part.weight:g}")
        for one in about.datasets if whole else ():
            if one.part == part.path and not one.evaluated_only:
                note = "" if one.size_declared else "  (size not declared)"
                indented = "  " * (depth + 1) + one.name
                click.echo(f"  {indented:36s} {one.share:7.2%}  rate {one.rate:>8,.1f}{note}")
    if about.weights != EXAMPLES:
        text = (
            f"Shares are of {about.weights.replace('_', ' ')}; of rows a build says them, which "
            "measures how long they are."
        )
        print_wrapped(text, indent="  ", wide=wide)
    click.echo()
