"""Answers are held against the key, and the table says what they say."""

import csv
import json
import shutil

import numpy as np
import pytest
from small_study import METHODS, answers_of, packet_of, send, truthful
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import UserError
from harness.published import load_paper
from harness.report.table import RowGroup
from harness.study import answers
from harness.study.answers import problem, read, success
from harness.study.design import REAL, Kind, Task
from harness.study.key import KEY, LEFT, RIGHT, YES
from harness.study.packet import key_folder
from harness.study.score import alpha, evaluate, shares, tables


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return packet_of(tmp_path_factory.mktemp("study"), participants=6, images=18)


@pytest.fixture
def folder(tmp_path, made):
    """Truthful answers of all participants."""
    for participant in made[1].participants:
        send(tmp_path / "answers", participant)
    return tmp_path / "answers"


def wrong_checks(question):
    if question.kind is not Kind.CHECK:
        return truthful(question)
    return {"yes": "no", "no": "yes", LEFT: RIGHT, RIGHT: LEFT}[question.expected]


def test_every_answer_becomes_a_row(made, folder):
    reading = read(made[1], folder)
    assert not reading.refused and not reading.remarks
    assert len(reading.frame) == sum(len(it.questions) for it in made[1].participants)
    assert set(reading.frame["kind"]) == {kind.name for kind in Kind}
    checks = reading.frame[reading.frame["kind"] == "CHECK"]
    assert (checks["success"] == 1).all()


def test_authenticity_counts_who_was_fooled(made):
    question = next(it for it in made[1].participants[0].questions if it.task is Task.AUTHENTICITY)
    other = LEFT if question.fake == RIGHT else RIGHT
    plain = question.model_copy(update={"kind": Kind.ITEM})
    assert not success(plain, question.fake) and success(plain, other)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"participant": "nobody"}, "not of this study"),
        ({"page": "0" * 64}, "edited, or is of another packet"),
        ({"answers": [{"id": "f" * 16, "answer": "yes", "ms": 1}]}, "was not asked"),
        ({"answers": []}, "nothing is answered"),
        ({"schema": 9}, "version 9"),
        ({"extra": 1}, "no answers of a study"),
    ],
)
def test_a_file_that_is_not_this_participants_counts_for_nothing(made, folder, changes, words):
    participant = made[1].participants[0]
    path = folder / f"answers-{participant.code}.json"
    path.write_text(json.dumps(answers_of(participant, **changes)), encoding="utf-8")
    reading = read(made[1], folder)
    assert words in reading.refused[path.name]
    assert participant.code not in set(reading.frame["participant"])


def test_edited_items_are_refused(made):
    participant = made[1].participants[0]
    good = answers.parsed(json.dumps(answers_of(participant)).encode())
    assert problem(good, participant) is None
    first = good.answers[0]
    twice = good.model_copy(update={"answers": (*good.answers, first)})
    assert "answered twice" in problem(twice, participant)
    foreign = made[1].participants[1].questions[0].id
    swapped = good.model_copy(update={"answers": (first.model_copy(update={"id": foreign}), *good.answers[1:])})
    assert "was not asked" in problem(swapped, participant)
    sides = next(it.id for it in participant.questions if it.task is Task.AUTHENTICITY)
    at = [it.id for it in good.answers].index(sides)
    odd = list(good.answers)
    odd[at] = odd[at].model_copy(update={"answer": YES})
    assert "'yes' is no answer" in problem(good.model_copy(update={"answers": tuple(odd)}), participant)


def test_of_two_files_of_one_participant_the_first_finished_counts(made, folder):
    participant = made[1].participants[0]
    early = {"finished": "2025-12-31T09:00:00.000Z", "how": lambda it: it.expected or ("right" if it.fake else "no")}
    send(folder, participant, "early.json", **early)
    reading = read(made[1], folder)
    assert "another file" in reading.refused[f"answers-{participant.code}.json"]
    own = reading.frame[reading.frame["participant"] == participant.code]
    assert len(own) == len(participant.questions) and not own[own["task"] == "SHARPNESS"]["success"].iloc[0]
    shutil.copy(folder / "early.json", folder / "late.json")
    assert "the same answers as early.json" in read(made[1], folder).refused["late.json"]


