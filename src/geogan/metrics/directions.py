"""The metrics that a checkpoint may be selected by, for each task, and what is better: +1 less, -1 more."""

from __future__ import annotations

FIELD_DIRECTIONS = {
    "constraint_accuracy": -1,
    "constraint_mse": +1,
    "mph_js_0": +1,
    "mph_js_1": +1,
    "mph_js_2": +1,
    "hog_chi2": +1,
    "lbp_chi2": +1,
    "connectivity_x": +1,
    "connectivity_y": +1,
    "variogram_x": +1,
    "variogram_y": +1,
    "components_wasserstein": +1,
    "hamming": -1,
    "isolated_share": +1,
}
SET_DIRECTIONS = {"fid": +1, "kid": +1}  # need no true picture of the same ground
PICTURE_DIRECTIONS = {
    "l1": +1,
    "rmse": +1,
    "acc5": -1,
    "acc10": -1,
    "psnr": -1,
    "ssim": -1,
    **SET_DIRECTIONS,
    "miou": -1,
    "pixel_accuracy": -1,
}
_ONE_WAY = {**PICTURE_DIRECTIONS, "cycle_l1": +1, "cycle_l1_quantised": +1, "label_accuracy": -1}
# Systems that translate both ways have every metric twice, with the way before its name.
TRANSLATION_DIRECTIONS = {
    **_ONE_WAY,
    **{f"{way}_{name}": sign for way in ("a_to_b", "b_to_a") for name, sign in _ONE_WAY.items()},
}
DIRECTIONS = {"simulation": FIELD_DIRECTIONS, "translation": TRANSLATION_DIRECTIONS}
