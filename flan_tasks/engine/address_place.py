"""A build at an address: each shard is written here, put there, and noted there last.

What stands at the address is all that a later run trusts, from whatever machine. What is here lies
in a folder of the cache that is the run's own and goes with it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from flan_tasks.core import whole
from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError
from flan_tasks.engine import directory
from flan_tasks.engine.file_facts import write_error
from flan_tasks.engine.local_copy import manifest_at
from flan_tasks.engine.manifest_file import MANIFEST, PROGRESS
from flan_tasks.engine.recipe import Recipe, digest_of
from flan_tasks.storage.cache import cache_folder
from flan_tasks.storage.lease import Lease
from flan_tasks.storage.storage import Storage

_LOCK = f"{PROGRESS}/{directory.LOCK}"
_PLAN = f"{PROGRESS}/{directory.PLAN}"
# Shards that are put at one time, and how many more may wait: each of them is on this disk.
_AT_ONCE = 4
_WAITING = 8


class AddressPlace:
    """A folder in an object store.

    Args:
      address: where.
      keep_shards: whether shards stay here until the build is complete, as the report needs them;
        otherwise each is removed when it is there.

    Raises:
      BuildError: no library for such addresses is installed, or two builds could not be kept apart
        there.
    """

    def __init__(self, address: Address, *, keep_shards: bool) -> None:
        self.where = address
        self._folder: Path | None = None
        self._storage = Storage(address)
        self._storage.check_creates()
        self._keeps = keep_shards
        self._put: set[str] = set()
        self._lease: Lease | None = None
        self._uploads = _Uploads()
        # Notes and sizes of files as they were when the build was begun.
        self._notes: Mapping[str, bytes] = {}
        self._sizes: Mapping[str, int] = {}

    @property
    def folder(self) -> Path:
        """The directory that shards are written to, while the place is locked."""
        assert self._folder is not None
        return self._folder

    @property
    def logs(self) -> Path:
        """Where workers leave what they print; not among what the folder is said to hold."""
        return self.folder / PROGRESS

    def check_free(self, recipe: Recipe) -> bool:
        names = frozenset(self._storage.names())
        is_complete = MANIFEST in names
        plan = None
        if PROGRESS in names and not is_complete:
            with suppress(FileNotFoundError):
                plan = self._storage.read(_PLAN).decode("utf-8", "replace")
        self._sizes = self._storage.sizes() if is_complete else {}
        found = directory.Found(
            where=self.where,
            names=names,
            manifest=self.manifest() if is_complete else None,
            plan=plan,
            size=self._sizes.get,
        )
        return directory.check_found(found, recipe)

    def manifest(self) -> dict[str, Any]:
        return manifest_at(self.where)

    def tidy(self, recipe: Recipe) -> None:
        with suppress(BuildError):
            if not self._storage.sizes(PROGRESS):
                return
            lease = Lease(self._storage, _LOCK, digest_of(recipe))
            lease.take(wait=False)
            try:
                self._end()
            finally:
                lease.release()

    @contextmanager
    def lock(self, recipe: Recipe) -> Iterator[int]:
        with ExitStack() as stack:
            lease = Lease(self._storage, _LOCK, digest_of(recipe))
            # Also where it is not taken to the end, and the object was made.
            stack.callback(lease.release)
            lease.take()
            self._lease = lease
            path = cache_folder() / "build"
            with _written(path):
                self._folder, descriptor = stack.enter_context(whole.scratch_folder(path))
                self.logs.mkdir()
            stack.enter_context(self._uploads)
            yield descriptor

    def begin(self, recipe: Recipe, *, command: str) -> None:
        plan = directory.plan_text(recipe, command).encode()
        self._storage.create(_PLAN, plan)
        self._sizes = self._storage.sizes()
        others = {_LOCK, _PLAN}
        notes = (n for n in self._sizes if n.startswith(f"{PROGRESS}/") and n.endswith(".json"))
        self._notes = self._storage.read_all(name for name in notes if name not in others)

    def done(self, shard_path: str) -> dict[str, Any] | None:
        note = self._notes.get(f"{PROGRESS}/{directory.note_name(shard_path)}")
        if note is None:
            return None
        # What an object store took is whole; `verify` reads it.
        facts = directory.noted(note, lambda file: {"bytes": self._sizes.get(file["path"])})
        if facts is not None:
            self._put |= {file["path"] for file in facts["files"]}
        return facts

    def note(self, facts: Mapping[str, Any]) -> None:
        self._check()
        self._uploads.add(lambda: self._put_shard(facts))

    def gather(self, names: Iterable[str]) -> None:
        self._uploads.wait()
        missing = [name for name in names if not (self.folder / name).is_file()]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._fetch, missing))

    def complete(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        self._uploads.wait()
        for entry in manifest["files"]:
            if entry["path"] not in self._put:
                self._storage.put(self.folder / entry["path"], entry["path"])
        sealed = directory.write_manifest(self.folder, manifest)
        self._check()
        self._storage.put(self.folder / MANIFEST, MANIFEST)
        with suppress(BuildError):  # it is complete; a rerun tidies
            self._end()
        return sealed

    def sweep(self) -> None:
        pass  # it goes with the folder; what is put are whole shards

    def abandon(self) -> None:
        self._uploads.stop()

    def _put_shard(self, facts: Mapping[str, Any]) -> None:
        paths = [file["path"] for file in facts["files"]]
        for path in paths:
            self._check()
            self._storage.put(self.folder / path, path)
        self._check()
        note = f"{PROGRESS}/{directory.note_name(facts['path'])}"
        self._storage.write(note, directory.note_text(facts).encode())
        self._put.update(paths)
        if not self._keeps:
            for path in paths:
                (self.folder / path).unlink(missing_ok=True)

    def _fetch(self, name: str) -> None:
        path = self.folder / name
        with _written(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._storage.fetch(name, path, self._sizes[name])
            except (FileNotFoundError, KeyError):
                path.unlink(missing_ok=True)
                raise BuildError(
                    f"{self.where / name} was there when this build went on, and is gone; run the "
                    "same command again"
                ) from None

    def _end(self) -> None:
        """Removes all notes of a build that is complete, the lock last."""
        names = self._storage.sizes(PROGRESS).keys() - {_LOCK}
        self._storage.remove(sorted(names))

    def _check(self) -> None:
        if self._lease is not None:
            self._lease.check()


class _Uploads:
    """What is put in the background; what fails is raised by whoever adds more or waits."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._futures: list[Future[None]] = []

    def __enter__(self) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="put")

    def __exit__(self, *error: object) -> None:
        self.stop()

    def add(self, task: Callable[[], None]) -> None:
        """Begins a task, when not too many wait."""
        assert self._pool is not None
        self._raise_failures()
        while len(self._futures) >= _AT_ONCE + _WAITING:
            self._futures.pop(0).result()
        self._futures.append(self._pool.submit(task))

    def wait(self) -> None:
        """Waits for all of them."""
        while self._futures:
            self._futures.pop(0).result()

    def stop(self) -> None:
        """Ends: what is not begun is not done."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        self._futures.clear()

    def _raise_failures(self) -> None:
        for future in [one for one in self._futures if one.done()]:
            self._futures.remove(future)
            future.result()


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_error(error, path) from error
