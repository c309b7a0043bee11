"""Rows out of serialized `tf.train.Example`s, by what TFDS's `features.json` says of them.

The values are those that `tfds.as_numpy` gives, as plain Python: str, int, float, bool, list, dict.
Features that are known: FeaturesDict, Translation, Sequence (in any depth), Text, ClassLabel,
Scalar, and Tensor without an encoding. Of any other, and of forms that TFDS itself refuses, it is
said that they are TFDS's business.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

from flan_tasks.core import extras
from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Row

# Name of a feature -> protocol buffer `Feature`; asking for one that is not there gives an empty
# one.
_Features = Mapping[str, Any]
_Read = Callable[[_Features], Any]

_CLASSES = "tensorflow_datasets.core.features."
# Types of integers: name -> bits, whether it has a sign.
_INTEGERS = {
    **{f"int{bits}": (bits, True) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (bits, False) for bits in (8, 16, 32, 64)},
}


class NeedsTfds(Exception):
    """What only TFDS can read; says what it is, as the end of a sentence."""


class WrongExample(Exception):
    """An example that is not as `features.json` says."""


class _Values(NamedTuple):
    """How the values of one feature are stored, and made plain Python."""

    kind: str
    """Field of the protocol buffer `Feature` that holds them."""
    one: Callable[[Any], Any] | None
    """Makes one plain; None where it is plain already."""


def row_reader(features: Mapping[str, Any], columns: Sequence[str]) -> Callable[[bytes], Row]:
    """Returns what reads a serialized example.

    Args:
      features: name of a column -> its feature, as in `features.json`.
      columns: those that are read; in the row they are in the order of their names.

    What it returns raises WrongExample, and UnicodeDecodeError where a text is not UTF-8.

    Raises:
      NeedsTfds: a column has a feature that is not known.
    """
    readers = [(name, _reader(features[name], name, ())) for name in sorted(columns)]
    parse = example_class().FromString
    from google.protobuf.message import DecodeError

    def read(data: bytes) -> Row:
        try:
            example = parse(data)
        except DecodeError as error:
            raise WrongExample("it is no tf.train.Example") from error
        found = example.features.feature
        return {name: reader(found) for name, reader in readers}

    return read


def features_of(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns name -> feature of what a FeaturesDict or a Translation has inside.

    Raises:
      NeedsTfds: it is neither.
    """
    kind, content = _content(feature, "")
    if kind == "features_dict.FeaturesDict":
        return content["features"]
    if kind == "translation_feature.Translation":
        text = {"pythonClassName": f"{_CLASSES}text_feature.Text", "text": {}}
        return dict.fromkeys(content["languages"], text)
    raise NeedsTfds(f"its rows are no dict but {kind}")


def num_classes(feature: Mapping[str, Any]) -> int | None:
    """Returns how many labels a ClassLabel has, alone or in sequences; None of other features."""
    while "sequence" in feature:
        feature = feature["sequence"]["feature"]
    if "classLabel" not in feature:
        return None
    return int(feature["classLabel"].get("numClasses", 0))


def _content(feature: Mapping[str, Any], name: str) -> tuple[str, Any]:
    """The class of a feature, without what all names begin with, and what it is told.

    Raises:
      NeedsTfds: it is none of TFDS's own, or in an old form.
    """
    try:
        kind = feature["pythonClassName"]
        (content,) = (feature[part] for part in feature if part not in _BESIDE)
    except (KeyError, TypeError, ValueError) as error:
        at = f" at {name}" if name else ""
        raise NeedsTfds(f"its features.json has another form{at}") from error
    if not kind.startswith(_CLASSES):
        raise NeedsTfds(f"its column {name} is a {kind}")
    return kind.removeprefix(_CLASSES), content


# What any feature may have beside its content.
_BESIDE = ("pythonClassName", "description", "valueRange")


