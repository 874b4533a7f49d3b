"""From a grid to plans: every row is the method under the preset with the row's parameters, planned like any run."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from harness import datasets
from harness.errors import UserError
from harness.grids import Grid, GridRow
from harness.plan import Cell, Plan, RunRequest, Status
from harness.resolve import resolve


@dataclass(frozen=True)
class AblationRow:
    """A row of the grid and its cells, one a seed."""

    grid_row: GridRow
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Ablation:
    """A resolved grid. plans: what is to run, one for each source of masks; rows: in the grid's order."""

    grid: Grid
    plans: tuple[Plan, ...]
    rows: tuple[AblationRow, ...]

    @property
    def refused(self) -> tuple[Cell, ...]:
        """The cells of rows that are in no plan."""
        planned = {cell.note for plan in self.plans for cell in plan.cells}
        return tuple(cell for row in self.rows for cell in row.cells if cell.note not in planned)


def plan_grid(grid: Grid, request: RunRequest) -> Ablation:
    """Resolve every row against the store. request: what the rows share; `methods` is the grid's.

    A row whose masks the dataset does not have, or need weights that are not at hand, is refused with the reason.
    UserError as `resolve`, naming the row, for a parameter that the method does not have.
    """
    plans: dict[str | None, Plan] = {}
    rows = []
    for row in grid.all_rows:
        reason, plan = _without_masks(row, request), None
        if not reason:
            plan = _plan_row(grid, row, request)
            reason = "; ".join(plan.missing) if row.masks else ""
        if reason:
            rows.append(AblationRow(row, (Cell(grid.method, None, Status.REFUSED, reason, note=row.label),)))
            continue
        known = plans.get(row.masks)
        plans[row.masks] = plan if known is None else _joined(known, plan)
        rows.append(AblationRow(row, plan.cells))
    return Ablation(grid, tuple(plans.values()), tuple(rows))


def _without_masks(row: GridRow, request: RunRequest) -> str:
    """Why the dataset has no such masks; empty where it has."""
    try:
        datasets.get(request.dataset, request.data_root, row.masks or request.masks, request.weights_dir)
    except UserError as error:
        if row.masks is None:
            raise
        return str(error)
    return ""


def _plan_row(grid: Grid, row: GridRow, request: RunRequest) -> Plan:
    values = (f"methods.{grid.method}.parameters.{key}={json.dumps(value)}" for key, value in row.parameters.items())
    asked = replace(
        request,
        methods=(grid.method,),
        overrides=(*request.overrides, *values),
        masks=row.masks or request.masks,
        controls=False,
    )
    try:
        plan = resolve(asked)
    except UserError as error:
        raise UserError(f"grid {grid.name}, row '{row.label}': {error}") from error
    return replace(plan, cells=tuple(_noted(cell, row.label) for cell in plan.cells))


def _noted(cell: Cell, note: str) -> Cell:
    """The cell and its trainings under the row's label."""
    return replace(cell, note=note, trainings=tuple(replace(training, note=note) for training in cell.trainings))


def _joined(plan: Plan, other: Plan) -> Plan:
    """One plan with the cells of both, each once."""
    there = {cell.spec.key for cell in plan.cells if cell.spec}
    more = tuple(cell for cell in other.cells if cell.spec is None or cell.spec.key not in there)
    missing = tuple(dict.fromkeys((*plan.missing, *other.missing)))
    return replace(plan, cells=plan.cells + more, missing=missing)
