"""What the heart draws: atria, QRS, ST and T, as vectors in millivolts."""
