"""`supreme`: what a checkpoint is used for, from the shell."""
