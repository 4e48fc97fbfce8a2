"""The metrics that a checkpoint may be selected by, for each task, and what is better: +1 less, -1 more."""

from __future__ import annotations

FIELD_DIRECTIONS = {
    "constraint_accuracy": -1,
    "constraint_mse": +1,
    "mph_js_0": +1,
    "mph_js_1": +1,
    "mph_js_2": +1,
    "connectivity_x": +1,
    "connectivity_y": +1,
    "variogram_x": +1,
    "variogram_y": +1,
    "components_wasserstein": +1,
    "hamming": -1,
}
TRANSLATION_DIRECTIONS = {
    "l1": +1,
    "rmse": +1,
    "acc5": -1,
    "acc10": -1,
    "psnr": -1,
    "ssim": -1,
    "fid": +1,
    "kid": +1,
    "miou": -1,
    "pixel_accuracy": -1,
}
DIRECTIONS = {"simulation": FIELD_DIRECTIONS, "translation": TRANSLATION_DIRECTIONS}
