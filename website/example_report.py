"""The report of a small build, made while the site is, as a page to try."""

import tempfile
from functools import cache
from pathlib import Path

REPORT = "example/report.html"


@cache
def example_report() -> str:
    """Returns the report of a mixture built from the embedded rows; the same bytes every time."""
    import flan_tasks as ft

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "nli"
        spec = ft.BuildSpec(
            mixture="nli",
            source="samples",
            format="arrays",
            vocab="bytes",
            store=str(Path(folder) / "store"),
        )
        ft.build(spec, out)
        return (out / "report.html").read_text(encoding="utf-8")


def example_page() -> str:
    """Returns the page that shows it."""
    return f"""# A report to try

Every build holds such a page; [The report](report.md) explains it. This one is of the embedded
rows, built with this site by

```bash
flan build nli --source samples --format arrays --vocab bytes --out out/nli
```

[Open it by itself]({REPORT}), or try it here: filters, `/` to search, `t` for tokens.

<iframe src="{REPORT}" title="The report of a build" sandbox="allow-scripts"
  style="width: 100%; height: 80vh; border: 1px solid #8884; border-radius: 4px"></iframe>
"""
