"""What windows add to a translated scene: beside one pass over it.

`python docs/results/seams.py BUNDLE SCENE [--reverse]`
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from torch.nn import functional as F

from geogan.pipeline.translate_checks import fitting_scene
from geogan.translation import load_translator
from geogan.whole_scenes.engine import translate_scene
from geogan.whole_scenes.seams import Seams
from geogan.whole_scenes.strips import Job
from geogan.whole_scenes.windows import plan_windows

_, translator = load_translator(Path(sys.argv[1]), "cpu").facing("--reverse" in sys.argv)
layer = fitting_scene(Path(sys.argv[2]), translator.source, force=False)
rows, columns, stride = layer.grid.rows, layer.grid.columns, translator.stride
plan = plan_windows(rows, columns, stride)
whole = layer.read(0, 0, rows, columns)
image = F.pad(
    translator.source.encode(whole.values[None], whole.valid[None]),
    (0, -columns % stride, 0, -rows % stride),
    "reflect",
)
one_pass = translator.values(translator.image(image))[0][:, :rows, :columns]
job = Job(translator, layer, plan, tta=False, seed=None, batch=1)
windows = np.concatenate([part.values for part in translate_scene(job)], axis=1)
for name, values in (("one pass", one_pass), ("windows", windows)):
    seams = Seams(translator.target, plan.rows.lines, plan.columns.lines)
    seams.add(values, whole.valid)
    print(name, seams.report())
print("share of the pixels that differ", (windows != one_pass).mean())
