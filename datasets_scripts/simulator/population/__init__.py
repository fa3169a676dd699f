"""The simulated population in numbers: distributions, how often what occurs, and who belongs to which split."""
