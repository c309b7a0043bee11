"""`python -m flan_tasks.trainer`."""

import sys

from flan_tasks.trainer.main import main

if __name__ == "__main__":
    sys.exit(main())
