"""How busy the processors are with somebody else's work, which makes times worthless."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

STAT = Path("/proc/stat")


def busy_seconds() -> float:
    """Seconds that all processors have worked since the start of the system, 0 where unknown."""
    if not STAT.exists():
        return 0.0
    user, nice, system, _, _, irq, softirq, steal = map(int, STAT.read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds(pids: Sequence[int]) -> float:
    """Seconds that these processes have worked, with their threads and ended children."""
    total = 0.0
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            fields = stat.read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


class Watch:
    """Measures the others' share of the processors from its making on."""

    def __init__(self, pids: Sequence[int]) -> None:
        self.pids = pids
        self.start = time.monotonic()
        self.others = busy_seconds() - own_seconds(pids)

    def share(self) -> float:
        """The share of one processor that others have used."""
        others = busy_seconds() - own_seconds(self.pids) - self.others
        return max(0.0, others / (time.monotonic() - self.start))
