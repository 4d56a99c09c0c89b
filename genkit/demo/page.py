"""Layout of the page: a tab for each thing to do with a model, made of components of Gradio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from genkit.demo.playground import REACH, SLIDERS, Playground
from genkit.demo.safely import shown
from genkit.demo.texts import describe_directions, figures, heading, score_table

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
FONTS = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}  # nothing is fetched
ANY_CLASS = "any, as in the data"
# A slider sends more changes than can be drawn: the last one counts.
LATEST: Any = {"api_visibility": "private", "show_progress": "minimal", "trigger_mode": "always_last"}


def theme() -> gr.themes.Base:
    """Return the theme of the page."""
    return gr.themes.Default(primary_hue="blue", neutral_hue="slate", **FONTS).set(
        body_text_color_subdued="*neutral_600",  # those of Gradio have too little contrast
        body_text_color_subdued_dark="*neutral_300",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_700",
        block_info_text_color="*neutral_600",
    )


def page_of(playground: Playground) -> gr.Blocks:
    """Return the page. A model without an encoder has no reconstructions, and takes no pictures."""
    with gr.Blocks(title=f"genkit demo: {playground.model.trained.title}", analytics_enabled=False) as page:
        gr.HTML(heading(playground))
        with gr.Tabs():
            with gr.Tab("Draw"):
                _draw(page, playground)
            if playground.has_encoder:
                with gr.Tab("Reconstruct") as tab:
                    _reconstruct(playground, tab)
            with gr.Tab("Walk") as tab:
                _walk(playground, tab)
            with gr.Tab("Directions") as tab:
                _directions(playground, tab)
    return page


def _draw(page: gr.Blocks, playground: Playground) -> None:
    view = playground.view
    with gr.Row():
        seed = gr.Number(0, label="Seed", minimum=0)
        number = gr.Number(view.first, label=f"Number, at most {view.most:,}", minimum=1)
        label = _class(playground, optional=True)
        again = gr.Button("Next seed", variant="primary")
    message, picture = _message(), gr.HTML()

    def draw(seed: Any, number: Any, label: str) -> tuple[str]:
        return (figures([playground.draw(seed, number, label or None)]),)

    triggers = [page.load, seed.change, number.change, label.change]
    gr.on(triggers, shown(draw, 1), [seed, number, label], [picture, message], **LATEST)
    again.click(lambda seed: int(seed or 0) + 1, seed, seed, **LATEST)


def _reconstruct(playground: Playground, tab: gr.Tab) -> None:
    maps, size = playground.maps, playground.held_out_size
    with gr.Row():
        place = _place(playground, "Picture", "Point x, y")
        with gr.Column():
            name = f"Held-out sample, 0 to {size - 1:,}, without a picture"
            held_out = gr.Number(0, label=name, minimum=0, visible=size > 0)
            label = _class(playground, optional=not playground.needs_class)
            map_of = gr.Dropdown(maps, value=maps[0] if maps else None, label="Map of", visible=len(maps) > 1)
    message, pictures, table = _message(), gr.HTML(), gr.HTML()

    def reconstruct(place: str | None, held_out: Any, map_of: str | None, label: str) -> tuple[str, str]:
        if not place and not size:
            return "", ""
        found = playground.reconstruct(place or "", map_of, label or None, held_out)
        remark = "" if playground.scores is None else playground.scores.normal_remark
        return figures(found.pictures), score_table(found, remark)

    triggers = [tab.select, _changed(playground, place), held_out.change, map_of.change, label.change]
    inputs = [place, held_out, map_of, label]
    gr.on(triggers, shown(reconstruct, 2), inputs, [pictures, table, message], **LATEST)


def _walk(playground: Playground, tab: gr.Tab) -> None:
    ends: list[Any] = []
    changes = []
    with gr.Row():
        for number, name in enumerate(("Start", "End")):
            with gr.Column():
                seed = gr.Number(number, label=f"{name}: seed", minimum=0)
                place = _place(playground, f"{name}: picture instead", f"{name}: point x, y instead")
            ends += [seed, place]
            changes += [seed.change, _changed(playground, place)]
    with gr.Row():
        position = gr.Slider(0, 1, 0.5, step=0.01, label="Position between start and end", buttons=[])
        label = _class(playground, optional=not playground.needs_class)
    message, pictures = _message(), gr.HTML()

    def walk(seed_a: Any, a: str, seed_b: Any, b: str, position: float, label: str) -> tuple[str]:
        return (figures(playground.walk((a or "", b or ""), (seed_a, seed_b), position, label or None)),)

    triggers = [tab.select, position.change, label.change, *changes]
    gr.on(triggers, shown(walk, 1), [*ends, position, label], [pictures, message], **LATEST)


def _directions(playground: Playground, tab: gr.Tab) -> None:
    count = min(SLIDERS, playground.model.latent_dim)
    with gr.Row():
        with gr.Column():
            seed = gr.Number(0, label="Start: seed", minimum=0)
            place = _place(playground, "Start: picture instead", "Start: point x, y instead")
            label = _class(playground, optional=not playground.needs_class)
        with gr.Column():
            names = [f"Direction {number}" for number in range(1, count + 1)]
            sliders = [gr.Slider(-REACH, REACH, 0, step=0.1, label=name, buttons=[]) for name in names]
            back = gr.Button("Back to the start")
        with gr.Column():
            pictures = gr.HTML()
    message, strips = _message(), gr.HTML()

    def move(seed: Any, place: str, label: str, *amounts: float) -> tuple[str]:
        return (figures(playground.move(place or "", seed, list(amounts), label or None)),)

    def begin(seed: Any, place: str, label: str, *amounts: float) -> tuple[str, str]:
        pictures = figures(playground.traversal(place or "", seed, label or None))
        described = describe_directions(playground.directions(label or None))
        return (*move(seed, place, label, *amounts), described + pictures)

    inputs = [seed, place, label, *sliders]
    moves = [slider.change for slider in sliders]
    gr.on(moves, shown(move, 1), inputs, [pictures, message], **LATEST)
    starts = [tab.select, seed.change, label.change, _changed(playground, place)]
    gr.on(starts, shown(begin, 2), inputs, [pictures, strips, message], **LATEST)
    back.click(lambda: [0] * count if count > 1 else 0, None, sliders, **LATEST)


def _message() -> gr.HTML:
    return gr.HTML(elem_classes="slot")


def _class(playground: Playground, optional: bool) -> gr.Dropdown:
    """Return a choice of a class, which is hidden for a model that is not conditional."""
    choices = [*([ANY_CLASS] if optional or not playground.classes else []), *playground.classes]
    pairs = [(name, str(index) if name != ANY_CLASS else "") for index, name in enumerate(choices)]
    return gr.Dropdown(pairs, value=pairs[0][1], label="Class", visible=bool(playground.classes))


def _place(playground: Playground, picture: str, point: str) -> Any:
    """Return where a user gives a sample: a picture to drop in, or the coordinates of a point."""
    visible = playground.has_encoder
    if playground.shows_images:
        # A file, not an image: Gradio would convert an image before genkit prepares it as that of a training.
        return gr.File(label=picture, type="filepath", height=140, visible=visible)
    return gr.Textbox("", label=point, placeholder="0.5, -1", visible=visible)


def _changed(playground: Playground, place: Any) -> Any:
    return place.change if playground.shows_images else place.submit
