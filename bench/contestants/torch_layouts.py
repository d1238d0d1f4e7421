"""cnnlite's layout of images to PyTorch's and back."""

from __future__ import annotations

import numpy as np
import torch


def image(a: np.ndarray, channels_last: bool) -> torch.Tensor:
    """(N, H, W, C) as (N, C, H, W), in either order in memory."""
    t = torch.from_numpy(a).permute(0, 3, 1, 2)
    return t if channels_last else t.contiguous()


def from_image(t: torch.Tensor) -> np.ndarray:
    return t.detach().permute(0, 2, 3, 1).contiguous().numpy()
