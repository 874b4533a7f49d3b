"""Cost: counts by hand, wrappers' parts, what measuring leaves alone, when it is measured, the report's table."""

import json

import pytest
import torch
from report_store import demo_store, pair_list, record
from small_methods import Looped
from small_run import bench
from torch import nn

from harness import cost, datasets, recording
from harness.pairs import PairData
from harness.records import Budget, Cost, PartRecord, read_record
from harness.report.cost import cost_table
from harness.report.select import Comparison, Entry, comparisons
from methods import registry
from methods.base import Synthesis

SIZE_PX = (64, 64)


@pytest.fixture(scope="module")
def data():
    dataset = datasets.get("synthetic")
    return PairData(dataset.frames(SIZE_PX), dataset.pair_list("time", "test", SIZE_PX))


def measured(method, data):
    return cost.measure(method, data.conditions([0]), data.conditions(cost.repeated(len(data))))


class OneConvolution(Looped):
    """Its network named."""

    def networks(self):
        return (self._network, self._network)


@pytest.fixture
def convolution(data):
    method = OneConvolution(data.info, {"pause_s": 0.0})
    method._build()
    return method


def test_numbers_of_a_convolution_by_hand(convolution, data):
    found = measured(convolution, data)
    assert found.parameters == 3 * 3 * 9 + 3, "a network that is named twice counts once"
    assert found.multiply_adds == 3 * 3 * 9 * 64 * 64
    assert found.latency_s > 0 and found.batch_latency_s > 0 and found.batch == 16
    assert found.peak_mb is None or found.peak_mb >= 0
    assert found.threads == torch.get_num_threads() and found.device


def test_a_method_without_a_network_has_no_numbers_of_one(data):
    class Copying(Looped):
        def synthesize(self, condition):
            return Synthesis(image=condition.image)

    found = measured(Copying(data.info, {}), data)
    assert found.parameters is None and found.multiply_adds is None and found.latency_s > 0


def test_a_wrapper_counts_all_its_parts(data):
    wrapper = registry.build("crop-inpaint(dvg)", data.info, registry.card("crop-inpaint(dvg)").parameters)
    for part in wrapper.learners().values():
        part._take(part._build())
    alone = [sum(value.numel() for value in part._trained().parameters()) for part in wrapper.learners().values()]
    assert len(alone) == 2 and cost._parameters(wrapper) == sum(alone)


def test_the_larger_batch_repeats_pairs_where_there_are_few():
    assert cost.repeated(5) == [0, 1, 2, 3, 4] * 3 + [0]
    assert cost.repeated(100) == list(range(16))


def test_measuring_leaves_random_numbers_and_threads_alone(convolution, data):
    torch.manual_seed(3)
    expected, threads = torch.rand(3), torch.get_num_threads()
    torch.manual_seed(3)
    convolution._network = nn.Sequential(*convolution._network, nn.Dropout(0.5).train())
    measured(convolution, data)
    assert torch.equal(torch.rand(3), expected) and torch.get_num_threads() == threads


def test_a_slow_method_is_called_a_few_times_only(convolution, data, monkeypatch):
    calls = []
    monkeypatch.setattr(cost, "BUDGET_S", 0.0)
    monkeypatch.setattr(convolution, "synthesize", lambda condition: calls.append(len(condition)))
    cost._latency_s(convolution, data.conditions([0]))
    assert len(calls) == 1 + cost.LEAST_REPEATS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cost")
    result = bench(folder, "looped,copy")
    assert result.exit_code == 0, result.output
    return folder


def cell_of(folder, method):
    (cell,) = (folder / "results" / "cells" / "synthetic").glob(f"{method}-*")
    return cell


def test_a_learned_cells_record_has_its_cost_and_a_controls_has_none(run):
    (path,) = cell_of(run, "looped").glob("record-*.json")
    found = read_record(path).cost
    assert found.multiply_adds == 3 * 3 * 9 * 32 * 32 and found.parameters is None, "the plugin names no network"
    (path,) = cell_of(run, "copy").glob("record-*.json")
    assert read_record(path).cost is None
    assert "cost" not in read_record(path).durations_s


