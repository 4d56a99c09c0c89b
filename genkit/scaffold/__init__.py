"""A new plugin: a package that is written from templates, one for each kind of part.

The templates are in `templates/`: `KIND/part.py.jinja` and `KIND/test.py.jinja` for each kind, `package/` for the rest.
"""
