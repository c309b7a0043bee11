"""The counts of docs/compared.md, on files small enough to count by hand."""

import io
import zipfile

from benchmarks.codebases import count, of_checkout, of_wheel, table

CODE = '''\
"""A module."""


def typed(a: int, *, drop_remainder: bool = False) -> int:
    return a  # drop_remainder is not counted in a comment


def untyped(a, b: int) -> int:
    return b


class Holder:
    def __init__(self, value: int):
        self.value = value

    def name(self):
        return "--drop-remainder"
'''
README = "# Grain\n\nWhat it [is](https://example.org/a/b).\n\n```python\nimport grain\n```\n"
FILES = {"grain/a.py": CODE, "grain/_cli/b.py": "x = 1\n", "grain/a_test.py": "y = 2\n" * 99}


def test_a_package_is_counted():
    found = count("grain 1.0", FILES, readme=README, has_types=False)
    assert (found.modules, found.lines, found.median, found.cli) == (2, 18, 17, 1)
    assert found.largest == ("grain/a.py", 17)
    assert (found.functions, found.annotated) == (4, 2)
    assert (found.option_lines, found.option_files) == (2, 1)
    lines, before_code, words = found.readme
    assert (lines, before_code) == (7, 4) and words == len(
        "Grain What it is . import grain".split()
    )


def test_a_wheel_gives_the_same_counts(tmp_path):
    path = tmp_path / "grain-1.0-py3-none-any.whl"
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr(name, text)
        wheel.writestr("grain-1.0.dist-info/METADATA", f"Name: grain\nVersion: 1.0\n\n{README}")
    path.write_bytes(held.getvalue())
    assert of_wheel(path) == count("grain 1.0", FILES, readme=README, has_types=False)


def test_ours_are_counted_and_stand_in_the_table():
    ours = of_checkout()
    assert ours.has_types and ours.annotated > 0.95 * ours.functions
    lines = table([ours, ours]).splitlines()
    assert {line.count("|") for line in lines} == {4}
