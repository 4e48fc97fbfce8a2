"""Instance norm in use, on the test tiles of a store: `python docs/results/frozen_statistics.py MODEL STORE`."""

from __future__ import annotations

import sys
from pathlib import Path

from torch import nn

from geogan.evaluate_translation import validate_translation
from geogan.scene_store import open_scenes
from geogan.translation import load_translator

translator = load_translator(Path(sys.argv[1]), "cpu").translator
store = open_scenes(Path(sys.argv[2]))
tiles = store.read("test", "a", "evaluation"), store.read("test", "b", "evaluation")
names = ["l1", "miou", "pixel_accuracy", "ssim"]
print("kept from training", validate_translation(translator, tiles, names=names, tiles=500))
for layer in translator.network.modules():
    if isinstance(layer, nn.InstanceNorm2d):
        layer.train()
print("of each tile", validate_translation(translator, tiles, names=names, tiles=500))
