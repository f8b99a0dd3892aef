# SPDX-License-Identifier: Apache-2.0
"""What the demo shows: one title, a live table, and the books at the end. English and Chinese."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from core.effects import RecommendationMade
from device_adapters.simulated.report import CityReport, Progress


def title(seed: int, units: int, calls_per_s: float) -> RenderableType:
    """Return the first lines."""
    return Panel(
        f"Gateway 110 · 接处警演示\n12 counties, {units} units, {calls_per_s:g} calls a second, seed {seed}\n"
        "real SIP over UDP, real MQTT, real decisions in Redis; Ctrl-C ends it.\n"
        "After the last call, conversations and signatures end: some 15 s more.",
        border_style="blue",
    )


def banner(text: str) -> RenderableType:
    """Return the warning that a stand-in serves."""
    return Panel(Text(text, style="bold yellow"), border_style="yellow")


def ready(redis: str, mqtt: str, sip: tuple[str, int], ready_s: float) -> RenderableType:
    """Return where everything listens."""
    return Text(f"gateway ready in {ready_s:.2f} s   SIP {sip[0]}:{sip[1]}   {mqtt}   {redis}", style="dim")


def remark(said: str) -> RenderableType:
    """Return a word on how it goes."""
    return Text(said, style="dim")


def first(seconds: float) -> RenderableType:
    """Return how long the first caller had to wait for a machine that was off."""
    return Text(f"first decision readable {seconds:.2f} s after the start of this program", style="dim")


def decision(county: str, made: RecommendationMade) -> RenderableType:
    """Return one recommendation as a dispatcher reads it."""
    table = Table(
        title=f"One decision of {county}, with its reasons · 一条派警建议及理由", title_justify="left"
    )
    for heading in ("unit · 警力", "ETA · 预计 s", "distance · 距离 m", "cost · 代价 s", "reasons · 理由"):
        table.add_column(heading, justify="left" if "unit" in heading or "reasons" in heading else "right")
    for candidate in made.candidates[:3]:
        reasons = " + ".join(f"{reason.kind} {reason.seconds:.0f}" for reason in candidate.reasons)
        table.add_row(
            candidate.unit_id,
            "?" if candidate.eta_s is None else f"{candidate.eta_s:.0f}",
            "?" if candidate.distance_m is None else f"{candidate.distance_m:,.0f}",
            f"{candidate.cost_s:.0f}",
            reasons,
        )
    others = ", ".join(f"{count} {reason}" for reason, count in sorted(made.excluded.items())) or "nobody"
    return Group(table, Text(f"of {made.considered} that could go; left out · 排除: {others}", style="dim"))


def live(progress: Progress) -> RenderableType:
    """Return the table that is redrawn while the city lives."""
    table = Table(box=None, padding=(0, 2))
    for heading in (
        "elapsed",
        "placed",
        "answered",
        "given up",
        "decided",
        "orders",
        "signed",
        "fixes",
        "acks",
    ):
        table.add_column(heading, justify="right")
    table.add_row("用时", "呼入", "已接", "早释", "已研判", "派警", "签收", "定位", "回执", style="dim")
    table.add_row(
        f"{progress.elapsed_s:.0f} s",
        *(
            str(number)
            for number in (
                progress.placed,
                progress.answered,
                progress.abandoned,
                progress.decided,
                progress.orders,
                progress.signed,
                progress.fixes,
                progress.events,
            )
        ),
        style="bold",
    )
    return table


def line(progress: Progress) -> str:
    """Return one line of progress, for a pipe."""
    return (
        f"{progress.elapsed_s:3.0f} s  placed {progress.placed} answered {progress.answered} "
        f"given up {progress.abandoned} orders {progress.orders} signed {progress.signed} fixes {progress.fixes}"
    )


def final(report: CityReport, faults: Sequence[str]) -> RenderableType:
    """Return the books."""
    counts = Table(title="The books · 对账", title_justify="left")
    counts.add_column("")
    counts.add_column("", style="dim")
    counts.add_column("", justify="right", style="bold")
    for english, chinese, number in (
        ("calls placed", "呼入", report.placed),
        ("answered", "已接", report.answered),
        ("given up by the caller", "呼入早释", report.abandoned),
        ("recorded in the journal", "已记录", report.recorded),
        ("answered calls decided", "已研判", report.decided),
        ("lost", "丢失", report.lost),
        ("doubled", "重复", report.duplicated),
        ("positions sent", "定位上报", report.fixes),
        ("status and acks sent", "状态与回执", report.events),
        ("orders issued", "派警单", report.orders),
        ("orders signed", "已签收", report.signed),
    ):
        counts.add_row(english, chinese, f"{number:,}")
    verdict = Text("nothing lost, nothing doubled · 无丢失, 无重复", style="bold green")
    if faults:
        verdict = Text("does not add up: " + "; ".join(faults), style="bold red")
    return Group(counts, _latencies(report), verdict)


def _latencies(report: CityReport) -> Table:
    table = Table(title="Latency, ms · 时延 (毫秒)", title_justify="left")
    table.add_column("")
    for heading in ("n", "p50", "p99", "p99.9", "max"):
        table.add_column(heading, justify="right")
    measured = report.latency_ms
    for name, latency in (
        ("INVITE → 180/200 · 振铃", measured.invite_to_18x),
        ("INVITE → recommendation readable in Redis · 研判可读", measured.invite_to_recommendation),
        ("order → signed (people take seconds) · 派警至签收", measured.order_to_signed),
    ):
        figures = (latency.p50, latency.p99, latency.p999, latency.max)
        table.add_row(name, f"{latency.n:,}", *(f"{figure:,.1f}" for figure in figures))
    return table
