"""Texts of the page as HTML. Every text that comes from a recipe, a plugin or a file is escaped."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from html import escape

from genkit.demo.latent import Directions
from genkit.demo.playground import Playground, Reconstructed
from genkit.demo.score_board import NORMAL, ScoreRow
from genkit.demo.view import Shown


def heading(playground: Playground) -> str:
    """Return the title of the run and what its samples and codes are."""
    model = playground.model
    shape = " × ".join(map(str, model.data_shape))
    facts = f"{type(model.module).__name__}, samples {shape}, codes of {model.latent_dim} dimensions, {model.device}"
    return f"<h1>{escape(model.trained.title)}</h1><p class='facts'>{escape(facts)}</p>"


def alert(text: str) -> str:
    """Return a message that a screen reader reads out; empty without one."""
    return f"<p class='message' role='alert'>{escape(text)}</p>" if text else ""


def score_table(found: Reconstructed, normal_remark: str) -> str:
    """Return the scores as a table, with what the numbers mean, or the remark alone without scores."""
    if not found.rows:
        return _paragraphs([escape(found.remark)] * bool(found.remark))
    compared = any(row.above is not None for row in found.rows)
    head = "<th scope='col'>score</th><th scope='col'>value</th>"
    head += "<th scope='col'>held-out samples below it</th>" * compared
    body = "".join(f"<tr>{_cells(row, compared)}</tr>" for row in found.rows)
    notes = ["The higher a score, the more abnormal the sample; the values are those of <code>genkit score</code>."]
    if compared:
        notes.append(f"The last column is a share of {NORMAL} held-out samples, or of all if there are fewer.")
    elif normal_remark:
        notes.append(f"No held-out samples to compare with: {escape(normal_remark)}")
    if found.remark:
        notes.append(escape(found.remark))
    return f"<table class='scores'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" + _paragraphs(notes)


def figures(pictures: Sequence[Shown]) -> str:
    """Return pictures with their captions; single ones are side by side."""
    return f"<div class='figures'>{''.join(map(_figure, pictures))}</div>"


def describe_directions(directions: Directions) -> str:
    """Return what the directions are, and what share of the change of a sample each accounts for."""
    shares = ", ".join(f"{number} {share:.0%}" for number, share in enumerate(directions.shares.tolist(), 1))
    return _paragraphs(
        [
            "A step along direction 1 changes a sample most, on average over draws of the prior. Share of each in the "
            f"change of a sample by a random step: {shares}. Sliders are in standard deviations of the prior."
        ]
    )


def _figure(shown: Shown) -> str:
    png = io.BytesIO()
    shown.picture.save(png, format="PNG")
    address = f"data:image/png;base64,{b64encode(png.getvalue()).decode()}"
    caption = escape(shown.caption)
    size = f"width='{shown.picture.width}' height='{shown.picture.height}'"
    image = f"<img src='{address}' alt='{caption}' {size}>"
    return f"<figure class='{shown.size}'><figcaption>{caption}</figcaption>{image}</figure>"


def _cells(row: ScoreRow, compared: bool) -> str:
    if row.value is None:
        return f"<th scope='row'>{escape(row.name)}</th><td colspan='{1 + compared}'>{escape(row.reason)}</td>"
    cells = f"<th scope='row'>{escape(row.name)}</th><td>{row.value:.6g}</td>"
    return cells + ("<td></td>" if row.above is None else f"<td>{row.above:.0%}</td>") * compared


def _paragraphs(texts: Sequence[str]) -> str:
    return "".join(f"<p class='note'>{text}</p>" for text in texts)
