"""`bench claims`: what a paper claims, what its own tables say of it, and what our records say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from harness.commands.options import RESULTS, Results


def claims(
    paper: Annotated[str, typer.Option(help="Whose claims: a name, or a YAML file.")] = "mrnet-2020",
    on: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="DATASET",
            help="Test every comparison on this dataset's records.",
            show_default="the datasets each claim is about",
        ),
    ] = None,
    protocol: Annotated[Optional[str], typer.Option(help="Only records under this protocol.")] = None,  # noqa: UP045
    split: Annotated[Optional[str], typer.Option(help="Only records of this split.")] = None,  # noqa: UP045
    preset: Annotated[Optional[str], typer.Option(help="Only records of this preset.")] = None,  # noqa: UP045
    pairs: Annotated[Optional[str], typer.Option(metavar="HASH", help="Only records over these pairs.")] = None,  # noqa: UP045
    results: Results = RESULTS,
    out: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write the list as Markdown, too.")] = None,  # noqa: UP045
) -> None:
    """Every claim of the paper with two verdicts: by the paper's own tables, and by our records.

    By records: a paired test over groups of pairs, Holm-corrected over the comparisons of the claim. With fewer than
    ten groups, and for metrics of whole sets, means are compared, and the verdict says so. The paper's own tables need
    no results folder.

    Examples:

      bench claims

      bench claims --on footage --preset quick --out claims.md
    """
    from harness import datasets
    from harness.claims import load_claims
    from harness.errors import check_output
    from harness.report.claims import document, judge, plain
    from harness.report.select import Entry, Selection
    from harness.store import PARTS, opened
    from mrnet import files

    check_output(out, "--out")
    found, claimed = load_claims(paper)
    named = results != RESULTS
    store = opened(results) if named or any((results / part).is_dir() for part in PARTS) else None
    entries = [Entry(record, path.parent) for path, record in store.records()] if store else []
    selection = Selection(protocol=protocol, split=split, preset=preset, pairs=pairs)
    on = on and datasets.canonical(on)
    judged = judge(found, claimed, store, entries, on, selection)
    typer.echo(plain(judged))
    if out is not None:
        files.write_text(out, document(found, judged, on))
        typer.echo(out)
