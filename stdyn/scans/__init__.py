"""Thousands of problems, one file.

May import: analysis and what is below it.
"""
