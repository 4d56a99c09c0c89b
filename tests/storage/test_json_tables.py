"""JSON that anybody may have changed: each fault is a `ValueError`, and no other exception."""

import pytest

from genkit.storage.json_tables import parse_json, read_table, table_of

DEEP = b"[" * 50_000


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b"{'a': 1}", DEEP, b'{"a": ' + DEEP, b"9" * 5000])
def test_damaged_json_is_a_value_error(content, tmp_path):
    with pytest.raises(ValueError, match="."):
        parse_json(content)
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ValueError, match="."):
        read_table(tmp_path / "x.json", {})


@pytest.mark.parametrize(
    "value", [[], None, 3, "x", True, {}, *({"step": step} for step in ("x", 3.5, -1, True, None))]
)
def test_a_table_without_its_keys_is_a_value_error(value):
    with pytest.raises(ValueError, match=r"table|step"):
        table_of(value, {"step": int})


@pytest.mark.parametrize("data", ["x", [], 3, False])
def test_an_optional_key_has_its_type_or_is_absent_or_null(data):
    for value in ({"step": 3}, {"step": 3, "data": None}, {"step": 0, "data": {}}):
        assert table_of(value, {"step": int}, {"data": dict}) == value
    with pytest.raises(ValueError, match="data"):
        table_of({"step": 3, "data": data}, {"step": int}, {"data": dict})
