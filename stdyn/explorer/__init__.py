"""The explorer: a page on which parameters are moved by hand, served to a browser or shown in a notebook.

What the page asks for is answered by a `Session`; `server` and `widget` only carry the messages. It may import
everything but the command line.
"""
