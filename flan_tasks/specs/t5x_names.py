"""What the names in T5X's gin files are here: one table of rules, which `t5x_lines` applies.

A name is a macro, or a parameter of a configurable, whose module may be called anything and is
left away. The same names are explained to readers in `docs/from_t5x.md`.
"""

from collections.abc import Mapping

from flan_tasks.core.field_checks import MAX_COUNT
from flan_tasks.specs.t5x_rules import (
    Rule,
    Rules,
    factors,
    fsdp,
    left_out,
    never,
    no_scratch,
    none_is,
    normalizer,
    one_of,
    only,
    optimizer,
    submesh,
    to,
)

TRAIN, EVAL, INFER = "train", "eval", "infer"
_OPTIM = "config.OptimizerConfig"
_MODEL = "model_config.ModelConfig"
_ACTIVATIONS = {
    ("gelu", "linear"): "gelu",
    ("silu", "linear"): "silu",
    ("swish", "linear"): "silu",
    ("relu", "linear"): "relu",
}
_STRUCTURE = "how a run is put together is fixed here"
_MODEL_FILE = "the gin file of the model says it"
_AFTER = "`flan eval` scores a model, after training"
_CHECKED = "MODEL_DIR and INITIAL_CHECKPOINT_PATH say what is read; everything must fit"
_NO_STATE = "batches are arithmetic on the step: there is no state of the data to save"
_RANDOM = "random numbers are JAX's own, the same on all devices"
_TASK_VOCABULARY = "the tasks have their vocabulary with them, and it is compared with the model's"
_LAYOUT = "how arrays lie on devices is a table of flan_tasks/models/partition.py"
_EVALUATOR = "`flan eval` scores all examples, or --examples of them"
_PACK = "write pack = True and a smaller BATCH_SIZE: rows are packed, and BATCH_SIZE counts rows"
_NO_FUNCTION = "nothing of yours is called there; leave the line out"
_TRANSFORMED = "checkpoints are read and written as they are; change the weights beforehand"
_SIZES = "write model_config.ModelConfig as gin/models/*.gin do"
_SPLITS = {"validation": "validation", "test": "test"}
_SPLIT = 'write SPLIT = "validation", "test" or "both"'

_TRAIN_ARGUMENTS: Rules = {
    "model_dir": to("MODEL_DIR"),
    "total_steps": to("TRAIN_STEPS", unset=(None,)),
    "relative_steps": to("TRAIN_STEPS", unset=(None,)),
    "eval_steps": to("EVAL_STEPS", none_is(0)),
    "eval_period": to("EVAL_PERIOD"),
    "stats_period": to("LOG_PERIOD"),
    "random_seed": to("RANDOM_SEED", none_is(0)),
    "use_hardware_rng": left_out(_RANDOM),
    "infer_eval_dataset_cfg": left_out(_AFTER),
    "inference_evaluator_cls": left_out(_AFTER),
    "train_eval_dataset_cfg": left_out("EVAL_BUILD_DIR is what is evaluated on while training"),
    "actions": only(None, {}, why=_STRUCTURE, instead=_NO_FUNCTION),
    "hooks": only(None, (), [], why=_STRUCTURE, instead=_NO_FUNCTION),
    "*": left_out(_STRUCTURE),
}
_DATASET: Rules = {
    "mixture_or_task_name": to("MIXTURE_OR_TASK_NAME"),
    "task_feature_lengths": to("TASK_FEATURE_LENGTHS"),
    "split": to("config.DataConfig.split"),
    "batch_size": to("BATCH_SIZE"),
    "shuffle": to("SHUFFLE_TRAIN_EXAMPLES"),
    "seed": to("DATA_SEED", none_is(0)),
    "use_cached": to("USE_CACHED_TASKS"),
    "module": to("MIXTURE_OR_TASK_MODULE"),
    "pack": only(True, why="rows are always packed", instead=_PACK),
    "*": left_out("examples are packed and cut as a build, or SeqIO's converter, does it"),
}
_SCORED: Rules = {
    "mixture_or_task_name": to("MIXTURE_OR_TASK_NAME"),
    "task_feature_lengths": to("TASK_FEATURE_LENGTHS"),
    "batch_size": to("BATCH_SIZE"),
    "split": to("SPLIT", one_of(_SPLITS, _SPLIT)),
    "*": left_out("prompts are read in order, unpacked, without a cache"),
}
_RESTORE: Rules = {
    "path": to("INITIAL_CHECKPOINT_PATH", no_scratch),
    "mode": only("specific", "latest", why=_CHECKED, instead="name one checkpoint by its path"),
    "assignment_map": only(None, why=_CHECKED, instead=_TRANSFORMED),
    "state_transformation_fns": only(None, [], (), why=_CHECKED, instead=_TRANSFORMED),
    "strict": only(True, why=_CHECKED, instead="everything must fit here; leave the line out"),
    "*": left_out(_CHECKED),
}
_DECODER = never('include "models/decoder_base.gin" or another, and leave these lines out')

