"""Which source and directory a dataset is read from, where several are given."""

from dataclasses import dataclass
from pathlib import Path

from flan_tasks.core.data_dirs import DataDirs
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.family import Family, family_of
from flan_tasks.core.naming import MEMBER_MARK
from flan_tasks.core.origin import DECLARED, Files, HuggingFace, Tfds
from flan_tasks.raw_rows.files import find_files

ORIGINS = {"tfds": Tfds, "hf": HuggingFace, "files": Files}


@dataclass(frozen=True)
class Place:
    """Where a dataset is read from."""

    kind: str
    """One of `core.origin.SOURCE_KINDS`."""
    data_dir: Path | None = None
    """A prepared TFDS tree, a folder of files, or of copies of the hub."""
    folder: Path | None = None
    """Of files the dataset's own folder."""


def place_of(dataset: Dataset, kind: str, data_dir: Path | None) -> Place:
    """Returns where a dataset is read from; of directories the most specific wins.

    That of the dataset comes before that of its parent or family, that of its cluster, that of its
    kind of source, and the plain one. With a directory of its own, or of its parent, family or
    cluster, a dataset is read as files where there is a folder of them for it, from a copy of the
    hub where there is one, from files that it declares besides where they are there and no tree of
    TFDS is, and otherwise from the source it declares. `files` and `hf` are for
    those that have a folder or a copy there.

    Args:
      dataset: whose rows are wanted.
      kind: the kind of source that is asked for.
      data_dir: one directory or several, as `core.data_dirs` reads them.
    """
    dirs = DataDirs.of(data_dir)
    if not dirs.named:
        folder = None if dirs.plain is None else dirs.plain / dataset.name
        if folder and kind == DECLARED and _has_published(dataset, folder.parent):
            kind = "files"
        return Place(kind, dirs.plain, folder)
    family = dataset.name.partition(MEMBER_MARK)[0]
    for name in dict.fromkeys((dataset.name, dataset.parent, family, dataset.cluster)):
        if name in dirs.named:
            return _own_place(dataset, kind, dirs.named[name], is_its=name == dataset.name)
    files = dirs.named.get("files")
    if kind == DECLARED and files is not None and _has_files(files / dataset.name):
        return Place("files", files, files / dataset.name)
    copies = dirs.named.get("hf")
    if kind == DECLARED and copies is not None and _has_copy(dataset, copies):
        return Place("hf", copies)
    declared = next(name for name, cls in ORIGINS.items() if isinstance(dataset.source, cls))
    found = dirs.named.get(declared if kind == DECLARED else kind, dirs.plain)
    return Place(kind, found, None if found is None else found / dataset.name)


def place_of_family(family: Family, kind: str, data_dir: Path | None) -> Place:
    """Returns where a family's tasks are read from, all of them from one place.

    Its own directory comes before that of the kind of source, and that before the plain one. With
    one of its own it is read from the source it declares, also where the others are embedded rows.
    """
    dirs = DataDirs.of(data_dir)
    declared = next(name for name, cls in ORIGINS.items() if isinstance(family.source, cls))
    if family.name in dirs.named:
        # Files are looked for there, even where the declaration says where others are.
        own = "files" if declared == "files" else DECLARED
        kind = kind if kind in ORIGINS else own
        return Place(kind, dirs.named[family.name])
    return Place(kind, dirs.named.get(declared if kind == DECLARED else kind, dirs.plain))


def _own_place(dataset: Dataset, kind: str, place: Path, *, is_its: bool) -> Place:
    """A directory by the name of a dataset, or of what it is part of."""
    folder = place / dataset.name
    if kind in (DECLARED, "samples", "files") and _has_published(dataset, place):
        return Place("files", place, folder)
    if is_its and not folder.is_dir() and (kind == "files" or _has_files(place)):
        folder = place
    if kind == "files" or _has_files(folder):
        return Place("files", place, folder)
    if kind != "tfds" and _has_copy(dataset, place):
        return Place("hf", place)
    return Place(kind if kind in ("tfds", "hf") else DECLARED, place, folder)


def _has_copy(dataset: Dataset, folder: Path) -> bool:
    """Whether a folder has a copy of what the dataset is called on the hub, OWNER/NAME."""
    origins = (dataset.source, *(other.origin for other in dataset.alternatives))
    return any(isinstance(one, HuggingFace) and (folder / one.path).is_dir() for one in origins)


def _has_files(folder: Path) -> bool:
    """Whether a folder has a split in files; one of TFDS's has its files in folders of versions."""
    return bool(find_files(folder).paths) and not (folder / "dataset_info.json").exists()


def _has_published(dataset: Dataset, folder: Path) -> bool:
    """Whether a folder has, in place of the tree of TFDS, files that a user fetches elsewhere."""
    source = dataset.source
    if not isinstance(source, Tfds) or (folder / source.builder.partition("/")[0]).is_dir():
        return False
    files = [o.origin for o in dataset.alternatives if isinstance(o.origin, Files)]
    return any(
        one.manual and all((folder / path).is_file() for path in one.paths.values())
        for one in files
    )


def remedy(dataset: Dataset) -> str:
    """Says which `--data-dir` would give the rows of a dataset."""
    name = dataset.family or dataset.name
    tables = family_of(dataset)[0].tables if dataset.family else None
    if tables is not None:
        return f"--data-dir {name}=DIR and --data-dir {tables.row_dir}=DIR (flan sources {name})"
    if dataset.family and isinstance(dataset.source, Files) and dataset.source.rows:
        files = ", ".join(dataset.source.paths.values())
        return f"--data-dir {name}=DIR, a folder with {files}"
    if isinstance(dataset.source, Tfds):
        tree = f"{dataset.source.builder}/{dataset.source.version}"
        return f"--data-dir {name}=DIR, a tree of TFDS with {tree}, or a folder with train.jsonl"
    if isinstance(dataset.source, HuggingFace):
        copy = f"a copy of the hub with {dataset.source.path}"
        return f"--data-dir {name}=DIR, {copy}, or a folder with train.jsonl"
    return f"--data-dir {name}=DIR, a folder with train.jsonl"
