"""Prepared trees of TFDS, written by hand: records with their checksums, and what stands beside."""

import json
import struct

import google_crc32c

from flan_tasks.raw_rows.example_features import example_class

CLASSES = "tensorflow_datasets.core.features."
TEXT = {"pythonClassName": f"{CLASSES}text_feature.Text", "text": {}}
LABEL = {
    "pythonClassName": f"{CLASSES}class_label_feature.ClassLabel",
    "classLabel": {"numClasses": "2"},
}


def tensor(dtype, **more):
    """A Tensor without dimensions, unless `shape` gives some."""
    content = {"dtype": dtype, "encoding": "none", "shape": {}} | more
    return {"pythonClassName": f"{CLASSES}tensor_feature.Tensor", "tensor": content}


def sequence(feature, length=-1):
    """A Sequence of a feature."""
    content = {"feature": feature, "length": str(length)}
    return {"pythonClassName": f"{CLASSES}sequence_feature.Sequence", "sequence": content}


def features_dict(features):
    """A FeaturesDict."""
    return {
        "pythonClassName": f"{CLASSES}features_dict.FeaturesDict",
        "featuresDict": {"features": features},
    }


def example(values):
    """Serializes a `tf.train.Example`: name -> a value or a list of them, of one type."""
    made = example_class()()
    for name, value in values.items():
        listed = value if isinstance(value, list) else [value]
        feature = made.features.feature[name]
        if not listed or isinstance(listed[0], int):
            feature.int64_list.value.extend(listed)
        elif isinstance(listed[0], float):
            feature.float_list.value.extend(listed)
        else:
            texts = [one if isinstance(one, bytes) else one.encode() for one in listed]
            feature.bytes_list.value.extend(texts)
    return made.SerializeToString()


def masked(data):
    """The checksum of some bytes as TFRecord files have it."""
    checksum = google_crc32c.value(data)
    return struct.pack("<I", ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data):
    """A record of a TFRecord file."""
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def write_tree(root, name, features, splits, labels=None):
    """Writes a prepared builder.

    Args:
      root: the data directory.
      name: name[/config]:version.
      features: name of a column -> its feature.
      splits: name -> files of it, each a list of serialized examples.
      labels: column -> names of its labels.

    Returns:
      Its folder.
    """
    builder, version = name.split(":")
    folder = root / builder / version
    folder.mkdir(parents=True)
    short = builder.split("/")[0]
    infos = []
    for split, files in splits.items():
        for number, rows in enumerate(files):
            path = folder / f"{short}-{split}.tfrecord-{number:05d}-of-{len(files):05d}"
            path.write_bytes(b"".join(map(record, rows)))
        size = sum(len(row) for rows in files for row in rows)
        lengths = [str(len(rows)) for rows in files]
        infos.append({"name": split, "shardLengths": lengths, "numBytes": str(size)})
    info = {"name": short, "version": version, "fileFormat": "tfrecord", "splits": infos}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    (folder / "features.json").write_text(json.dumps(features_dict(features)))
    for column, names in (labels or {}).items():
        (folder / f"{column}.labels.txt").write_text("".join(f"{one}\n" for one in names))
    return folder


def write_rte(root, count=40):
    """Writes a made-up tree of super_glue/rte, and returns its folder."""
    rows = [
        example(
            {
                "premise": f"The heron number {number} stands in the river.",
                "hypothesis": "A bird is in the water.",
                "label": number % 2,
                "idx": number,
            }
        )
        for number in range(count)
    ]
    features = {"premise": TEXT, "hypothesis": TEXT, "label": LABEL, "idx": tensor("int32")}
    half = count // 2
    return write_tree(
        root,
        "super_glue/rte:1.0.2",
        features,
        {"train": [rows[:half], rows[half:]], "validation": [rows[:8]], "test": [rows[:4]]},
        {"label": ["entailment", "not_entailment"]},
    )
