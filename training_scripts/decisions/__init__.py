"""Calibration and thresholds of a checkpoint's answers, fitted on records that it was not trained on."""
