"""What a report says: every table of a comparison, gathered once for all formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report import certainty, challenges, footer, pair_scores
from harness.report.build import group_table, main_table, topic_tables
from harness.report.challenges import Breakdown
from harness.report.cost import cost_table
from harness.report.select import Comparison, Entry
from harness.report.table import Table

if TYPE_CHECKING:
    from harness.pairs import PairList
    from harness.store import Store


@dataclass(frozen=True)
class Contents:
    """The tables, in their order on the page.

    more: tables of other columns, whose rows are rows of the main table. breakdowns: values by parts of the pairs.
    """

    comparison: Comparison
    main: Table
    more: tuple[Table, ...]
    by_group: Table | None
    breakdowns: tuple[Breakdown, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        by_group = () if self.by_group is None else (self.by_group,)
        return (self.main, *self.more, *by_group, *(part.table for part in self.breakdowns))


def gather(store: Store, comparison: Comparison, entries: Sequence[Entry], pairs: PairList) -> Contents:
    """All tables. entries: of the whole store, for what other protocols say of the same rows. pairs: the comparison's.

    UserError as `challenges.breakdowns`.
    """
    scores = pair_scores.read(store, comparison)
    contests = certainty.contests(scores)
    breakdowns, remarks = challenges.breakdowns(store, comparison, pairs)
    under = (*footer.lines(comparison), *certainty.unread_line(scores), *remarks)
    topics = (certainty.marked(table, contests) for table in topic_tables(comparison))
    found = (
        certainty.certainty_table(comparison, contests, entries),
        certainty.gain_table(comparison, scores),
        cost_table(comparison),
    )
    return Contents(
        comparison,
        certainty.marked(main_table(comparison, under), contests),
        (*topics, *(table for table in found if table is not None)),
        group_table(comparison),
        breakdowns,
    )