def _reader(feature: Mapping[str, Any], key: str, lengths: tuple[int | None, ...]) -> _Read:
    """Returns what reads a feature.

    Args:
      feature: as in `features.json`.
      key: its name in the example, that of what it is in before it.
      lengths: of the sequences it is in, the outermost first; None where rows differ.
    """
    kind, content = _content(feature, key)
    if kind in ("features_dict.FeaturesDict", "translation_feature.Translation"):
        inside = features_of(feature)
        if not inside:
            raise NeedsTfds(f"its column {key} is an empty FeaturesDict")
        readers = [
            (name, _reader(inside[name], f"{key}/{name}", lengths)) for name in sorted(inside)
        ]
        return lambda features: {name: read(features) for name, read in readers}
    if kind == "sequence_feature.Sequence":
        length = int(content.get("length", 0))
        return _reader(content["feature"], key, (*lengths, None if length == -1 else length))
    values, shape = _values_of(kind, content, key)
    whole = (*lengths, *shape)
    if whole.count(None) > 1 and lengths.count(None) == len(whole):
        return partial(_ragged, key, values, len(lengths))
    if len(lengths) > 1 or whole.count(None) > 1 or 0 in whole:
        raise NeedsTfds(f"its column {key} has the shape {_written(whole)}")
    if whole:
        return partial(_array, key, values, whole)
    return _scalar(key, values)


def _values_of(kind: str, content: Any, key: str) -> tuple[_Values, tuple[int | None, ...]]:
    if kind == "text_feature.Text" and not content:
        return _values("string", key), ()
    if kind == "class_label_feature.ClassLabel":
        return _values("int64", key), ()
    is_tensor = kind in ("tensor_feature.Tensor", "feature.Tensor", "scalar.Scalar")
    if not is_tensor or content.get("encoding") != "none" or content.get("optional"):
        raise NeedsTfds(f"its column {key} is a {kind}, or has an encoding or is optional")
    dimensions = [int(one) for one in content["shape"].get("dimensions", ())]
    shape = tuple(None if one == -1 else one for one in dimensions)
    return _values(content["dtype"], key), shape


def _values(dtype: str, key: str) -> _Values:
    if dtype == "string":
        return _Values("bytes_list", bytes.decode)
    if dtype == "bool":
        return _Values("int64_list", bool)
    if dtype in ("float32", "float64"):  # stored as float32, both of them
        return _Values("float_list", None)
    if dtype == "int64":
        return _Values("int64_list", None)
    if dtype in _INTEGERS:
        return _Values("int64_list", partial(_cast, *_INTEGERS[dtype]))
    raise NeedsTfds(f"its column {key} is a Tensor of {dtype}")


