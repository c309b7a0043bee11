#!/usr/bin/env bash
# Sets up .venv with everything there is (3.4 GB; on Python 3.13 a C++ compiler is needed, for SeqIO's
# editdistance) and passes the tests, in two processes. Arguments go to pytest, and then there is
# one: `bash tests/run.sh -m slow`.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n==> %s\n' "$*"; }

step "1/3 Environment"
source tests/setup.sh test

step "2/3 Style"
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m mypy

step "3/3 Tests"
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES= JAX_PLATFORMS=cpu
# Files stay together, as tests of a file share what is costly to make, and in conftest's order.
[[ $# -gt 0 ]] || set -- -n 2 --dist loadfile --no-loadscope-reorder
exec "$PYTHON" -m pytest "$@"
