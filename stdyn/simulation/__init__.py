"""Finite N: runs of the network, and of the same process without its N-dimensional vectors.

May import: model and what is below it, not theory.
"""
