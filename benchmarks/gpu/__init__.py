"""Everything that needs a GPU, measured by one program: ``python -m benchmarks.gpu``.

A *part* is a module with `checks`, which yields labelled functions. Each function returns *rows*, and `rows.py` says
what a row is. `__main__.py` runs each part in its own process; `tests/gpu` asserts the rows of the same functions.
"""
