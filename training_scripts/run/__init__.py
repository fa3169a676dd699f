"""A run: optimiser steps, states, logs, and what is left in its folder."""
