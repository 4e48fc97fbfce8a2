"""How busy the machine is, under the names that MLflow shows as system metrics."""

from __future__ import annotations

import shutil
import subprocess
import time

INTERVAL = 10.0  # seconds between two samples
MEBIBYTE = 2**20
QUERY = "index,utilization.gpu,memory.used,memory.total,power.draw"


class Machine:
    """Samples of processor, memory and, where nvidia-smi is there, of the GPUs."""

    def __init__(self) -> None:
        import psutil

        psutil.cpu_percent()  # the first answer is 0: it only starts the clock
        self._process = psutil.Process()
        self._smi = shutil.which("nvidia-smi")
        self._next = time.monotonic() + 1.0

    @property
    def due(self) -> bool:
        """Whether it is time for the next sample."""
        return time.monotonic() >= self._next

    def sample(self) -> dict[str, float]:
        """Percentages, mebibytes and watts by name."""
        import psutil

        self._next = time.monotonic() + INTERVAL
        memory = psutil.virtual_memory()
        return {
            "system/cpu_utilization_percentage": psutil.cpu_percent(),
            "system/system_memory_usage_megabytes": memory.used / MEBIBYTE,
            "system/system_memory_usage_percentage": memory.percent,
            "system/process_memory_usage_megabytes": self._process.memory_info().rss / MEBIBYTE,
            **self._gpus(),
        }

    def _gpus(self) -> dict[str, float]:
        if self._smi is None:
            return {}
        command = [self._smi, f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        except (OSError, subprocess.SubprocessError):
            self._smi = None
            return {}
        return gpu_metrics(answer.stdout)


def gpu_metrics(table: str) -> dict[str, float]:
    """The metrics in nvidia-smi's table of ``QUERY``; a value that a GPU does not report is left out."""
    names = (
        "utilization_percentage",
        "memory_usage_megabytes",
        "memory_total_megabytes",
        "power_usage_watts",
    )
    metrics: dict[str, float] = {}
    for line in table.splitlines():
        index, *values = (field.strip() for field in line.split(","))
        for name, value in zip(names, values, strict=False):
            try:
                metrics[f"system/gpu_{index}_{name}"] = float(value)
            except ValueError:
                continue
    return metrics
