"""From beats to the strip on the paper: time axis, noise, the cart."""
