"""The same records made worse: fewer leads, other rates and lengths, noise, clipping, swapped electrodes."""
