#!/usr/bin/env bash
# Builds the mixture of all declared datasets from the embedded rows, and shows what is in it.
# Training on it is added here when the trainer lands.
#
#   bash train_t5x.sh            in a checkout, with Python 3.11 and pip; run it again any time

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Settings.
MIXTURE="${MIXTURE:-all}"       # any name `flan list --mixtures` shows
SOURCE="${SOURCE:-samples}"     # samples (embedded), declared (downloads), tfds
OUT="${OUT:-out/$MIXTURE-$SOURCE}"
SEED="${SEED:-0}"

step() { printf '\n==> %s\n' "$*"; }

# 1. An environment of its own.
step "1/4 Environment"
source tests/setup.sh ""
FLAN="$(dirname "$PYTHON")/flan"

# 2. The main job: the mixture as files.
step "2/4 Building $MIXTURE from source $SOURCE into $OUT"
"$FLAN" build "$MIXTURE" --source "$SOURCE" --seed "$SEED" --out "$OUT"

# 3. Trust, but verify.
step "3/4 Verifying"
"$FLAN" verify "$OUT"

# 4. What a model would read.
step "4/4 A few prompts"
"$FLAN" show "$MIXTURE" -n 4 --seed 1

cat <<END

The files are in $OUT: text as JSON Lines, README.md (the card), manifest.json.
On the real datasets (downloads what TFDS can have, names what it cannot):

    SOURCE=declared bash train_t5x.sh

or, from an existing TFDS tree, without network:

    $FLAN build $MIXTURE --source tfds --data-dir DIR --allow-missing --out out/real
END
