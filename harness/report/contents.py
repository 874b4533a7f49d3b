"""What a report says: every table of a comparison, gathered once for all formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.report.build import group_table, main_table, row_records, topic_tables
from harness.report.certainty import certainty_table, contests, gain_table, marked, unread_line
from harness.report.challenges import Breakdown, breakdowns
from harness.report.claimed import paper_of, published_row, with_claimed
from harness.report.cost import cost_table
from harness.report.footer import lines as footer_lines
from harness.report.pair_scores import read as read_scores
from harness.report.select import Comparison, Entry
from harness.report.table import Table, with_intervals

if TYPE_CHECKING:
    from harness.pairs import PairList
    from harness.report.pair_scores import ScoreFrames


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

    def with_intervals(self) -> Contents:
        """The same with an interval in every column that has one."""
        return replace(
            self,
            main=with_intervals(self.main),
            more=tuple(map(with_intervals, self.more)),
            by_group=self.by_group and with_intervals(self.by_group),
            breakdowns=tuple(replace(part, table=with_intervals(part.table)) for part in self.breakdowns),
        )


def gather(
    frames: ScoreFrames,
    comparison: Comparison,
    entries: Sequence[Entry],
    pairs: PairList,
    claimed: bool = False,
) -> Contents:
    """All tables. frames: the per-pair values. entries: of the whole store, for what other protocols say of the same
    rows. pairs: the comparison's. claimed: with published numbers beside ours, where a paper has them.

    UserError as `challenges.breakdowns`.
    """
    scores = read_scores(frames, comparison)
    found = contests(scores)
    parts, remarks = breakdowns(frames, comparison, pairs)
    topics = (marked(table, found) for table in topic_tables(comparison))
    others = (
        certainty_table(comparison, found, entries),
        gain_table(comparison, scores),
        cost_table(comparison),
    )
    main = marked(main_table(comparison, (*footer_lines(comparison), *unread_line(scores), *remarks)), found)
    paper = paper_of(comparison) if claimed else None
    if paper:
        published = [published_row(records[0], paper) for records in row_records(comparison)]
        main = with_claimed(main, comparison.first.dataset, paper, published)
    return Contents(
        comparison,
        main,
        (*topics, *(table for table in others if table is not None)),
        group_table(comparison),
        parts,
    )
