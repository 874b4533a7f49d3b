"""Progress goes to standard error and hands every item on."""

import pytest

from harness import progress


def test_items_pass_through_in_order_and_standard_output_stays_clean(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_PLAIN_LINE_EVERY_S", 0.0)
    assert list(progress.track(iter("abc"), "reading", total=3)) == ["a", "b", "c"]
    out, err = capsys.readouterr()
    assert out == "" and "reading: 2/3" in err and "ETA" in err and "3 done" in err


def test_what_an_earlier_run_did_counts_as_done_and_takes_no_time(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_PLAIN_LINE_EVERY_S", 0.0)
    times_s = iter(range(0, 1000, 10))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times_s))
    list(progress.track(range(90, 94), "training", before=90))
    assert "training: 91/94, 10 s, ETA 30 s" in capsys.readouterr().err


def test_a_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert list(progress.track([1, 2], "reading")) == [1, 2]
    out, err = capsys.readouterr()
    assert out == "" and "2/2" in err


def test_short_work_prints_nothing(capsys):
    assert list(progress.track([1, 2], "reading")) == [1, 2]
    assert capsys.readouterr() == ("", "")


def test_an_error_of_the_work_comes_through():
    with pytest.raises(ZeroDivisionError):
        for item in progress.track([1, 0], "dividing"):
            1 / item
