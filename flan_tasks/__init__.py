"""Instruction mixtures from public datasets, as SeqIO tasks and as files for any trainer.

Importing this package imports neither TensorFlow nor JAX, reads no dataset and opens no socket.
"""

__version__ = "0.1.0"

from flan_tasks import datasets
from flan_tasks.api import add, mixture, task, templates
from flan_tasks.api import open_build as open
from flan_tasks.configuration import configure
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import (
    BuildError,
    DeclarationError,
    FlanTasksError,
    MissingLibraryError,
    RowError,
    SourceUnavailableError,
    TemplateError,
    UnknownNameError,
    VocabularyError,
)
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.origin import Alternative, Files, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.core.template import Template, TemplateSet

__all__ = [
    "Alternative",
    "BuildError",
    "Dataset",
    "DeclarationError",
    "Example",
    "Files",
    "FlanTasksError",
    "HuggingFace",
    "MissingLibraryError",
    "Mixture",
    "RowError",
    "Skip",
    "SourceUnavailableError",
    "Splits",
    "Template",
    "TemplateError",
    "TemplateSet",
    "Tfds",
    "UnknownNameError",
    "VocabularyError",
    "__version__",
    "add",
    "configure",
    "datasets",
    "mixture",
    "open",
    "task",
    "templates",
]
