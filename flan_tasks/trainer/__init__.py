"""Training in JAX, from a build directory, read with `flan_tasks.reader`.

No module here imports TensorFlow, SeqIO or torch when it is itself imported; gin-config is wanted
where gin files are read.
"""

import sys

from flan_tasks.core import extras
from flan_tasks.core.errors import MissingLibraryError

try:
    extras.require("jax", "flax", "orbax", "numpy", what="The trainer")
except MissingLibraryError as error:
    # What Python calls a module that it looks for, as `python -m flan_tasks.trainer` has it.
    if sys.argv[:1] == ["-m"]:
        sys.exit(str(error))
    raise
