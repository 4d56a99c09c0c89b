"""Pages: plain values as one file of HTML that needs no network.

Write another page in three steps:

1. Gather the values of the page in a frozen dataclass, in the room that knows them (`runs`, `tables`). Use plain
   values, charts (`line_chart.py`, or a `Chart` of your own: a specification of Vega-Lite) and pictures, which a
   `PictureBudget` encodes.
2. Write `assets/NAME.html.jinja`. Begin with ``{% extends "base.html.jinja" %}`` and
   ``{% import "parts.html.jinja" as parts %}``; fill ``{% block content %}``. Sections, tables, charts, pictures, a
   slider through pictures and a text to copy are macros of `parts.html.jinja`.
3. Call ``render_page("NAME.html.jinja", title, {"report": values})`` and write the bytes with
   `storage.atomic.write_file`.

jinja escapes every text, and refuses a name that has no value. Never use the filter ``safe``. A value reaches the
script of the page as JSON only (``{{ value | script_json }}``). In a chart, a text of a user is data or a title, never
the name of a field and never part of an expression. A page without its script must still show all pictures, and all
numbers but the points of curves between their ends and extremes; with it, the keyboard alone must reach everything.
Colours are variables of `theme.css`, for both themes; charts use them by name, as ``var(--series-0)``.
"""
