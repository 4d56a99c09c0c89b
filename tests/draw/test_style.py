"""The layout of a picture: no part covers another, and none leaves the picture."""

from itertools import combinations

from genkit.draw.style import new_figure


def test_no_axes_cover_others_or_the_title_and_none_leave_the_picture(tmp_path):
    with new_figure(tmp_path / "a.png", "title", 6.0, 4.0) as figure:
        for axes in figure.subplots(2, 3).flat:
            axes.set(title="two\nlines", xlabel="step", ylabel="two\nlines", ylim=(0, 10_000_000))
            axes.ticklabel_format(axis="y", style="plain")
    boxes = [each.get_tightbbox() for each in (*figure.axes, *figure.texts)]
    assert len(boxes) == 7
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other), (one, other)
    for box in boxes:
        assert box.min.min() >= 0 and (box.max <= figure.bbox.max).all(), box