def test_it_is_measured_once_and_a_cell_whose_model_is_gone_keeps_none(run, monkeypatch):
    from harness import cell, specs, store

    folder, results = cell_of(run, "looped"), store.Store(run / "results")
    spec = specs.read_spec(folder / "spec.yaml")
    kept = (folder / recording.COST).read_text()
    monkeypatch.setattr(cell, "_method", lambda *arguments: pytest.fail("built again"))
    data = cell.test_data(results, spec)
    cell.measure_cost(folder, results, spec, data)
    assert (folder / recording.COST).read_text() == kept
    gone = spec.model_copy(
        update={"trained": tuple(part.model_copy(update={"key": "0" * 64}) for part in spec.trained)}
    )
    (folder / recording.COST).unlink()
    cell.measure_cost(folder, results, gone, data)
    assert not (folder / recording.COST).exists() and recording.record(folder, spec).cost is None
    (folder / recording.COST).write_text(kept)


def test_a_method_that_fails_at_the_larger_batch_keeps_its_cell(run, monkeypatch, caplog):
    from harness import cell, specs, store

    folder, results = cell_of(run, "looped"), store.Store(run / "results")
    spec = specs.read_spec(folder / "spec.yaml")
    kept = (folder / recording.COST).read_text()
    (folder / recording.COST).unlink()

    def full(*arguments):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(cell, "_method", lambda *arguments: None)
    monkeypatch.setattr(cost, "measure", full)
    cell.measure_cost(folder, results, spec, cell.test_data(results, spec))
    assert "CUDA out of memory" in caplog.text and not (folder / recording.COST).exists()
    (folder / recording.COST).write_text(kept)


COST = Cost(
    parameters=2_500_000, multiply_adds=1_250_000_000, latency_s=0.05, batch_latency_s=0.4, batch=16, peak_mb=123.4,
    device="cpu", threads=2, load=1.0,
)  # fmt: skip


def table_of(*records):
    pairs = pair_list()
    (comparison,) = comparisons([Entry(found, None) for found in records])
    assert isinstance(comparison, Comparison) and len(pairs) == 10
    return cost_table(comparison)


def test_the_table_has_a_row_a_method_that_was_trained_or_measured():
    table = table_of(record("mrnet", cost=COST), record("copy"))
    (row,) = table.rows
    values = {column.key: value and value.mean for column, value in zip(table.columns, row.values, strict=True)}
    assert values == {
        "parameters_m": 2.5, "multiply_adds_g": 1.25, "latency_ms": 50, "batch_latency_ms": 25, "peak_mb": 123.4,
        "training_s": 300, "training_samples": 2800,
    }  # fmt: skip
    assert "cpu, 2 threads" in table.legend[0] and "not comparable" in table.legend[0]
    assert table_of(record("copy"), record("mean")) is None


def test_a_wrappers_training_is_that_of_all_its_parts_and_a_busy_machine_is_named():
    budget = Budget(samples=100, steps=25, batch_size=4, seconds=3.0)
    parts = {name: PartRecord(training_key="k", budget=budget) for name in ("crop-dvg", "deepfill")}
    busy = record("mrnet", cost=COST.model_copy(update={"load": 7.0}), parts=parts)
    table = table_of(busy)
    values = dict(zip([column.key for column in table.columns], table.rows[0].values, strict=True))
    assert values["training_samples"].mean == 200
    assert any("busy while these were measured: MR-Net" in line for line in table.legend)


def test_the_report_prints_it(tmp_path):
    from report_store import write_one

    root = demo_store(tmp_path)
    for path in root.glob("cells/*/mrnet*/record-*.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps(content | {"cost": COST.model_dump()}))
    paths = write_one(root)
    assert "## Cost" in paths.files["markdown"].read_text() and "| 2.50 |" in paths.files["markdown"].read_text()
    assert "multiply_adds_g" in paths.files["csv"].read_text().splitlines()[0]
