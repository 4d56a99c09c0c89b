"""JSON schemas, judged by two validators that share no code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fastjsonschema
import jsonschema


def accepts(schema: dict[str, Any]) -> Callable[[Any], bool]:
    """Return a function that says whether a schema accepts a value. It fails where the two validators disagree."""
    jsonschema.Draft7Validator.check_schema(schema)
    first, second = jsonschema.Draft7Validator(schema), fastjsonschema.compile(schema, use_default=False)

    def accepted(value: Any) -> bool:
        try:
            second(value)
        except fastjsonschema.JsonSchemaValueException as error:
            assert not first.is_valid(value), error
            return False
        assert first.is_valid(value), list(first.iter_errors(value))
        return True

    return accepted
