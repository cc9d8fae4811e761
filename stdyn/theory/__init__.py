"""N -> infinity and 1/N around it: the ODEs, their symmetries, fluctuations and fixed points.

May import: model and what is below it, not simulation.
"""
