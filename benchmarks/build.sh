#!/usr/bin/env bash
# Measures building, packing and reading against what else does it, on the same rows.
#
#   bash benchmarks/build.sh --data-dir TFDS_TREE --vocab spiece.model      about 25 minutes
#   bash benchmarks/build.sh --quick --vocab spiece.model                   about 3 minutes
#
# --data-dir is a TFDS tree with real rows; without it, and in a quick run, the embedded rows stand
# in for them.
# --beam-python and --torch-python name the interpreters of environments with apache-beam and with
# TRL, as neither installs beside everything else; without them those two ways are left out, or use
# what is at hand. A full run writes docs/benchmarks.jsonl and the tables of docs/benchmarks.md; a
# quick one prints its tables. Nothing else should run on the machine meanwhile.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES= JAX_PLATFORMS=cpu PYTHONPATH=.
exec "${PYTHON:-python}" -m benchmarks.build.run "$@"
