"""The `stdyn` command, a file a subcommand; the only importers of click and Dask.

May import: everything.
"""
