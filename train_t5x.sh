#!/usr/bin/env bash
# The main job from end to end: builds an instruction mixture that holds a cluster out, trains a
# T5 1.1 model on it, and scores the model on the held-out cluster, template by template, beside the
# model before training.
# `bash train_t5x.sh --help` says what can be set.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'END'
usage: bash train_t5x.sh [SETTING ...] [--gin.NAME=VALUE ...]

Without settings it is a demonstration on the machine's CPU, in about two minutes on two cores:
embedded rows, bytes, the tiny model, 60 steps. So small a model, trained so briefly, learns what
answers look like, not how to find them: its scores show that everything works, and nothing about
quality.

  --mixture NAME    what to train on               without.nli
  --held-out NAMES  what to score, "nli rte ..."   the cluster that without.CLUSTER leaves out;
                    untuned and tuned
  --source KIND     samples (embedded rows), declared (downloads), tfds     samples
  --data-dir DIR    a prepared TFDS tree; no network then
  --vocab NAME      bytes, t5, or the path of a spiece.model                bytes
  --size NAME       tiny mini small base large xl xxl   tiny
  --init DIR        start from a Hugging Face folder (T5 1.1, Flan-T5) or a checkpoint of ours
  --lengths I,T     tokens of inputs and targets   512,64
  --steps N         training steps                 60
  --batch N         packed rows a step             4, or one for each device
  --rate R          learning rate                  Flan's 5e-4; 1e-2 in the demonstration
  --examples N      examples of each split that are scored                  all
  --seed N          of data and parameters         0
  --out DIR         where everything goes          out/train
  --gin.NAME=VALUE  any macro or parameter of the run (docs/training.md)

The real thing, on a GPU or TPU, by Flan's recipe (install jax for it first: docs/installing.md):

  bash train_t5x.sh --source tfds --data-dir ~/tensorflow_datasets --vocab t5 --size base \
      --init google/t5-v1_1-base-folder --lengths 1024,256 --steps 30000 --batch 64 \
      --examples 200 --out out/base --gin.DTYPE=bfloat16 --gin.REMAT=full

Run it again after an interruption: each step goes on where it was.
END
}

# Settings.
MIXTURE="without.nli"
HELD_OUT=""
SOURCE="samples"
DATA_DIR=""
VOCAB="bytes"
SIZE="tiny"
INIT="None"
LENGTHS="512,64"
STEPS=60
BATCH=""
RATE=""
EXAMPLES=""
SEED=0
OUT="out/train"
GIN=()

