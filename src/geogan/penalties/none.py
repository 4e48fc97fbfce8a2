"""The empty slot."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def none(*inputs: Any) -> Float[Tensor, ""]:
    """Zero; a system leaves the term out altogether when its slot is ``none``."""
    return torch.zeros(())
