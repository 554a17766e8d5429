"""What was measured, as tables for people and as one flat JSON object. Pure but for printing."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tests.bench.latency import Latency
from tests.bench.measure import Cost
from tests.bench.recovery import Recovery

ABOUT = {
    "loop": ("bare loop", "none"),
    "screen": ("Screen alone", "at least once"),
    "decide": ("Decide alone", "exactly once"),
    "audit": ("audit of Decide", "–"),
    "both": ("Screen + Decide", "exactly once"),
    "faust": ("plain Faust, Decide's fold", "at least once"),
}


class Aim(NamedTuple):
    """A figure to be reached, at least or at most."""

    key: str
    about: str
    bound: float
    at_least: bool

    def met(self, value: float) -> bool:
        """Whether `value` will do."""
        return value >= self.bound if self.at_least else value <= self.bound


AIMS = (
    Aim("decide_vs_faust_cpu", "Decide's verdicts a CPU second, in Faust's", 20, True),
    Aim("screen_vs_loop_cpu", "CPU of Screen for an intent, in those of the bare loop", 3, False),
    Aim("decide_vs_loop_cpu", "CPU of a verdict, in those of the bare loop", 4.5, False),
    Aim("audit_vs_loop_cpu", "CPU of a record that is audited, in those of the bare loop", 5, False),
    Aim("end_to_end_vs_faust_cpu", "end-to-end verdicts a CPU second, in Faust's", 10, True),
    Aim("p99_ms", "publish to verdict at half load, p99, ms", 100, False),
    Aim("rss_mb_1m", "peak memory of Decide with 1,000,000 recipients, MB", 400, False),
    Aim("recover_s_1m", "recovery of 1,000,000 recipients, s", 10, False),
)


class Results:
    """Fills up while the benchmark runs."""

    def __init__(self) -> None:
        self.runs: dict[str, list[Cost]] = {}
        self.latency: Latency | None = None
        self.recovery: Recovery | None = None
        self.recipients = 0
        self.approved = 0.0
        """Share of Decide's verdicts; the rest was rejected."""
        self.recovered_mb = 0.0
        self.peak_mb = 0.0
        self.broker_cores = 0.0
        """What the broker used of the machine while latency was measured."""

    def add(self, system: str, cost: Cost) -> None:
        """One run of a system; the cheapest counts."""
        self.runs.setdefault(system, []).append(cost)

    def best(self, system: str) -> Cost | None:
        """The run with the least CPU a record: what else the machine did can only have added to it."""
        return min(self.runs.get(system, ()), key=lambda cost: cost.microseconds, default=None)

    def flat(self) -> dict[str, float]:
        """Everything that was measured, by name."""
        values: dict[str, float] = {}
        for system, runs in self.runs.items():
            cost = self.best(system)
            assert cost is not None
            values |= {f"{system}_us_cpu": cost.microseconds, f"{system}_per_cpu_second": cost.a_cpu_second}
            values[f"{system}_wall_per_second"] = max(run.a_second for run in runs)
        values |= _ratios(self._microseconds)
        if "decide" in self.runs:
            values["approved_share"] = self.approved
        if self.latency is not None:
            values |= {f"{name}_ms": getattr(self.latency, name) for name in ("p50", "p99", "worst", "screened")}
            values |= {"latency_rate": self.latency.rate, "publisher_late_ms": self.latency.late_ms}
            values |= {"latency_broker_cores": self.broker_cores}
        if self.recovery is not None:
            values |= {"recover_s_1m": self.recovery.seconds, "recipients": self.recipients}
            values |= {"recovered_mb_1m": self.recovered_mb, "rss_mb_1m": self.peak_mb}
        return values

    def _microseconds(self, system: str) -> float | None:
        cost = self.best(system)
        return None if cost is None else cost.microseconds


def _ratios(microseconds: Callable[[str], float | None]) -> dict[str, float]:
    pairs = {
        "decide_vs_faust_cpu": ("faust", "decide"), "end_to_end_vs_faust_cpu": ("faust", "both"),
        "decide_vs_loop_cpu": ("decide", "loop"), "screen_vs_loop_cpu": ("screen", "loop"),
        "audit_vs_loop_cpu": ("audit", "loop"),
    }  # fmt: skip
    known = {name: (microseconds(over), microseconds(under)) for name, (over, under) in pairs.items()}
    return {name: over / under for name, (over, under) in known.items() if over and under}


def show(results: Results, console: Console) -> None:
    """The tables."""
    console.print(systems_table(results))
    values = results.flat()
    if "decide" in results.runs:
        console.print(f"{results.approved:.1%} of Decide's verdicts: approved")
    if results.latency is not None:
        for line in _about_latency(results.latency, results.broker_cores):
            console.print(line)
    if results.recovery is not None:
        console.print(
            f"{results.recipients:,} recipients: {results.recovery.records:,} changelog records recovered in "
            f"{results.recovery.seconds:.1f} s; peak memory {results.recovered_mb:.0f} MB, after some load "
            f"{results.peak_mb:.0f} MB"
        )
    if values.keys() & {aim.key for aim in AIMS}:
        console.print(aims_table(values))


def _about_latency(latency: Latency, broker_cores: float) -> Iterator[str]:
    yield (
        f"publish to verdict at {latency.rate:,.0f} intents/s: p50 {latency.p50:.0f} ms, p99 {latency.p99:.0f} ms, "
        f"worst {latency.worst:.0f} ms ({latency.counted:,} verdicts)"
    )
    yield (
        f"  until Screen had the intent: p50 {latency.screened:.0f} ms; the publisher was at most "
        f"{latency.late_ms:.0f} ms late, the broker used {broker_cores:.1f} cores"
    )


def systems_table(results: Results) -> Table:
    """A row for each system: what an event costs, how many go through, and in how many of Faust's and the loop's."""
    table = Table(title="CPU of the process alone, broker not counted; best of its runs")
    table.add_column("system")
    table.add_column("guarantee")
    for heading in ("µs CPU", "per CPU s", "per s", "Faust ×", "loop ×", "runs, µs"):
        table.add_column(heading, justify="right")
    faust, loop = results.best("faust"), results.best("loop")
    for system, (about, guarantee) in ABOUT.items():
        cost = results.best(system)
        if cost is None:
            continue
        fastest = max(run.a_second for run in results.runs[system])
        to_faust = f"{faust.microseconds / cost.microseconds:.1f}" if faust else "–"
        to_loop = f"{cost.microseconds / loop.microseconds:.1f}" if loop else "–"
        runs = ", ".join(f"{run.microseconds:.1f}" for run in results.runs[system])
        row = (f"{cost.microseconds:.1f}", f"{cost.a_cpu_second:,.0f}", f"{fastest:,.0f}", to_faust, to_loop, runs)
        table.add_row(about, guarantee, *row)
    return table


def aims_table(values: dict[str, float]) -> Table:
    """Measured against aimed at."""
    table = Table(title="Aims")
    for heading in ("", "aim", "measured", ""):
        table.add_column(heading)
    for aim in AIMS:
        value = values.get(aim.key)
        if value is None:
            continue
        verdict = "[green]met[/]" if aim.met(value) else "[red]missed[/]"
        table.add_row(aim.about, f"{'≥' if aim.at_least else '≤'} {aim.bound:g}", f"{value:,.1f}", verdict)
    return table
