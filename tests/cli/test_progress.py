"""What is shown of a build that runs."""

import click
from click.testing import CliRunner

from flan_tasks.cli import options
from flan_tasks.cli.progress import AnswerProgress, BuildProgress, describe, describe_answers
from flan_tasks.engine.run_local import Status


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


def answered(total, *, live, capsys, before=0, seconds=1.0):
    """What is printed of an evaluation whose prompts take `seconds` each."""
    clock = iter(seconds * number for number in range(2 * total))
    watch = AnswerProgress(live=live, clock=lambda: next(clock))
    watch.note("compiling reading inputs, program 1")
    for done in range(before + 1, total + 1):
        watch(done, total)
    return capsys.readouterr().err


def test_a_log_has_ten_lines_of_an_evaluation_at_most(capsys):
    lines = answered(1_000, live=False, capsys=capsys).splitlines()
    assert len(lines) == 10
    assert lines[0] == "100 of 1,000 prompts | 1.0/s | 15:00 left"
    assert lines[-1] == "1,000 of 1,000 prompts | 1.0/s"
    assert len(answered(1_000, live=False, capsys=capsys, before=905).splitlines()) == 1
    assert len(answered(3, live=False, capsys=capsys).splitlines()) <= 3


def test_a_terminal_has_one_line_that_is_written_again(capsys):
    text = answered(50, live=True, capsys=capsys, seconds=0.05)
    assert "\n" not in text
    lines = [line for line in text.split("\r\033[K") if line]
    assert lines[0] == "compiling reading inputs, program 1"
    assert lines[-1].startswith("50 of 50 prompts")
    # One in four, of prompts that take a quarter of the time between two lines.
    assert len(lines) < 20


def test_answers_of_before_are_not_in_the_rate():
    assert describe_answers(60, 100, 10, 5.0) == "60 of 100 prompts | 2.0/s | 0:20 left"
    assert describe_answers(50, 100, 0, 0.0) == "50 of 100 prompts"


def test_a_log_does_not_list_every_dataset_that_is_read(monkeypatch):
    @click.command()
    def command():
        for number in range(60):
            options.progress(f"reading dataset {number} (it is quick)")

    assert CliRunner().invoke(command).stderr == "reading dataset 0 (it is quick)\n"
    clock = iter(range(60))
    monkeypatch.setattr(options.time, "monotonic", lambda: next(clock))
    lines = CliRunner().invoke(command).stderr.splitlines()
    assert [line.split()[2] for line in lines] == ["0", "10", "20", "30", "40", "50"]