# Configurable -> parameter -> rule; "*" is any other parameter. A name before a slash is a scope.
_EVERYWHERE: Mapping[str, Rules] = {
    "PjitPartitioner": {
        "num_partitions": to("MESH_MODEL", unset=(None,)),
        "model_parallel_submesh": to("MESH_MODEL", submesh, unset=(None, (), [])),
        "*": left_out(_LAYOUT),
    },
    "standard_logical_axis_rules": {
        "parameter_partitioning_dims": to("MESH_FSDP", fsdp),
        "*": left_out(_LAYOUT),
    },
    "SentencePieceVocabulary": {"*": left_out(_TASK_VOCABULARY)},
    "ByteVocabulary": {"*": left_out(_TASK_VOCABULARY)},
    "Evaluator": {"*": left_out(_EVALUATOR)},
    "JSONLogger": {"*": left_out("`flan eval` writes every answer")},
    "TensorBoardLogger": {"*": left_out("TENSORBOARD = False writes none")},
    "PyLoggingLogger": {"*": left_out("`flan eval` prints its scores")},
    "summarize_gin_config": {"*": left_out("MODEL_DIR/operative_config.gin has the values")},
}
_FOR_TRAINING: Mapping[str, Rules] = {
    "train": _TRAIN_ARGUMENTS,
    "DatasetConfig": _DATASET,
    "train_eval/DatasetConfig": {
        "batch_size": to("EVAL_BATCH_SIZE"),
        "*": left_out("EVAL_BUILD_DIR, a build of a validation split, is evaluated on"),
    },
    "infer_eval/DatasetConfig": {"*": left_out(_AFTER)},
    "CheckpointConfig": {"*": left_out(_STRUCTURE)},
    "SaveCheckpointConfig": {
        "period": to("CHECKPOINT_PERIOD"),
        "keep": to("CHECKPOINT_KEEP", none_is(MAX_COUNT)),
        "dtype": left_out("parameters are saved as they are trained, in float32"),
        "state_transformation_fns": only(
            None, [], (), why="checkpoints are written as they are", instead=_TRANSFORMED
        ),
        "checkpoint_steps": only(
            None, [], (), why="CHECKPOINT_PERIOD says when", instead="write CHECKPOINT_PERIOD"
        ),
        "save_dataset": left_out(_NO_STATE),
        "keep_dataset_checkpoints": left_out(_NO_STATE),
        "*": left_out("checkpoints are written as docs/training.md says"),
    },
    "RestoreCheckpointConfig": _RESTORE,
    "Trainer": {
        "num_microbatches": to("NUM_MICROBATCHES", none_is(1)),
        "*": left_out(_STRUCTURE),
    },
    "WeightMetricsComputer": {"*": left_out("the norm of the gradient is in metrics.jsonl")},
    "create_learning_rate_scheduler": {
        "factors": to("SCHEDULE", factors),
        "base_learning_rate": to("LEARNING_RATE"),
        "warmup_steps": to("WARMUP_STEPS"),
        "steps_per_cycle": to("DECAY_STEPS"),
        "min_learning_rate": to(f"{_OPTIM}.min_learning_rate"),
        "step_offset": left_out("steps are counted from 0, not from those of the checkpoint"),
        "*": left_out("no factor of a schedule here takes it"),
    },
    "Adafactor": {
        "decay_rate": to(f"{_OPTIM}.decay_rate"),
        "multiply_by_parameter_scale": Rule(
            to=f"{_OPTIM}.multiply_by_parameter_scale",
            only=(True, False),
            instead="write True or False: it holds for all parameters",
        ),
        "clipping_threshold": to(f"{_OPTIM}.clipping_threshold", none_is(1e30)),
        "min_dim_size_to_factor": to(f"{_OPTIM}.min_dim_size_to_factor"),
        "factored": to(
            f"{_OPTIM}.min_dim_size_to_factor",
            one_of({False: MAX_COUNT}, "write True or False"),
            unset=(True,),
        ),
        "weight_decay_rate": to("WEIGHT_DECAY", none_is(0.0)),
        "global_norm_clip_threshold": to("CLIP_NORM", none_is(0.0)),
        "skip_nan_updates": to(
            "ON_NONFINITE", one_of({True: "skip", False: "stop"}, "write True or False")
        ),
        "beta1": only(None, why="there is no momentum", instead="there is no momentum; write None"),
        "epsilon1": only(1e-30, why="it is that", instead="it is 1e-30; leave the line out"),
        "epsilon2": only(1e-3, why="it is that", instead="it is 1e-3; leave the line out"),
        "weight_decay_rate_lr_exponent": only(
            None, why="the decay is not by the rate", instead="use AdamW, or leave the line out"
        ),
        "max_parameter_scale": only(
            None, why="there is no maximum", instead="there is no maximum; leave the line out"
        ),
        "learning_rate": left_out("the schedule says it"),
        "step_offset": left_out("steps are counted from 0, not from those of the checkpoint"),
        "*": left_out("rows and columns are factored by size, as T5X's rules have them"),
    },
    "adamw": {
        "b1": to(f"{_OPTIM}.b1"),
        "b2": to(f"{_OPTIM}.b2"),
        "eps": to(f"{_OPTIM}.epsilon"),
        "weight_decay": to("WEIGHT_DECAY"),
        "learning_rate": left_out("the schedule says it"),
        "*": left_out("AdamW is optax's"),
    },
    "EncoderDecoderModel": {
        "z_loss": to("Z_LOSS", none_is(0.0)),
        "label_smoothing": to("LABEL_SMOOTHING"),
        "loss_normalizing_factor": to("LOSS_NORMALIZING_FACTOR", normalizer),
        "*": left_out(_MODEL_FILE),
    },
    "DecoderOnlyModel": {"*": _DECODER},
    "PrefixLanguageModel": {"*": _DECODER},
    "Transformer": {"*": left_out(_MODEL_FILE)},
    "T5Config": {
        "vocab_size": to("VOCABULARY_SIZE"),
        "dtype": to("DTYPE"),
        "emb_dim": to(f"{_MODEL}.embed"),
        "num_heads": to(f"{_MODEL}.heads"),
        "num_encoder_layers": to(f"{_MODEL}.layers"),
        "num_decoder_layers": to(f"{_MODEL}.decoder_layers"),
        "head_dim": to(f"{_MODEL}.head_dim"),
        "mlp_dim": to(f"{_MODEL}.mlp"),
        "mlp_activations": to(
            f"{_MODEL}.activation",
            lambda value: one_of(_ACTIVATIONS, _SIZES)(
                tuple(value) if isinstance(value, list | tuple) else value
            ),
        ),
        "dropout_rate": to("DROPOUT_RATE"),
        "logits_via_embedding": to(f"{_MODEL}.tied_head"),
        "remat_policy": to(
            "REMAT",
            one_of(
                {None: "none", "none": "none", "minimal": "dots", "full": "full"},
                'write REMAT = "none", "dots" or "full"',
            ),
        ),
        "scan_layers": left_out("layers are always scanned"),
        "float32_attention_logits": left_out("the softmax is computed in float32"),
        "*": never(_SIZES),
    },
}
_MODEL_KNOWN: Rules = {"*": left_out("the checkpoint says what model it is")}
_FOR_SCORING: Mapping[str, Rules] = {
    "DatasetConfig": _SCORED,
    "RestoreCheckpointConfig": {**_RESTORE, "path": to("CHECKPOINT_PATH")},
    "EncoderDecoderModel": {
        "decode_fn": never('write DECODING = "greedy", "beam" or "sample"'),
        "default_decoder_params": never("write BEAMS, ALPHA, TEMPERATURE, TOP_K, TOP_P"),
        **_MODEL_KNOWN,
    },
    "DecoderOnlyModel": _MODEL_KNOWN,
    "Transformer": _MODEL_KNOWN,
    "T5Config": {"dtype": to("DTYPE"), **_MODEL_KNOWN},
    "Adafactor": _MODEL_KNOWN,
    "adamw": _MODEL_KNOWN,
    "beam_search": {
        "num_decodes": to("BEAMS"),
        "alpha": to("ALPHA"),
        "*": never("write BEAMS and ALPHA; there is nothing else to set"),
    },
    "temperature_sample": {
        "temperature": to("TEMPERATURE"),
        "topk": to("TOP_K"),
        "topp": to("TOP_P", lambda value: value or 1.0),
        "*": never("write TEMPERATURE, TOP_K and TOP_P; there is nothing else to set"),
    },
    "evaluate": {"output_dir": to("EVAL_OUTPUT_DIR"), "*": left_out(_STRUCTURE)},
    "infer": {
        "output_dir": to("OUTPUT_PATH", lambda value: f"{value}/predictions.jsonl"),
        "mode": only(
            "predict",
            why="`flan infer` writes texts",
            instead="`flan eval` scores options; here texts are written, so write 'predict'",
        ),
        "num_shards": only(1, why="one process reads all", instead="split INPUT_PATH, and write 1"),
        "*": left_out(_STRUCTURE),
    },
}
CONFIGURABLES: Mapping[str, Mapping[str, Rules]] = {
    TRAIN: {**_EVERYWHERE, **_FOR_TRAINING},
    EVAL: {**_EVERYWHERE, **_FOR_SCORING},
    INFER: {**_EVERYWHERE, **_FOR_SCORING},
}
# Names of the same things in other of T5X's modules.
ALIASES = {
    "ModelBasedPjitPartitioner": "PjitPartitioner",
    "AdaFactor": "Adafactor",
    "adafactor": "Adafactor",
    "TransformerConfig": "T5Config",
}
# What else may stand behind an @ without being a function of the user's.
KNOWN = {
    *(name.rpartition("/")[2] for rules in CONFIGURABLES.values() for name in rules),
    *ALIASES,
    *("get_dataset", "get_training_eval_datasets", "standard_logical_factor_rules"),
    *("EncDecFeatureConverter", "CheckpointManager", "Checkpointer", "SaveBestCheckpointer"),
    *("verify_matching_vocabs", "PassThroughVocabulary"),
}

