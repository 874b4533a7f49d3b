"""`bench study`: ask people, as the paper's Table V does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from harness.commands.options import RESULTS
from harness.errors import UserError

app = typer.Typer(
    no_args_is_help=True, help="User studies: make packets, serve them, score the answers, plan the size."
)

PARTICIPANTS, IMAGES = 15, 50  # the paper's
Packet = Annotated[Path, typer.Argument(metavar="PACKET", help="Folder that `bench study make` wrote.")]


@app.command()
def make(
    records: Annotated[
        Path, typer.Option("--records", "--results", help="Results folder whose stored images are shown.")
    ] = RESULTS,
    out: Annotated[Path, typer.Option(help="New folder for the packet; the key goes into OUT-key.")] = Path("packet"),
    participants: Annotated[int, typer.Option(min=1, help="How many people.")] = PARTICIPANTS,
    images: Annotated[int, typer.Option(min=2, help="Pairs each person sees in each task.")] = IMAGES,
    methods: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="A,B", help="Only these methods; controls only where they are named."),
    ] = None,
    dataset: Annotated[Optional[str], typer.Option(help="Only this dataset.")] = None,  # noqa: UP045
    protocol: Annotated[Optional[str], typer.Option(help="Only this protocol.")] = None,  # noqa: UP045
    split: Annotated[Optional[str], typer.Option(help="Only this split.")] = None,  # noqa: UP045
    preset: Annotated[Optional[str], typer.Option(help="Only this preset.")] = None,  # noqa: UP045
    pairs: Annotated[Optional[str], typer.Option(metavar="HASH", help="Which pair list.")] = None,  # noqa: UP045
    texts: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Words of the pages: your copy of harness/study/texts.yaml."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which pairs, methods, sides and orders.")] = 0,
) -> None:
    """Write a page for each participant, an answer sheet for paper, and, apart from both, the key.

    Examples:

      bench study make --participants 15 --images 50 --out packet

      bench study make --records results/footage-reference --methods mrnet,patn,pg2 --images 20 --out packet
    """
    from harness import datasets
    from harness.report import stored
    from harness.report.select import Selection
    from harness.study.packet import Plan, key_folder
    from harness.study.packet import make as make_packet
    from harness.study.source import Source
    from harness.study.texts import load_texts
    from methods.wrapping import split_list

    store, entries = stored(records)
    named = tuple(split_list(methods or ""))
    selection = Selection(dataset and datasets.canonical(dataset), protocol, split, preset, named, pairs)
    source = Source(store, entries, selection)
    key = make_packet(source, Plan(participants, images, seed), load_texts(texts), out)
    asked = len(key.participants[0].questions)
    typer.echo(f"{participants} pages of {asked} questions: {len(key.titles)} methods, {key.comparison}")
    typer.echo(out)
    typer.echo(f"{key_folder(out)}  (the key: keep it to yourself)")


@app.command()
def serve(
    packet: Packet,
    answers: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder for what is sent in.", show_default="PACKET-answers"),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for the local network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 8000,
) -> None:
    """Hand out the pages and take the answers in, until Ctrl-C. Give each person the address of his own page alone.

    Examples:

      bench study serve packet

      bench study serve packet --host 0.0.0.0 --port 8080 --answers answers
    """
    from harness.study.serve import serve as run

    folder = answers or packet.with_name(packet.name + "-answers")
    typer.echo(f"answers go to {folder}; Ctrl-C ends", err=True)
    run(packet, folder, host, port)


@app.command()
def score(
    packet: Packet,
    answers: Annotated[Path, typer.Argument(metavar="ANSWERS", help="Folder of answers-*.json and filled sheets.")],
    key: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="The key.", show_default="PACKET-key/key.json"),
    ] = None,
    out: Annotated[Optional[Path], typer.Option(help="Folder to write into.", show_default="PACKET-scores")] = None,  # noqa: UP045
    max_failed_checks: Annotated[int, typer.Option(min=0, help="Who fails more of them is left out.")] = 1,
    formats: Annotated[
        str, typer.Option("--format", help="Comma-separated: markdown, csv, html, latex.", show_default="all")
    ] = "markdown,csv,html,latex",
) -> None:
    """Table V of the answers: shares with intervals, differences, agreement, and how metrics go with people.

    Examples:

      bench study score packet answers

      bench study score packet answers --key safe/key.json --out scores --format latex
    """
    from harness.report.console import print_table
    from harness.study.report import write
    from methods.wrapping import split_list

    folder = out or packet.with_name(packet.name + "-scores")
    main, paths = write(packet, answers, key, folder, split_list(formats), max_failed_checks)
    print_table(main)
    for path in paths:
        typer.echo(path)


@app.command()
def plan(
    effect: Annotated[float, typer.Option(help="Difference between two methods' shares that is to be seen.")] = 0.1,
    rate: Annotated[float, typer.Option(help="Share of the lesser method.")] = 0.5,
    methods: Annotated[int, typer.Option(min=2, help="How many methods.")] = 7,
    participants: Annotated[str, typer.Option(metavar="N,N", help="Numbers of people to try.")] = "10,15,30,60",
    images: Annotated[str, typer.Option(metavar="N,N", help="Numbers of images to try.")] = "25,50,100",
    studies: Annotated[int, typer.Option(min=10, help="Simulated studies of each size.")] = 200,
) -> None:
    """How often a study of each size would tell the better of two methods from the other, by simulation.

    People and images differ as `harness/study/simulate.py` says; tests are those of `bench study score`.

    Examples:

      bench study plan --effect .1

      bench study plan --effect .2 --methods 4 --participants 15,30 --images 50
    """
    from tabulate import tabulate

    from harness.study.power import power

    people, shown = _numbers("--participants", participants), _numbers("--images", images)
    try:
        found = power(effect, rate, methods, [(count, image) for count in people for image in shown], studies)
    except ValueError as error:
        raise UserError(f"--rate {rate:g} --effect {effect:g}: {error}") from error
    by_size = {(it.participants, it.images): it.power for it in found}
    rows = [[count, *(f"{by_size[count, image]:.2f}" for image in shown)] for count in people]
    typer.echo(f"Share of {studies} simulated studies that tell {rate + effect:g} from {rate:g}, {methods} methods:\n")
    typer.echo(tabulate(rows, ["participants", *(f"{image} images" for image in shown)], disable_numparse=True))


def _numbers(option: str, words: str) -> list[int]:
    try:
        found = [int(word) for word in words.split(",")]
    except ValueError as error:
        raise UserError(f"{option} {words!r}: whole numbers with commas between them are needed") from error
    if any(number < 2 for number in found):
        raise UserError(f"{option} {words!r}: at least 2 are needed")
    return found
