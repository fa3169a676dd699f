"""What carries an answer: statements with their numbers and places, and which leads and times it falls without.

`docs/evidence.md` says what each part means. This room does not travel with checkpoints: the pipeline loads it when it
is asked to explain.
"""

from .explainer import Explainer


__all__ = ["Explainer"]
