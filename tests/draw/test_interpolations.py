"""Captions of interpolation paths."""

from genkit.draw.interpolations import caption_paths


def test_path_k_is_captioned_with_samples_k_and_n_plus_k():
    assert caption_paths(["a.png", "b.png", "c.jpg", "d.png"], 2) == ["a → c", "b → d"]
    assert caption_paths([], 2) == ["0 → 2", "1 → 3"]


def test_a_long_name_keeps_its_end_where_numbered_files_differ():
    assert caption_paths(["holidays_in_2024_0017.jpeg", "x"], 1) == ["…n_2024_0017 → x"]