def _cast(bits: int, is_signed: bool, value: int) -> int:
    """An integer that is stored in 64 bits as one of fewer: without those above."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if is_signed and value >> (bits - 1) else value


def _scalar(key: str, values: _Values) -> _Read:
    """Reads one value; a function of its own for each kind, as most of the time goes here."""
    one = values.one

    def read_text(features: _Features) -> str:
        stored = features[key].bytes_list.value
        if len(stored) != 1:
            raise _wrong_number(key, values, features, "1")
        return stored[0].decode()

    def read(features: _Features) -> Any:
        stored = getattr(features[key], values.kind).value
        if len(stored) != 1:
            raise _wrong_number(key, values, features, "1")
        return stored[0] if one is None else one(stored[0])

    return read_text if values.kind == "bytes_list" else read


def _array(key: str, values: _Values, shape: tuple[int | None, ...], features: _Features) -> Any:
    """Reads an array of which at most one length is not known: nested lists."""
    plain = _plain(features, key, values)
    size = math.prod(length for length in shape if length is not None)
    is_open = None in shape
    if len(plain) % size if is_open else len(plain) != size:
        raise _wrong_number(key, values, features, f"{'a multiple of ' * is_open}{size}")
    lengths = [len(plain) // size if length is None else length for length in shape]
    return _nested(plain, lengths)


def _nested(plain: list[Any], lengths: Sequence[int]) -> list[Any]:
    for level in range(len(lengths) - 1, 0, -1):
        plain = list(_parted(plain, [lengths[level]] * math.prod(lengths[:level])))
    return plain


def _ragged(key: str, values: _Values, depth: int, features: _Features) -> list[Any]:
    """Reads lists in lists of any length: `depth` times."""
    found = _plain(features, f"{key}/ragged_flat_values", values)
    for level in reversed(range(depth - 1)):
        name = f"{key}/ragged_row_lengths_{level}"
        lengths = _plain(features, name, _Values("int64_list", None))
        if sum(lengths) != len(found) or any(length < 0 for length in lengths):
            raise WrongExample(
                f"its {name} adds up to {sum(lengths):,}, for {counted(len(found), 'value')}"
            )
        found = list(_parted(found, lengths))
    return found


def _parted(values: list[Any], lengths: Sequence[int]) -> Iterator[list[Any]]:
    start = 0
    for length in lengths:
        yield values[start : start + length]
        start += length


def _plain(features: _Features, key: str, values: _Values) -> list[Any]:
    feature = features[key]
    stored = getattr(feature, values.kind).value
    if not stored and feature.WhichOneof("kind") not in (None, values.kind):
        raise _wrong_number(key, values, features, "values")
    return list(stored) if values.one is None else [values.one(value) for value in stored]


def _wrong_number(key: str, values: _Values, features: _Features, wanted: str) -> WrongExample:
    feature = features[key]
    held = feature.WhichOneof("kind")
    count = len(getattr(feature, held).value) if held else 0
    has = f"{counted(count, 'value')} in its {held}" if held else "no values"
    return WrongExample(f"its feature {key} has {has}; wanted {wanted} in {values.kind}")


def _written(shape: Sequence[int | None]) -> str:
    return f"({', '.join('any' if length is None else str(length) for length in shape)})"


@cache
def example_class() -> Any:
    """Returns the class of `tf.train.Example`.

    From tensorflow/core/example/{example,feature}.proto; its descriptors are in a pool of their
    own, since TensorFlow and TFDS each bring theirs.
    """
    with extras.needed_for("Reading tf.train.Example"):
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="flan_tasks/example.proto", package="flan_tasks", syntax="proto3"
    )

    def message(name: str, *fields: tuple[str, int, str], repeated: bool = False) -> Any:
        """Adds a message whose fields are (name, number, scalar type or name of a message)."""
        added = file.message_type.add(name=name)
        for label, number, kind in fields:
            is_message = not kind.islower()
            one = added.field.add(
                name=label,
                number=number,
                label=field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL,
                type=field.TYPE_MESSAGE if is_message else getattr(field, f"TYPE_{kind.upper()}"),
            )
            if is_message:
                one.type_name = f".flan_tasks.{kind}"
        return added

    message("BytesList", ("value", 1, "bytes"), repeated=True)
    message("FloatList", ("value", 1, "float"), repeated=True)
    message("Int64List", ("value", 1, "int64"), repeated=True)
    kinds = (("bytes_list", 1, "BytesList"), ("float_list", 2, "FloatList"))
    feature = message("Feature", *kinds, ("int64_list", 3, "Int64List"))
    feature.oneof_decl.add(name="kind")
    for one in feature.field:
        one.oneof_index = 0
    features = message("Features", ("feature", 1, "Features.FeatureEntry"), repeated=True)
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=field.LABEL_OPTIONAL, type=field.TYPE_STRING)
    entry.field.add(
        name="value",
        number=2,
        label=field.LABEL_OPTIONAL,
        type=field.TYPE_MESSAGE,
        type_name=".flan_tasks.Feature",
    )
    message("Example", ("features", 1, "Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("flan_tasks.Example"))
