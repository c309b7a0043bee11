import hashlib
import os

import pytest

from flan_tasks.core import intact

LARGE = bytes(range(256)) * 8192


@pytest.fixture
def clock(monkeypatch, tmp_path):
    """The clock and the notes of another process, an hour after whatever is written here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    class Clock:
        ahead = 3600.0

        def restart(self):
            intact._checked.cache_clear()

    held, now = Clock(), intact.time.time
    monkeypatch.setattr(intact.time, "time", lambda: now() + held.ahead)
    held.restart()
    yield held
    held.restart()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(LARGE)
    return path


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def looks(path, digest, **arguments):
    """How many bytes were read, and whether the file is intact."""
    pieces = []
    found = intact.is_intact(
        path, digest, look=lambda piece: pieces.append(len(piece)), **arguments
    )
    return sum(pieces), found


def test_content_decides(file, clock):
    assert intact.is_intact(file, sha256(LARGE))
    assert not intact.is_intact(file, sha256(b"other"))


def test_what_was_intact_is_read_once_by_whatever_process(file, clock):
    assert looks(file, sha256(LARGE)) == (len(LARGE), True)
    assert looks(file, sha256(LARGE)) == (0, True)
    clock.restart()
    assert looks(file, sha256(LARGE)) == (0, True)


def test_small_files_are_read_by_each_process(tmp_path, clock):
    (tmp_path / "small").write_bytes(b"x")
    for _ in range(2):
        clock.restart()
        assert looks(tmp_path / "small", sha256(b"x")) == (1, True)


def test_a_day_later_it_is_read_again(file, clock):
    looks(file, sha256(LARGE))
    clock.ahead += 25 * 3600
    assert looks(file, sha256(LARGE)) == (len(LARGE), True)


def test_notes_of_the_future_do_not_hold(file, clock):
    looks(file, sha256(LARGE))
    clock.ahead -= 1800
    assert looks(file, sha256(LARGE)) == (len(LARGE), True)


def test_a_change_is_found_whatever_its_times_say(file, clock):
    looks(file, sha256(LARGE))
    times = file.stat()
    with file.open("r+b") as out:
        out.write(b"\xff")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert looks(file, sha256(LARGE)) == (len(LARGE), False)


def test_a_file_changed_a_moment_ago_is_not_remembered(file, clock):
    clock.ahead = 0.0
    assert looks(file, sha256(LARGE)) == (len(LARGE), True)
    assert looks(file, sha256(LARGE)) == (len(LARGE), True)


def test_another_claim_looks_again(file, clock):
    looks(file, sha256(LARGE), claim="one")
    assert looks(file, sha256(LARGE), claim="two") == (len(LARGE), True)


def test_pieces_hold_whole_rows(file, clock):
    sizes = []
    assert intact.is_intact(
        file, sha256(LARGE), head=128, row=3000, look=lambda piece: sizes.append(len(piece))
    )
    assert len(sizes) > 1 and all(size % 3000 == 0 for size in sizes[:-1])
    assert sum(sizes) == len(LARGE) - 128


@pytest.mark.parametrize("notes", [b"", b"\xff\xfe", b"no note\n" * 9, b"a" * 32 + b" inf\n"])
def test_damaged_notes_are_no_notes(file, clock, tmp_path, notes):
    path = tmp_path / "cache" / "flan_tasks" / "checked"
    path.parent.mkdir(parents=True)
    path.write_bytes(notes)
    clock.restart()
    assert looks(file, sha256(LARGE)) == (len(LARGE), True)


def test_notes_of_earlier_days_are_dropped(clock, tmp_path):
    path = tmp_path / "cache" / "flan_tasks" / "checked"
    path.parent.mkdir(parents=True)
    path.write_text(f"{'a' * 32} 1\n" * 30_000 + f"{'b' * 32} {intact.time.time():.0f}\n")
    clock.restart()
    intact._checked()
    assert len(path.read_text().splitlines()) == 1


def test_a_home_that_cannot_be_written_only_costs_time(file, clock, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert looks(file, sha256(LARGE)) == (len(LARGE), True)
