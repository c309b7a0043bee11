"""Installs flan-tasks: what builds and reads mixtures, and extras for everything else.

Ranges are those that install and run together. docs/installing.md says what needs which extra.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


def data_files(folder: str) -> list[str]:
    """Every file under a data folder, relative to it."""
    root = HERE / folder
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


# Data folders at the top level become data of the package; none of them holds Python.
RESOURCES = ("templates", "mixtures", "suites", "gin", "experiments")

# From the one place that has it, without importing what is not installed yet.
VERSION = re.search(r'"(.+)"\n', (HERE / "flan_tasks/core/version.py").read_text().split("=")[1])[1]

# Builds text and packed files from embedded rows, prepared trees of TFDS, files of one's own and a
# filled store, with bytes or SentencePiece, and reads them.
CORE = [
    "click>=8.1,<9",
    "rich>=13.7",
    "numpy>=2,<3",
    # Below 26 with apache-beam.
    "pyarrow>=20",
    # Twice as fast as 0.2.1; 0.2.3 needs protobuf 7, which apache-beam does not take.
    "sentencepiece==0.2.2",
    "protobuf>=6.33,<8",
    # The checksums of TFRecord files, by the processor's own instruction.
    "google-crc32c>=1.5",
    # Undoes UTF-8 that was read as another encoding, which a few rows of many sources hold.
    "ftfy>=6.3,<7",
]
# Downloads and prepares through TFDS, reads what of it is not known here, and writes TFRecords.
TFDS = [
    # TensorFlow and tensorflow-text must be of one minor version.
    "tensorflow>=2.21,<2.22",
    # 4.9.10 is the first that works with protobuf 6 and 7.
    "tensorflow-datasets>=4.9.10,<5",
    # TFDS imports it for most builders (dataset_builder.py) and asks for it below Python 3.9.
    "importlib_resources>=5",
    # TFDS parses WSC273's XML and Google Drive's "download anyway" page (ag_news,
    # cnn_dailymail, gigaword) with them, and asks for them in extras of its own.
    "beautifulsoup4>=4.12",
    "lxml>=5",
]
SEQIO = [
    # The release of 2025-08; its Task and Mixture are subclassed, so a new one is tried first.
    "seqio==0.0.20",
    "tensorflow-text>=2.21,<2.22",
    *TFDS,
]
TRAIN = [
    # From what Python 3.11 has, the last there, to what was run on 3.12 and 3.13.
    "jax>=0.10.2,<0.13",
    "flax>=0.12.8,<0.13",
    "optax>=0.2.8,<0.3",
    "orbax-checkpoint>=0.12.8,<0.13",
    "gin-config>=0.5,<0.6",
    # Weights in and out of Hugging Face.
    "safetensors>=0.5",
    # Writes TensorBoard files without TensorFlow.
    "tensorboardX>=2.6",
]
# What the literature's metrics are computed with.
EVAL = [
    "scikit-learn>=1.5",
    "scipy>=1.13",
    "rouge-score>=0.1.2",
    "sacrebleu>=2.4",
    # Letters, marks and scripts of Unicode, for words outside English; sacrebleu brings it too.
    "regex>=2024.4.16",
    "nltk>=3.9",
]
# The hub, its datasets, tokenizer.json, and chat templates, which are Jinja.
HF = ["datasets>=3", "tokenizers>=0.21", "huggingface_hub>=0.26", "jinja2>=3.1"]
# TensorFlow makes the records that such a file holds.
ARRAYRECORD = ["array_record>=0.8.6", *TFDS]
# promptsource's template files: YAML, and Jinja in a sandbox.
P3 = ["jinja2>=3.1", "PyYAML>=6"]
# Builds by the workers of a Dask scheduler. Versions are dates, and promise nothing from one to the
# next: client, scheduler and workers must have the same. This one was tried, and brings its dask.
DASK = ["distributed>=2026.8,<2026.9"]
# Builds at addresses of S3 and of what speaks like it. Creating only what is not there
# (mode="create") was tried with this release, and is what keeps two builds apart. No pin of boto3
# beside it: with one, pip goes back to s3fs of 2020.
S3 = ["s3fs>=2026.9"]
# The same at Google Cloud Storage; this release takes the fsspec of that s3fs.
GCS = ["gcsfs>=2026.10"]
ALL = list(dict.fromkeys([*SEQIO, *TRAIN, *EVAL, *HF, *ARRAYRECORD, *P3, *DASK]))
EXTRAS = {
    "tfds": TFDS,
    "seqio": SEQIO,
    "train": TRAIN,
    "eval": EVAL,
    "hf": HF,
    "arrayrecord": ARRAYRECORD,
    "p3": P3,
    "dask": DASK,
    # Neither is in "all": what they bring is for clouds alone.
    "s3": S3,
    "gcs": GCS,
    # Not in "all": apache-beam 2.77 takes protobuf below 7 and pyarrow below 26; its [tfrecord]
    # brings the checksums it writes with.
    "beam": ["apache-beam[tfrecord]>=2.77,<2.78", "protobuf>=6.33,<7"],
    # Tests of the report in a browser also want a Chromium, and are skipped without.
    "browser": ["playwright>=1.49"],
    # The documentation site. Material for MkDocs is kept up until May 2027; Zensical, its
    # successor, reads the same mkdocs.yml but runs no hooks, which make half of our pages.
    "docs": [
        "mkdocs>=1.6,<2",
        "mkdocs-material>=9.7,<10",
        "mkdocstrings[python]>=1,<2",
        # The notebook's page runs its first half.
        "datasets>=3",
        "pandas>=2",
    ],
    "all": ALL,
    "test": [
        *ALL,
        "pytest>=8.3",
        "pytest-xdist>=3.6",
        "hypothesis>=6.100",
        "ruff>=0.8",
        "mypy>=2.4,<2.5",
        "build>=1.2",
        "grain>=0.2.18",
        # The segmenters of Japanese and Korean that BLEU asks for.
        "sacrebleu[ja,ko]>=2.4",
    ],
}


class BuildPackage(build_py):
    """Copies the package, and writes the list of what it publishes, which `flan list` reads."""

    def run(self) -> None:
        """Builds; an editable installation reads its declarations instead, which may change."""
        super().run()
        if self.editable_mode:
            return
        # From the copy, which needs nothing but the standard library for it, and without leaving
        # compiled modules in it.
        write = "from flan_tasks.jobs import listing; listing.write_published()"
        environment = {**os.environ, "PYTHONPATH": "", "PYTHONSAFEPATH": ""}
        subprocess.run(
            [sys.executable, "-B", "-c", write], check=True, cwd=self.build_lib, env=environment
        )


setup(
    name="flan-tasks",
    version=VERSION,
    description="Instruction mixtures from 62 public datasets, as SeqIO tasks and as files",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[
        *find_packages(include=["flan_tasks", "flan_tasks.*"]),
        *(f"flan_tasks.resources.{name}" for name in RESOURCES),
    ],
    package_dir={f"flan_tasks.resources.{name}": name for name in RESOURCES},
    package_data={
        "flan_tasks": [
            *("py.typed", "datasets/*.jsonl", "samples/*/*.jsonl", "samples/families/p3/**/*"),
            *("promptsource/*.jsonl", "promptsource/*.toml", "core/*.toml"),
            *("reports/page/*", "reports/page_parts/*", "reports/vendor/*"),
            "results_page/parts/*",
        ],
        **{f"flan_tasks.resources.{name}": data_files(name) for name in RESOURCES},
    },
    entry_points={"console_scripts": ["flan=flan_tasks.cli.start:main"]},
    install_requires=CORE,
    extras_require=EXTRAS,
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    cmdclass={"build_py": BuildPackage},
    zip_safe=False,
)