_NOT_HERE = left_out("nothing here takes it")
# Macros of T5X's own files that are none of ours.
_MACROS: Rules = {
    "MODEL": left_out(_MODEL_FILE),
    "VOCABULARY": left_out(_TASK_VOCABULARY),
    "USE_HARDWARE_RNG": left_out(_RANDOM),
    "EVALUATOR_USE_MEMORY_CACHE": left_out(_EVALUATOR),
    "EVALUATOR_NUM_EXAMPLES": left_out(_EVALUATOR),
    "JSON_WRITE_N_RESULTS": left_out("`flan eval` writes every answer"),
    "INFER_EVAL_BATCH_SIZE": left_out(_AFTER),
    "TRAIN_EVAL_BATCH_SIZE": to("EVAL_BATCH_SIZE"),
    "TRAIN_STEPS_RELATIVE": to("TRAIN_STEPS", unset=(None,)),
    "SAVING_PERIOD": to("CHECKPOINT_PERIOD"),
    "ACTIVATION_DTYPE": to("DTYPE"),
    "ACTIVATION_PARTITIONING_DIMS": left_out(_LAYOUT),
    "PARAMETER_PARTITIONING_DIMS": to("MESH_FSDP", fsdp),
    "OPTIMIZER": to("OPTIMIZER", optimizer),
    "RANDOM_SEED": to("RANDOM_SEED", none_is(0)),
    "LOSS_NORMALIZING_FACTOR": to("LOSS_NORMALIZING_FACTOR", normalizer),
}
# Those that only a run of another kind has.
_OF_TRAINING = (
    *("DROPOUT_RATE", "TRAIN_STEPS", "TRAIN_STEPS_RELATIVE", "MODEL_DIR", "LABEL_SMOOTHING"),
    *("Z_LOSS", "LOSS_NORMALIZING_FACTOR", "OPTIMIZER", "EVAL_STEPS", "EVAL_PERIOD"),
    *("INITIAL_CHECKPOINT_PATH", "SHUFFLE_TRAIN_EXAMPLES", "USE_CACHED_TASKS", "SAVING_PERIOD"),
    *("MIXTURE_OR_TASK_MODULE", "PARAMETER_PARTITIONING_DIMS", "TRAIN_EVAL_BATCH_SIZE"),
)
_SCORING_MACROS: Rules = {
    **_MACROS,
    **dict.fromkeys(_OF_TRAINING, _NOT_HERE),
    "MIXTURE_OR_TASK_SPLIT": to("SPLIT", one_of(_SPLITS, _SPLIT)),
    "MODEL": left_out("the checkpoint says what model it is"),
}
MACROS: Mapping[str, Rules] = {
    TRAIN: {**_MACROS, "MIXTURE_OR_TASK_SPLIT": _NOT_HERE},
    EVAL: _SCORING_MACROS,
    INFER: {
        **_SCORING_MACROS,
        "INFER_OUTPUT_DIR": to("OUTPUT_PATH", lambda value: f"{value}/predictions.jsonl"),
        "MIXTURE_OR_TASK_SPLIT": _NOT_HERE,
        "MIXTURE_OR_TASK_NAME": never(
            "`flan infer` answers a file: `flan eval NAME --write-prompts FILE` writes one; give "
            "INPUT_PATH = FILE, or use `flan eval`"
        ),
    },
}