while (($#)); do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --gin.*) GIN+=("$1"); shift; continue ;;
    --mixture | --held-out | --source | --data-dir | --vocab | --size | --init | --lengths | \
      --steps | --batch | --rate | --examples | --seed | --out)
      if (($# < 2)); then
        echo "$1 needs a value; see bash train_t5x.sh --help" >&2
        exit 2
      fi
      # By tr: the bash of macOS, 3.2, has no ${name^^}.
      printf -v "$(tr 'a-z-' 'A-Z_' <<<"${1#--}")" '%s' "$2"
      shift 2
      ;;
    *)
      echo "$1: no such setting; see bash train_t5x.sh --help" >&2
      exit 2
      ;;
  esac
done
if ! [[ "$LENGTHS" =~ ^[0-9]+,[0-9]+$ ]]; then
  echo "--lengths $LENGTHS: wanted two numbers, such as 1024,256" >&2
  exit 2
fi

step() { printf '\n==> %s\n' "$*"; }

inputs="${LENGTHS%,*}"
targets="${LENGTHS#*,}"
read -r -a held_out <<<"${HELD_OUT:-${MIXTURE#without.}}"
rows=(--source "$SOURCE")
if [[ -n "$DATA_DIR" ]]; then rows+=(--data-dir "$DATA_DIR"); fi
if [[ "$SOURCE" != "samples" ]]; then rows+=(--allow-missing); fi
shown=()
if [[ -n "$EXAMPLES" ]]; then shown=(--examples "$EXAMPLES"); fi
# Of a dozen embedded rows no template is chosen on validation: the test split alone is scored.
if [[ "$SOURCE" == "samples" ]]; then shown+=(--split test); fi
# Flan's rate is for a model that can read, and its dropout for one that sees its data again; random
# weights go nowhere so in a minute.
recipe=()
if [[ "$SOURCE" == "samples" && "$INIT" == "None" ]]; then
  RATE="${RATE:-1e-2}"
  recipe=(--gin.DROPOUT_RATE=0 --gin.LOG_PERIOD=5)
fi
if [[ -n "$RATE" ]]; then recipe+=(--gin.LEARNING_RATE="$RATE"); fi
# What the tuned model is compared with: what it started from, which random weights leave as a
# checkpoint.
untuned="$INIT"
keep_initial=False
if [[ "$INIT" == "None" ]]; then
  untuned="$OUT/model/checkpoint_0"
  keep_initial=True
fi

# 1. An environment of its own.
step "1/6 Environment"
extras="train,eval"
if [[ "$SOURCE" == "declared" || "$SOURCE" == "tfds" ]]; then extras+=",tfds"; fi
# The hub, where t5 is looked for and some datasets are, and tokenizer.json.
case "$SOURCE,$VOCAB" in
  samples,bytes | samples,*.model | tfds,bytes | tfds,*.model | files,bytes | files,*.model) ;;
  *) extras+=",hf" ;;
esac
source tests/setup.sh "$extras"
FLAN="$(dirname "$PYTHON")/flan"

# 2. The mixture, tokenized and packed; nothing is written if it is there already.
step "2/6 Building $MIXTURE from source $SOURCE into $OUT/build"
mkdir -p "$OUT"
build=("$FLAN" build "$MIXTURE" "${rows[@]}" --vocab "$VOCAB" --format arrays --seed "$SEED"
  --lengths "inputs=$inputs,targets=$targets" --out "$OUT/build")
if [[ "$SOURCE" == "samples" ]]; then
  # Two tables of sixty lines; the report has them too.
  "${build[@]}" >"$OUT/build.txt"
  sed -n '/^Built [0-9,]* shards\{0,1\} in /,$p; /holds this build already/p' "$OUT/build.txt"
else
  "${build[@]}"
fi
"$FLAN" verify "$OUT/build"

# 3. What a model reads.
step "3/6 Two prompts"
"$FLAN" show "$MIXTURE" -n 2 --seed 1

# 4. Training; from its newest checkpoint if there is one.
step "4/6 Training t5_1_1_$SIZE for $STEPS steps into $OUT/model"
if [[ -z "$BATCH" ]]; then
  # Rows are split over the devices evenly.
  BATCH="$("$PYTHON" -c 'import jax; n = jax.device_count(); print(-(-4 // n) * n)')"
fi
vocabulary_size="$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["vocabulary_size"])' \
  "$OUT/build/manifest.json")"
"$FLAN" train --gin_file "models/t5_1_1_$SIZE.gin" --gin_file runs/finetune.gin \
  --gin.BUILD_DIR="$OUT/build" --gin.MODEL_DIR="$OUT/model" --gin.TRAIN_STEPS="$STEPS" \
  --gin.BATCH_SIZE="$BATCH" --gin.INITIAL_CHECKPOINT_PATH="$INIT" \
  --gin.TASK_FEATURE_LENGTHS="{'inputs': $inputs, 'targets': $targets}" \
  --gin.VOCABULARY_SIZE="$vocabulary_size" --gin.RANDOM_SEED="$SEED" --gin.DATA_SEED="$SEED" \
  --gin.CHECKPOINT_KEEP_INITIAL="$keep_initial" \
  ${recipe[@]+"${recipe[@]}"} ${GIN[@]+"${GIN[@]}"}

# 5. Scores on what it never saw, before and after; the second finds programs that the first compiled.
step "5/6 Scoring ${held_out[*]}, each template: untuned, tuned, and what tuning changed"
evaluate() {
  local model="$1" out="$2"
  shift 2
  "$FLAN" eval "${held_out[@]}" --model "$model" "${rows[@]}" --vocab "$VOCAB" \
    --lengths "inputs=$inputs,targets=$targets" ${shown[@]+"${shown[@]}"} --out "$out" "$@"
}
compared=()
for name in "${held_out[@]}"; do compared+=(--held-out "$name"); done
# A run that was begun before the initial checkpoint was kept has none.
if [[ "$keep_initial" == False || -d "$untuned" ]]; then
  evaluate "$untuned" "$OUT/untuned" --no-results >"$OUT/untuned.txt"
  evaluate "$OUT/model" "$OUT/scores"
  "$FLAN" compare "$OUT/untuned" "$OUT/scores" "${compared[@]}" \
    --name untuned --name tuned --trained-on "$OUT/build" --out "$OUT/compared"
else
  evaluate "$OUT/model" "$OUT/scores"
fi

# 6. The model for others.
step "6/6 Exporting"
# By the step alone: a folder's name may have a _ as well.
newest="$OUT/model/checkpoint_$(ls "$OUT/model" | sed -n 's/^checkpoint_\([0-9]\{1,\}\)$/\1/p' |
  sort -n | tail -1)"
exported="$OUT/huggingface-$(basename "$newest")"
if [[ ! -d "$exported" ]]; then
  "$FLAN" export "$newest" --vocab "$VOCAB" --out "$exported"
fi

cat <<END

    data         $OUT/build            README.md is its card; flan_tasks.open reads it
    checkpoint   $newest
    metrics      $OUT/model/metrics.jsonl, $OUT/model/tensorboard
    loss curve   $OUT/model/loss_curve.svg
    scores       $OUT/scores           results.html to look at, scores.csv, every answer as JSONL
    untuned      $OUT/untuned          of what training began with: scores.csv, every answer as JSONL
    gains        $OUT/compared         the two paired answer by answer: comparison.*, flips.jsonl
    transformers $exported

END
if [[ "$SOURCE" == "samples" ]]; then
  cat <<'END'
This was a demonstration. How to read the scores: each line is a dataset that was held out of
training. A mean near "chance" or "majority" says that the model cannot do the task yet, which is
what to expect of so small a model after a minute; a trained one has a mean well above both, and
"range" then shows how much depends on the wording. "change" is what training did to the same
answers, and p how often as large a change comes by chance. The loss fell because the model learned
what answers look like. bash train_t5x.sh --help shows how to train on the real datasets.
END
fi