def test_who_fails_checks_is_left_out(made, folder):
    participant = made[1].participants[0]
    path = send(folder, participant, how=wrong_checks)
    reading = read(made[1], folder)
    assert "failed 6 checks" in reading.refused[path.name]
    assert participant.code not in set(reading.frame["participant"])
    assert participant.code in set(read(made[1], folder, most_failed_checks=6).frame["participant"])


def test_an_unfinished_file_counts_and_is_named(made, folder):
    participant = made[1].participants[0]
    whole = answers_of(participant)["answers"]
    path = send(folder, participant, answers=whole[:30])
    reading = read(made[1], folder)
    assert reading.remarks == {path.name: f"30 of {len(whole)} questions are answered"}
    assert (reading.frame["participant"] == participant.code).sum() == 30


def test_a_filled_sheet_counts_like_a_file(made, folder, tmp_path):
    packet, key = made
    participant = key.participants[0]
    (folder / f"answers-{participant.code}.json").unlink()
    lines = list(csv.DictReader((packet / "sheets" / f"{participant.code}.csv").open(encoding="utf-8")))
    with (folder / "sheet.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        for line in lines:
            writer.writerow(line | {"answer": truthful(participant.by_id[line["id"]]).upper() + " "})
    reading = read(key, folder)
    own = reading.frame[reading.frame["participant"] == participant.code]
    assert len(own) == len(lines) and own["ms"].isna().all() and not reading.refused
    (folder / "sheet.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert "no sheet" in read(key, folder).refused["sheet.csv"]


def test_nothing_that_counts_is_an_error(made, tmp_path):
    with pytest.raises(UserError, match="no folder"):
        read(made[1], tmp_path / "nowhere")
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "broken.json").write_text("{")
    with pytest.raises(UserError, match=r"broken\.json: these are no answers"):
        read(made[1], tmp_path / "answers")


def test_the_table_has_the_methods_and_real_data_with_intervals(made, folder):
    main = tables(evaluate(made[1], read(made[1], folder)))[0]
    assert [column.label for column in main.columns] == ["S (sharpness)", "Au (authenticity)", "Ac (accuracy)"]
    by_method = {row.method: row for row in main.rows}
    assert set(by_method) == {*METHODS, REAL}
    assert by_method[REAL].group is RowGroup.PRIVILEGED and by_method[REAL].values[2] is None
    assert by_method["mrnet"].values[1].mean == 1.0 and by_method["pg2"].values[1].mean == 0.0
    assert by_method[REAL].values[0].mean == 1.0
    for task in (0, 2):
        means = [by_method[method].values[task].mean for method in ("mrnet", "pg2", "patn")]
        assert means == sorted(means, reverse=True)
    assert by_method["mrnet"].values[0].rank == 1 and by_method["pg2"].values[0].rank == 2
    value = by_method["pg2"].values[0]
    assert value.low < value.mean < value.high and value.n > 10


def test_shares_are_of_items_alone(made, folder):
    reading = read(made[1], folder)
    items = reading.frame[reading.frame["kind"] == "ITEM"]
    found = shares(items)[Task.SHARPNESS, "pg2"]
    own = items[(items["task"] == "SHARPNESS") & (items["method"] == "pg2")]["success"]
    assert found.mean == pytest.approx(own.mean()) and found.n == len(own)


def test_differences_agreement_and_correlations(made, folder):
    _, differences, agreement, correlations = tables(evaluate(made[1], read(made[1], folder)))
    rows = {row.method: row.values for row in differences.rows}
    assert rows["mrnet"][0] is None and rows["patn"][0].mean < -0.5 and rows["patn"][1].mean < 0.05
    by_task = {row.method: row.values for row in agreement.rows}
    assert all(values[1].mean == 1.0 and values[2].mean == 1.0 for values in by_task.values())
    assert by_task["authenticity"][0].mean == 1.0, "nobody differs about whom mrnet fools"
    assert by_task["sharpness"][3].mean == pytest.approx(1.5)
    by_metric = {row.method: row.values for row in correlations.rows}
    # the store's values grow with the methods as the answers do, whichever way the metric points
    assert by_metric["m_ssim"][1].mean == pytest.approx(1.0) and by_metric["box_lpips"][1].mean == pytest.approx(1.0)


def test_alpha_is_none_where_all_answers_are_alike(made, folder):
    frame = read(made[1], folder).frame
    items = frame[(frame["task"] == "SHARPNESS") & (frame["kind"] == "ITEM")]
    assert alpha(items.assign(success=1.0)) is None
    noise = np.random.Generator(np.random.PCG64(0)).integers(0, 2, len(items)).astype(float)
    assert abs(alpha(items.assign(success=noise))) < 0.5


def test_published_numbers_stand_beside_ours_on_the_same_dataset(made, folder):
    reading = read(made[1], folder)
    assert len(tables(evaluate(made[1], reading), load_paper("mrnet-2020"))[0].columns) == 3, "the paper has no footage"
    penn = made[1].model_copy(update={"dataset": "penn"})
    main = tables(evaluate(penn, reading), load_paper("mrnet-2020"))[0]
    labels = [column.heading for column in main.columns]
    assert labels[1] == "paper: S" and labels[5] == "paper: Ac"
    values = {row.method: row.values for row in main.rows}
    assert values["mrnet"][1].mean == 0.74 and values[REAL][3].mean == 0.49 and values[REAL][5] is None
    assert any("never ranked" in line for line in main.legend)


def score(packet, folder, *more):
    return CliRunner().invoke(app, ["study", "score", str(packet), str(folder), *map(str, more)])


def test_the_command_writes_every_format_and_prints_the_table(made, folder, tmp_path):
    result = score(made[0], folder, "--out", tmp_path / "scores")
    assert result.exit_code == 0, result.output
    assert "Real data" in result.output
    written = {path.name for path in (tmp_path / "scores").iterdir()}
    assert written == {f"user-study.{ending}" for ending in ("md", "csv", "html", "tex")}
    rows = list(csv.DictReader((tmp_path / "scores" / "user-study.csv").open(encoding="utf-8")))
    assert {(row["task"], row["method"]) for row in rows} >= {("sharpness", "real"), ("accuracy", "pg2")}
    assert "Metrics and people" in (tmp_path / "scores" / "user-study.md").read_text(encoding="utf-8")


def test_another_key_and_a_changed_one_are_refused(made, folder, tmp_path):
    packet, _ = made
    other, _ = packet_of(tmp_path / "other", seed=9)
    result = score(packet, folder, "--key", key_folder(other) / KEY)
    assert result.exit_code == 2 and "another study's, or was changed" in result.output
    path = tmp_path / "key.json"
    path.write_text((key_folder(packet) / KEY).read_text().replace('"seed": 0', '"seed": 1'))
    assert "was changed" in score(packet, folder, "--key", path).output
    path.write_text("{}")
    assert score(packet, folder, "--key", path).exit_code == 2
    assert "--key FILE" in score(packet, folder, "--key", tmp_path / "none.json").output
    assert score(packet, folder, "--format", "pdf").exit_code == 2


def test_the_plan_prints_power_by_size():
    words = ["study", "plan", "--effect", "0.3", "--methods", "2", "--participants", "5,20", "--images", "10"]
    result = CliRunner().invoke(app, [*words, "--studies", "20"])
    assert result.exit_code == 0, result.output
    assert "0.8 from 0.5" in result.output and "10 images" in result.output
    assert CliRunner().invoke(app, [*words, "--rate", "0.9"]).exit_code == 2
    assert CliRunner().invoke(app, ["study", "plan", "--participants", "x"]).exit_code == 2
