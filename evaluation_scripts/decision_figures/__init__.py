"""Figures beyond ranking: decisions at thresholds, calibration, precision with intervals, differences of systems."""
