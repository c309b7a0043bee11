"""What is shown of a build that runs."""

from flan_tasks.build.run_local import Status
from flan_tasks.cli.progress import BuildProgress, describe


def status(**changes):
    declared = {
        "shards": 12,
        "kept": 2,
        "done": 4,
        "rows_to_do": 100_000,
        "rows_done": 40_000,
        "tokens_done": 8_000_000,
        "seconds": 10.0,
        "running": {"train-00006-of-00012": (2_500, 10_000), "a/b/train-00007": (7_500, 10_000)},
    }
    return Status(**(declared | changes))


def test_a_state_says_shards_rows_rates_and_time_left():
    assert describe(status()) == (
        "6 of 12 shards (2 from before) | 2 running, 4 waiting | 50,000 of 100,000 rows | "
        "5,000 rows/s | 1.00 M tokens/s | 0:10 left"
    )


def test_tokens_are_left_out_where_none_are_counted_and_long_times_have_hours():
    text = describe(status(tokens_done=None, rows_to_do=100_000_000))
    assert "tokens" not in text and text.endswith("5:33:10 left")


def test_the_end_has_no_time_left():
    last = status(done=10, rows_done=100_000, running={})
    assert describe(last).endswith("100,000 of 100,000 rows | 10,000 rows/s | 0.80 M tokens/s")


def test_the_beginning_promises_nothing():
    first = status(kept=0, done=0, rows_done=0, tokens_done=None, seconds=0.0, running={})
    assert describe(first) == "0 of 12 shards | 0 running, 12 waiting | 0 of 100,000 rows"


def shown(capsys, *, live, steps):
    times = iter([time for time, _ in steps])
    progress = BuildProgress(live=live, clock=lambda: next(times))
    for _, state in steps:
        progress(state)
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


def test_elsewhere_than_on_a_terminal_there_is_a_plain_line_now_and_then(capsys):
    done = status(done=10, rows_done=100_000, running={})
    steps = [(0, status()), (1, status()), (9, status()), (11, status()), (12, done), (12, done)]
    lines = shown(capsys, live=False, steps=steps).splitlines()
    assert len(lines) == 3 and lines[-1].startswith("12 of 12 shards")
    assert "\r" not in "".join(lines) and "\033" not in "".join(lines)


def test_a_terminal_has_one_line_that_fits_and_shows_each_running_shard(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "180")
    err = shown(capsys, live=True, steps=[(0, status()), (0.1, status()), (0.3, status())])
    assert err.count("\r\033[K") == 2 and "\n" not in err
    assert err.endswith("train-00006-of-00012 25%, train-00007 75%")
    monkeypatch.setenv("COLUMNS", "60")
    (line,) = shown(capsys, live=True, steps=[(0, status())]).removeprefix("\r\033[K").splitlines()
    assert len(line) == 59
