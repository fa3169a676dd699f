"""The checkpoint that the package ships: made of a training run and a text tower, and described by its evaluations."""