# Macros of T5X's files that no file of ours has: who sets one means T5X's.
NAMES_OF_T5X = ("TRAIN_STEPS_RELATIVE", "SAVING_PERIOD", "INFER_OUTPUT_DIR", "ACTIVATION_DTYPE")
# Run files of T5X -> the kind of run and the file here.
RUNS = {
    "pretrain": (TRAIN, "runs/t5x/pretrain.gin"),
    "finetune": (TRAIN, "runs/t5x/finetune.gin"),
    "eval": (EVAL, "runs/eval.gin"),
    "infer": (INFER, "runs/infer.gin"),
}
OTHER_RUNS = {
    "export": "`flan export` writes a model for transformers",
    "export_seqio": "`flan export` writes a model for transformers",
    "precompile": "`flan train --dry_run` says what a step takes",
    "infer_from_tfexample_file": "`flan infer` reads JSON lines or text",
}
MODELS = {
    "t5_1_1": ("small", "base", "large", "xl", "xxl"),
    "mt5": ("small", "base", "large", "xl", "xxl"),
    "byt5": ("small", "base", "large", "xl", "xxl"),
    "t5_1_0": ("small", "base", "large", "3B", "11B"),
}
# Folders of public checkpoints -> the repository of the Hugging Face hub with the same weights.
PUBLISHED = {
    r"t5_1_1_lm100k_(small|base|large|xl|xxl)": "google/t5-{}-lm-adapt",
    r"flan_t5_(small|base|large|xl|xxl)": "google/flan-t5-{}",
    r"t5_1_1_(small|base|large|xl|xxl)": "google/t5-v1_1-{}",
    r"(?<!by)mt5_(small|base|large|xl|xxl)": "google/mt5-{}",
    r"byt5_(small|base|large|xl|xxl)": "google/byt5-{}",
}
