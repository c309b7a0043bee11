"""Every declared TFDS name is one that the installed TFDS has code for, at that version."""

import pytest

from flan_tasks.core.origin import Tfds
from flan_tasks.datasets import catalog

ORIGINS = sorted(
    {d.source.name for d in catalog().datasets if isinstance(d.source, Tfds)}
    | {
        a.origin.name
        for d in catalog().datasets
        for a in d.alternatives
        if isinstance(a.origin, Tfds)
    }
)


@pytest.mark.parametrize("name", ORIGINS)
def test_tfds_has_the_builder_the_config_and_the_version(name):
    import tensorflow_datasets as tfds

    origin = Tfds(name)
    builder, _, config = origin.builder.partition("/")
    cls = tfds.builder_cls(builder)
    configs = {item.name: item for item in cls.BUILDER_CONFIGS}
    assert not config or config in configs, sorted(configs)
    versions = {str(cls.VERSION), *(str(v) for v in cls.SUPPORTED_VERSIONS or [])}
    if config:
        chosen = configs[config]
        if getattr(chosen, "version", None):
            versions = {str(chosen.version), *(str(v) for v in chosen.supported_versions or [])}
    assert origin.version in versions
