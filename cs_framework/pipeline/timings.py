"""Where the time of a run goes: for each stage how long it was busy, how long it waited, how many frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from attrs import define, field

STAGES = ("read", "anomaly_filter", "proposer", "embedder", "scorer", "write")
STARVED = 0.25
"""A stage starves another that waits for it for more than this share of its time."""
EARNEST = 30.0
"""No advice for runs with less work than this, in seconds."""


def _zeros() -> dict[str, float]:
    return defaultdict(float)


@define(eq=False)
class Timings:
    """Seconds and frames by stage. Those of several processes add up."""

    busy: dict[str, float] = field(factory=_zeros)
    waiting: dict[str, float] = field(factory=_zeros)
    """Of ``read``: for room to read on; of ``anomaly_filter``: for frames; of ``write``: for results."""
    frames: dict[str, float] = field(factory=_zeros)
    peak: int = 0
    """Largest memory of any process so far, in bytes."""

    @contextmanager
    def measure(self, stage: str, frames: int = 0) -> Iterator[None]:
        """Count the block as work of a stage."""
        start = perf_counter()
        try:
            yield
        finally:
            self.busy[stage] += perf_counter() - start
            self.frames[stage] += frames

    @contextmanager
    def wait(self, stage: str) -> Iterator[None]:
        """Count the block as time in which a stage has nothing to do."""
        start = perf_counter()
        try:
            yield
        finally:
            self.waiting[stage] += perf_counter() - start

    def add(self, other: Timings) -> None:
        """Put those of another piece of work to these."""
        for mine, theirs in (
            (self.busy, other.busy),
            (self.waiting, other.waiting),
            (self.frames, other.frames),
        ):
            for stage, value in theirs.items():
                mine[stage] += value
        self.peak = max(self.peak, other.peak)

    def table(self) -> str:
        """One line for each stage, and the memory."""
        lines = [f"{'stage':<16}{'busy s':>10}{'waiting s':>11}{'frames/s':>11}"]
        for stage in STAGES:
            if stage in self.busy:
                busy = self.busy[stage]
                rate = f"{self.frames[stage] / busy:.1f}" if busy else "-"
                waiting = f"{self.waiting[stage]:.1f}" if stage in self.waiting else "-"
                lines.append(f"{stage:<16}{busy:>10.1f}{waiting:>11}{rate:>11}")
        lines.append(f"peak memory of a process: {max(self.peak, peak_memory()) / 2**20:.0f} MiB")
        return "\n".join(lines)

    def advice(self, workers: int, device: str) -> list[str]:
        """What to change where one stage starves another in earnest."""
        if sum(self.busy.values()) + self.waiting["anomaly_filter"] < EARNEST:
            return []
        more = f"--set pipeline.workers={workers + 1}"
        computing = sum(self.busy[stage] for stage in STAGES[1:5])
        found = []
        if self.waiting["anomaly_filter"] > STARVED * (computing + self.waiting["anomaly_filter"]):
            found.append(
                f"reading starves the other stages, which waited {self.waiting['anomaly_filter']:.0f} s for "
                f"frames: more processes read side by side ({more}), or bring the frames to a faster disk"
            )
        if device == "cuda" and self.busy["proposer"] > STARVED * computing:
            found.append(
                f"the proposer starves the GPU, which idled {self.busy['proposer']:.0f} s: "
                f"let other processes propose meanwhile ({more})"
            )
        if workers > 1 and self.busy["write"] > STARVED * (self.busy["write"] + self.waiting["write"]):
            found.append(
                "writing starves the workers: bring the run folder to a faster disk (--out), or write less "
                "(--set outputs.proposals=false)"
            )
        return found


def peak_memory() -> int:
    """The most memory that this process has used so far, in bytes; 0 where that cannot be told."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
