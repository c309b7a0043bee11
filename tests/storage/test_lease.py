import json
import threading

import pytest

from flan_tasks.core.errors import BuildError
from flan_tasks.storage import lease as module
from flan_tasks.storage.lease import Lease
from flan_tasks.storage.storage import Storage


@pytest.fixture
def storage(memory) -> Storage:
    return Storage(memory)


@pytest.fixture
def taken():
    leases = []

    def take(storage, recipe="r", **options):
        leases.append(Lease(storage, "lock", recipe))
        leases[-1].take(**options)
        return leases[-1]

    yield take
    for one in leases:
        one.release()


def test_one_holds_it_until_it_is_released(storage, taken):
    first = taken(storage)
    with pytest.raises(BuildError, match="another process is building into memory://"):
        taken(storage, wait=False)
    first.release()
    assert storage.sizes() == {}
    taken(storage, wait=False)


def test_of_many_one_takes_it(storage):
    leases = [Lease(storage, "lock", "r") for _ in range(8)]
    won = []

    def take(lease):
        try:
            lease.take(wait=False)
            won.append(lease)
        except BuildError:
            pass

    threads = [threading.Thread(target=take, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    won[0].release()


def test_a_living_holder_is_told_by_its_next_sign_of_life(storage, taken, monkeypatch):
    monkeypatch.setattr(module, "BEAT", 0.01)
    monkeypatch.setattr(module, "_LOOK", 0.02)
    taken(storage)
    with pytest.raises(BuildError, match="another process is building"):
        taken(storage)


def test_an_old_lock_of_the_same_recipe_is_taken_over(storage, taken, monkeypatch):
    old = taken(storage)
    monkeypatch.setattr(module, "STALE", -1.0)
    taken(storage)
    # The old holder sees it at its next sign of life, and does not give the lock of the new back.
    monkeypatch.setattr(module, "BEAT", 0.0)
    old._live()
    with pytest.raises(BuildError, match="another process has taken over"):
        old.check()
    old.release()
    assert "lock" in storage.sizes()


def test_a_lock_of_another_recipe_is_not_taken_over(storage, taken, monkeypatch):
    monkeypatch.setattr(module, "STALE", -1.0)
    taken(storage)
    with pytest.raises(BuildError, match="another build is being written.*remove memory://.*/lock"):
        taken(storage, recipe="other")


def test_a_server_that_ignores_the_condition_is_refused(storage, monkeypatch):
    def create(name, content):
        storage.write(name, content)
        return True

    monkeypatch.setattr(storage, "create", create)
    with pytest.raises(BuildError, match="ignores If-None-Match"):
        Lease(storage, "lock", "r").take()
    assert storage.sizes() == {}


def test_a_lock_says_nothing_of_machine_or_user(storage, taken):
    taken(storage)
    assert json.loads(storage.read("lock")).keys() == {"owner", "recipe", "beats"}


def test_a_lost_answer_is_not_taken_for_another_holder(storage, taken, monkeypatch):
    lease, create = Lease(storage, "lock", "r"), storage.create

    def lost(name, content):  # the object is made, and the answer to it is not the first
        create(name, content)
        return False

    monkeypatch.setattr(storage, "create", lost)
    lease.take()
    lease.release()
    assert storage.sizes() == {}
