"""Which translation metrics rank translations, and which way."""

from __future__ import annotations

# What is better: +1 less, -1 more.
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
