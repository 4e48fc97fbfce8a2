"""Seconds that ``geogan --help`` takes, beside those of an empty Python."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 7


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    helped, empty = [], []
    for _ in range(ROUNDS):
        helped.append(seconds([str(Path(sys.executable).with_name("geogan")), "--help"]))
        empty.append(seconds([sys.executable, "-c", "pass"]))
    print(json.dumps({"help_s": round(statistics.median(helped), 3), "python_s": round(statistics.median(empty), 3)}))


if __name__ == "__main__":
    main()
