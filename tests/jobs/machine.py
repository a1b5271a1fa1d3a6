"""A made-up /proc, whose numbers a test sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Machine:
    """Files as the kernel writes them. `advance` lets time pass with a load."""

    root: Path
    uptime: float = 1000.0
    total: int = 1_000_000
    used: int = 100_000
    available: int = 8_000_000
    received: int = 0
    sent: int = 0
    busy: int = 0
    boot: str = "b0"

    def __post_init__(self) -> None:
        for folder in ("net", "sys/kernel/random", "sys/fs"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self.write()

    def advance(self, seconds: float, *, cpu: float = 0.1, network: float = 0, disk: float = 0) -> None:
        """Time passes: shares of all cpu, bytes a second received, share of time that the disk is busy."""
        self.uptime += seconds
        ticks = round(seconds * 400)
        self.total += ticks
        self.used += round(ticks * cpu)
        self.received += round(network * seconds)
        self.busy += round(disk * seconds * 1000)
        self.write()

    def write(self) -> None:
        """Writes every file."""
        free = self.total - self.used
        waiting, stolen = free // 4, free // 8
        # idle, iowait and steal are no use; guests are inside user.
        stat = (
            f"cpu  {self.used} 0 0 {free - waiting - stolen} {waiting} 0 0 {stolen} 70 0\n"
            "cpu0 1 0 0 1 0 0 0 0 0 0\nctxt 1\nbtime 1700000000\n"
        )
        memory = f"MemTotal: 10000000 kB\nMemFree: 1 kB\nMemAvailable: {self.available} kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
        devices = f"    lo: 9 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\n  eth0:{self.received} 1 0 0 0 0 0 0 {self.sent} 1 0 0 0 0 0 0\nveth1: 99999999 1 0 0 0 0 0 0 9 0 0 0 0 0 0 0\n"
        disks = f"   8 0 sda 1 0 2 3 4 0 5 6 0 {self.busy} 7\n   8 1 sda1 1 0 2 3 4 0 5 6 0 999999999 7\n 253 0 dm-0 1 0 2 3 4 0 5 6 0 999999999 7\n"
        for name, text in {
            "uptime": f"{self.uptime:.2f} 1.00\n",
            "stat": stat,
            "meminfo": memory,
            "net/dev": "Inter-| Receive | Transmit\n face |bytes packets\n" + devices,
            "diskstats": disks,
            "vmstat": "pswpin 0\npswpout 0\n",
            "mounts": "",
            "sys/kernel/random/boot_id": self.boot + "\n",
            "sys/fs/file-nr": "100 0 1000\n",
        }.items():
            (self.root / name).write_text(text)

    def mount(self, *mounts: tuple[str, Path, str, str]) -> None:
        """Says that these are mounted: device, folder, type, options."""
        lines = [
            f"{device} {str(at).replace(' ', chr(92) + '040')} {kind} {flags} 0 0\n"
            for device, at, kind, flags in mounts
        ]
        (self.root / "mounts").write_text("".join(lines))
