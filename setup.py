"""Installs flan-tasks. Ranges are those that install and run together on Python 3.11."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def data_files(folder: str) -> list[str]:
    """Every file under a data folder, relative to it."""
    root = HERE / folder
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


# Data folders at the top level become data of the package; none of them holds Python.
RESOURCES = ("templates", "mixtures", "gin")

# From the one place that has it, without importing what is not installed yet.
VERSION = re.search(r'"(.+)"\n', (HERE / "flan_tasks/core/version.py").read_text().split("=")[1])[1]

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
        "flan_tasks": ["py.typed", "samples/*/*.jsonl", "reports/page/*", "reports/vendor/*"],
        **{f"flan_tasks.resources.{name}": data_files(name) for name in RESOURCES},
    },
    entry_points={"console_scripts": ["flan=flan_tasks.cli.start:main"]},
    install_requires=[
        # The release of 2025-08; its Task and Mixture are subclassed, so a new one is tried first.
        "seqio==0.0.20",
        # TensorFlow and tensorflow-text must be of one minor version.
        "tensorflow>=2.21,<2.22",
        "tensorflow-text>=2.21,<2.22",
        # 4.9.10 is the first that works with protobuf 6 and 7.
        "tensorflow-datasets>=4.9.10,<5",
        # TFDS imports it for most builders (dataset_builder.py) and asks for it below Python 3.9.
        "importlib_resources>=5",
        # TFDS parses WSC273's XML and Google Drive's "download anyway" page (ag_news,
        # cnn_dailymail, gigaword) with them, and asks for them in extras of its own.
        "beautifulsoup4>=4.12",
        "lxml>=5",
        # Twice as fast as 0.2.1; 0.2.3 needs protobuf 7, which apache-beam does not take.
        "sentencepiece==0.2.2",
        "gin-config>=0.5,<0.6",
        # What flax 0.12.8 and orbax 0.12.8 were run with.
        "jax>=0.10.2,<0.11",
        "flax>=0.12.8,<0.13",
        "optax>=0.2.8,<0.3",
        "orbax-checkpoint>=0.12.8,<0.13",
        # Weights in and out of Hugging Face.
        "safetensors>=0.5",
        # Below 26 with apache-beam.
        "pyarrow>=20",
        "numpy>=2,<3",
        "protobuf>=6.33,<8",
        "click>=8.1,<9",
        "rich>=13.7",
        # What the literature's metrics are computed with.
        "scikit-learn>=1.5",
        "scipy>=1.13",
        "rouge-score>=0.1.2",
        "sacrebleu>=2.4",
        # Letters, marks and scripts of Unicode, for words outside English; sacrebleu brings it too.
        "regex>=2024.4.16",
        # Undoes UTF-8 that was read as another encoding, which a few rows of many sources hold.
        "ftfy>=6.3,<7",
        "nltk>=3.9",
    ],
    extras_require={
        "hf": ["datasets>=3", "tokenizers>=0.21", "huggingface_hub>=0.26"],
        # Writes TensorBoard files without TensorFlow.
        "train": ["tensorboardX>=2.6"],
        "arrayrecord": ["array_record>=0.8.6"],
        # apache-beam 2.77 takes protobuf below 7; [tfrecord] brings the checksums it writes with.
        "beam": ["apache-beam[tfrecord]>=2.77,<2.78", "protobuf>=6.33,<7"],
        # Tests of the report in a browser also want a Chromium, and are skipped without.
        "browser": ["playwright>=1.49"],
        "test": [
            "pytest>=8.3",
            "pytest-xdist>=3.6",
            "hypothesis>=6.100",
            "ruff>=0.8",
            "mypy>=2.4,<2.5",
            "build>=1.2",
            "datasets>=3",
            "tokenizers>=0.21",
            "array_record>=0.8.6",
            "grain>=0.2.18",
            # The segmenters of Japanese and Korean that BLEU asks for.
            "sacrebleu[ja,ko]>=2.4",
        ],
    },
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    zip_safe=False,
)
