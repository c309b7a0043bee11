import gc
import weakref

import pytest

from flan_tasks.core.collecting import OF_PYTHON, older_left_alone


class Ring:
    """Refers to itself, so that only a search finds it gone."""

    def __init__(self):
        self.me = self


@pytest.fixture(autouse=True)
def _nothing_frozen():
    assert gc.get_freeze_count() <= OF_PYTHON
    yield
    gc.unfreeze()


def test_what_was_there_is_left_alone_until_the_end():
    older = Ring()
    gone = weakref.ref(older)
    with older_left_alone():
        del older
        gc.collect()
        assert gone() is not None
    gc.collect()
    assert gone() is None and gc.get_freeze_count() <= OF_PYTHON


def test_what_is_made_meanwhile_is_searched():
    with older_left_alone():
        gone = weakref.ref(Ring())
        gc.collect()
        assert gone() is None


def test_an_error_ends_it():
    with pytest.raises(KeyError), older_left_alone():
        raise KeyError
    assert gc.get_freeze_count() <= OF_PYTHON


def test_what_others_froze_stays_so():
    gc.freeze()
    with older_left_alone():
        pass
    assert gc.get_freeze_count() > OF_PYTHON
