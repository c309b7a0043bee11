#!/usr/bin/env bash
# Compares our metrics with those of the t5 package on the same predictions.
#
# t5 0.9.4 asks for seqio-nightly and an old tfds-nightly, which write over the folders of seqio and
# tensorflow-datasets. So it gets an environment of its own, without its dependencies, beside what
# its metrics need; it never meets the project's .venv.
#
#   bash benchmarks/compare_t5.sh        exits 1 where a number differs by more than 0.01

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV="${VENV:-.venv-t5}"

if [[ ! -f "$VENV/installed" ]]; then
  echo "==> making $VENV (TensorFlow among its packages: some minutes)"
  python3 -m venv "$VENV"
  "$VENV/bin/python" -m pip install --disable-pip-version-check --quiet --editable ".[seqio,eval]"
  "$VENV/bin/python" -m pip install --disable-pip-version-check --quiet \
    pandas babel editdistance immutabledict
  "$VENV/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps t5==0.9.4
  touch "$VENV/installed"
fi

export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
exec "$VENV/bin/python" benchmarks/compare_t5.py
