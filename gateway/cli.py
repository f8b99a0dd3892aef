# SPDX-License-Identifier: Apache-2.0
"""The command line (docs/contract). It parses and hands over; what takes long to import is imported by the verbs.

Exit codes: 0 done, 1 it did not work and one line says why, 2 wrong usage and one line says what to do.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from gateway import __version__

OVERRIDES = {
    "sip": "sip.listen",
    "mqtt": "mqtt.url",
    "redis": "redis.url",
    "data": "data",
    "county": "county",
    "units": "units",
    "roads": "roads.file",
    "http": "http.listen",
    "answer": "dispatch.answer",
}
"{option: where it lies in the configuration}"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and where to read on."""

    def error(self, message: str) -> NoReturn:
        """Exit 2 with one line."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["load"]:
        return _load(words[1:])  # it has a parser of its own
    parser = _parser()
    args = parser.parse_args(words)
    run: Callable[[argparse.Namespace], int] | None = getattr(args, "run", None)
    if run is None:
        parser.error("say what to do: demo, serve, check, warmup, journal, replay, roads or load")
    from core.errors import CoreError
    from device_adapters.sip.errors import ListenError
    from gateway.errors import ConfigError, GatewayError

    try:
        return run(args)
    except ConfigError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2
    except (GatewayError, CoreError, ListenError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _parser() -> Parser:
    parser = Parser(prog="gateway", description="Answers 110, knows who can be there first, and says why.")
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(metavar="COMMAND", parser_class=Parser)

    demo = verbs.add_parser("demo", help="a seeded city on this machine, with nothing set up")
    demo.add_argument("--seconds", type=_positive, metavar="N", help="end by itself after N seconds")
    demo.add_argument("--seed", type=int, default=110, metavar="N", help="another number, another day")
    demo.add_argument(
        "--calls", type=float, default=3.5, metavar="RATE", help="calls a second (3.5: Beijing's peak)"
    )
    demo.add_argument("--units", type=_positive, default=300, metavar="N", help="units on the road")
    demo.add_argument(
        "--presses-per-h",
        type=_amount,
        default=0.0,
        metavar="N",
        help="emergency buttons of each unit in an hour (0)",
    )
    demo.add_argument("--json", type=Path, metavar="FILE", help="write the final summary there too")
    demo.set_defaults(run=_demo)

    serve = verbs.add_parser("serve", help="production: take calls until SIGTERM")
    _configured(serve)
    serve.set_defaults(run=_serve)

    check = verbs.add_parser("check", help="print the effective configuration and try each neighbour")
    _configured(check)
    check.set_defaults(run=_check)

    warmup = verbs.add_parser("warmup", help="compile the kernels into the cache and verify them")
    warmup.set_defaults(run=_warmup)

    journal = verbs.add_parser("journal", help="read the journal")
    reads = journal.add_subparsers(metavar="cat|verify|sip", parser_class=Parser, required=True)
    cat = reads.add_parser("cat", help="every fact as a line of JSON")
    cat.add_argument("--type", metavar="T", help="only facts of this type, such as call.received")
    cat.add_argument("--follow", action="store_true", help="go on with what is written from now on")
    verify = reads.add_parser("verify", help="walk the hash chain")
    ladder = reads.add_parser("sip", help="the SIP messages of calls that are over")
    ladder.add_argument("--call", metavar="CALL-ID", help="one call whole: its SIP Call-ID or its leg")
    replay = verbs.add_parser("replay", help="run the journal through the engine and compare every decision")
    for reader, run in ((cat, _cat), (verify, _verify), (ladder, _ladder), (replay, _replay)):
        reader.add_argument(
            "--data", type=Path, required=True, metavar="DIR", help="the gateway's data folder"
        )
        reader.set_defaults(run=run)

    _roads_verbs(verbs.add_parser("roads", help="make a road graph from a map, and look at one"))

    verbs.add_parser("load", help="the open-loop load harness (python -m bench.load)")
    return parser


def _roads_verbs(roads: argparse.ArgumentParser) -> None:
    verbs = roads.add_subparsers(metavar="build|inspect", parser_class=Parser, required=True)
    build = verbs.add_parser("build", help="make a .roads file from maps (docs/roads.md)")
    build.add_argument("--osm", type=Path, metavar="FILE", help="OpenStreetMap: .osm.pbf or .osm")
    build.add_argument("--nodes", type=Path, metavar="FILE", help="CSV: node,lat,lon (with --arcs)")
    build.add_argument(
        "--arcs", type=Path, metavar="FILE", help="CSV: from,to,length_m,speed_kmh or travel_s"
    )
    build.add_argument("--zip", type=Path, metavar="FILE", help="a zip with nodes.csv and arcs.csv")
    build.add_argument("--water", type=Path, metavar="FILE", help="GeoJSON of the water, for boats")
    build.add_argument(
        "--land", type=Path, metavar="FILE", help="GeoJSON of the land; what is around it is sea"
    )
    build.add_argument("--profiles", metavar="LIST", help="of car, car_siren, motorcycle, foot, boat")
    build.add_argument(
        "--lattice", type=_positive, metavar="METRES", help="of boats' ways along the shore (500)"
    )
    build.add_argument(
        "--fragment", type=_amount, metavar="KM", help="leave out parts with fewer km of lanes (5)"
    )
    build.add_argument(
        "--straighten", type=_amount, metavar="METRES", help="what a bend may be off the road (3)"
    )
    build.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")
    build.set_defaults(run=_roads_build)
    inspect = verbs.add_parser("inspect", help="verify a .roads file and say what is in it")
    inspect.add_argument("file", type=Path, metavar="FILE")
    inspect.add_argument("--picture", type=Path, metavar="SVG", help="draw the network there")
    inspect.add_argument("--profile", metavar="NAME", help="whose network to draw (default: the first)")
    inspect.add_argument(
        "--from",
        dest="start",
        type=_place,
        metavar="LAT,LON",
        help="draw how far one gets from there; in the south --from=-30.05,-51.2",
    )
    inspect.add_argument("--minutes", type=_positive, default=15, metavar="N", help="in so many minutes")
    inspect.set_defaults(run=_roads_inspect)


def _configured(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML; without it the defaults serve")
    parser.add_argument(
        "--sip",
        action="append",
        type=_listen,
        metavar="HOST:PORT",
        help="listen there, with udp: (default), tcp: or tls: before it (repeatable)",
    )
    parser.add_argument("--mqtt", metavar="URL", help="mqtt://host:port of the broker")
    parser.add_argument("--redis", metavar="URL", help="redis://host:port/db")
    parser.add_argument("--data", metavar="DIR", help="folder of the journal")
    parser.add_argument("--county", metavar="CODE", help="GB/T 2260 code for calls whose trunk names none")
    parser.add_argument("--units", metavar="FILE", help="units.csv")
    parser.add_argument("--roads", metavar="FILE", help="what gateway roads build made; else straight lines")
    parser.add_argument("--http", metavar="HOST:PORT", help="health and metrics")
    parser.add_argument("--answer", metavar="POLICY", help="immediately, ring:SECONDS, never or seats")


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number above zero")
    return int(text)


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < 1000:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 999")
    return amount


def _place(text: str) -> tuple[float, float]:
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not LAT,LON, such as 28.0154,120.6551") from None
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        raise argparse.ArgumentTypeError(f"{text} is not on the earth: latitude comes first, in degrees")
    return lat, lon


def _listen(text: str) -> str:
    return text if text.partition(":")[0] in ("udp", "tcp", "tls") else f"udp:{text}"


def _config(args: argparse.Namespace) -> Any:  # noqa: ANN401  gateway.config is imported late
    from gateway.config import load

    given = {where: value for name, where in OVERRIDES.items() if (value := getattr(args, name)) is not None}
    return load(args.config, given)


def _demo(args: argparse.Namespace) -> int:
    from gateway.demo.run import demo

    return demo(
        seconds=args.seconds,
        seed=args.seed,
        calls_per_s=args.calls,
        units=args.units,
        json=args.json,
        presses_per_h=args.presses_per_h,
    )


def _serve(args: argparse.Namespace) -> int:
    config = _config(args)
    import uvloop

    from gateway.app import App
    from gateway.logs import set_up

    set_up()
    app = App(config, on_ready=lambda: print("ready", flush=True), read_again=lambda: _config(args))
    uvloop.run(app.run())
    return 0


def _check(args: argparse.Namespace) -> int:
    from gateway.check import check

    return check(_config(args))


def _warmup(_: argparse.Namespace) -> int:
    from core.kernels import faults, warm

    for name, how in warm().items():
        print(f"{name:24} {how}")
    for fault in faults():
        print(fault, file=sys.stderr)
    return 1 if faults() else 0


def _cat(args: argparse.Namespace) -> int:
    from gateway.journal.cat import cat, fact_types

    if args.type is not None and args.type not in fact_types():
        print(f"gateway: no fact is a {args.type!r}; there are {', '.join(fact_types())}", file=sys.stderr)
        return 2
    return cat(args.data, only=args.type, follow=args.follow)


def _ladder(args: argparse.Namespace) -> int:
    from gateway.journal.ladder import ladders

    return ladders(args.data, args.call)


def _verify(args: argparse.Namespace) -> int:
    from gateway.journal.reader import verify

    sound, wrong = verify(args.data)
    print(f"{sound} records are sound" if not wrong else f"after {sound} sound records: {wrong}")
    return 1 if wrong else 0


def _replay(args: argparse.Namespace) -> int:
    from core.kernels import warm
    from gateway.recovery import replay

    warm()
    facts, decisions, difference = replay(args.data)
    if difference is None:
        print(f"byte-identical: {decisions} decisions from {facts} facts")
        return 0
    print(f"after {facts} facts: fact {difference.seq} ({difference.type}) decides otherwise")
    print(f"recorded  {difference.recorded}\nreplayed  {difference.replayed}")
    return 1


def _roads_build(args: argparse.Namespace) -> int:
    if (args.nodes is None) != (args.arcs is None):
        print("gateway: --nodes and --arcs come together", file=sys.stderr)
        return 2
    if not (args.osm or args.nodes or args.zip or args.water or args.land):
        print(
            "gateway: nothing to build from: give --osm, --zip, --nodes and --arcs, --water or --land",
            file=sys.stderr,
        )
        return 2
    from gateway.roads.build import Sources, build
    from gateway.roads.profiles import chosen

    sources = Sources(
        osm=args.osm, nodes=args.nodes, arcs=args.arcs, zip=args.zip, water=args.water, land=args.land
    )
    given = {"fragment_km": args.fragment, "straighten_m": args.straighten, "lattice_m": args.lattice}
    profiles = None if args.profiles is None else chosen(args.profiles)
    return build(
        sources, profiles, args.out, **{name: value for name, value in given.items() if value is not None}
    )


def _roads_inspect(args: argparse.Namespace) -> int:
    from gateway.roads.inspect import inspect

    return inspect(args.file, args.picture, args.profile, args.start, args.minutes)


def _load(words: list[str]) -> int:
    try:
        from bench.load.harness import main as load
    except ModuleNotFoundError:
        print(
            "gateway: the load harness comes with the source tree: run this from a checkout", file=sys.stderr
        )
        return 1
    return load(words, prog="gateway load")
