"""Figures in messages."""


def format_figure(value: float | None) -> str:
    """Three decimals, or a word where there is no figure."""
    return "undefined" if value is None else f"{value:.3f}"
