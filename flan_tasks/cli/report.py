"""`flan report`: what is in a build, as one HTML page or in the terminal."""

import click

from flan_tasks.cli import options
from flan_tasks.cli.spec_options import spec_options
from flan_tasks.specs.report_spec import ReportSpec


@click.command(name="report")
@spec_options(ReportSpec)
@click.option("--text", is_flag=True, help="Print tables here instead.")
@options.wide
def command(spec: ReportSpec, text: bool, wide: bool) -> None:
    """Shows the build in FOLDER: shares, templates, lengths, sources, and its examples.

    Every build holds such a page already, report.html; this one may sample more.
    """
    if text:
        from flan_tasks.core.address import path_or_address
        from flan_tasks.engine.local_copy import local_folder
        from flan_tasks.reports.make import read_build
        from flan_tasks.reports.terminal import print_report

        folder = local_folder(path_or_address(spec.folder))
        build = read_build(folder, examples=spec.examples, vocabulary=spec.vocab)
        print_report(*build, wide=wide)
        return
    from flan_tasks.jobs.report import report

    path = report(spec, told=lambda line: options.warn(f"Note: {line}"))
    click.echo(f"{path} ({path.stat().st_size / 1e6:.1f} MB); open it in a browser")
