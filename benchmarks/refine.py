"""Noise descent beside the feed-forward pass: seconds per field, and what it does to the fields.

`python benchmarks/refine.py BUNDLE --wells FILE --size ROWS COLS [simulate options]`: `geogan simulate` with `--refine`
of 300 steps, or with the options that are given. Prints the `refinement` of its report and the ratio of the two times,
both of the same run: a refined field against a drawn one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch


def main() -> None:
    given = sys.argv[1:]
    steps = [] if "--refine" in given or "--exact" in given else ["--refine", "300"]
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "fields.npz"
        geogan = str(Path(sys.executable).with_name("geogan"))
        command = [geogan, "simulate", *given, *steps, "-q", "--json", "-o", str(out)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(done.returncode)  # the command has said why
    told = json.loads(done.stdout)
    block = told["refinement"]
    seconds = block["seconds_per_field"]
    taken = sum(field["steps"] for field in block.pop("fields"))
    tried = block["fields_tried"]
    facts = {
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        "fields": told["realizations"],
        "grid": [told["grid"]["rows"], told["grid"]["columns"]],
        "wells": told["cells_snapped"],
        "steps_per_tried_field": round(taken / tried, 2) if tried else None,
        "refinement_over_feed_forward": round(seconds["refinement"] / seconds["feed_forward"], 1) if tried else None,
    }
    print(json.dumps(facts | block))


if __name__ == "__main__":
    main()
