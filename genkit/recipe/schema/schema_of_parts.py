"""JSON schemas of the tables that hold parts, of each kind, with the parts that are installed.

A table of a part has a form and rules. The *form* is what editors read: the keys of all parts of the kind, each with
its meaning. The *rules* are exact: which keys the part that `use` names takes, and of which types. They are behind `if`
and `then`, where editors look for no keys, in a definition of their own. The form leaves to the rules what differs
between the parts, so a mistake is reported once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from genkit.errors import UsageError
from genkit.recipe.binding.bind_model import ERROR, PRIOR
from genkit.recipe.binding.part_fields import SUPPLIED, Form, bounds_of, form_of, kind_of, parameters_of, without_none
from genkit.recipe.installed.registry import Part, Registry
from genkit.recipe.schema.schema_of_keys import KeySchema, described, schema_of_shared_key
from genkit.recipe.schema.schema_of_values import ANYTHING, Schema, or_empty, schema_of_bounds, without_bounds

NETWORK, MODEL = "models", "model"  # MODEL is the kind of [model]: a network, its prior and its reconstruction error
NOTHING: Schema = {"not": {}}


@dataclass
class PartSchemas:
    """The schemas of all kinds of parts.

    In a `partial` one, as `set` of a table of results holds it, no key is required, and an empty string removes a key.
    """

    registry: Registry
    partial: bool = False
    definitions: dict[str, Schema] = field(default_factory=dict)  # what the schemas refer to, by name
    left_out: dict[str, str] = field(default_factory=dict)  # why no recipe can use a part, by kind and name
    _parts: dict[str, dict[str, Part]] = field(default_factory=dict)
    _keys: dict[Any, dict[str, KeySchema]] = field(default_factory=dict)  # by part; without the tables of other parts

    def table(self, kind: str, around: tuple[str, ...] = ()) -> Schema:
        """Return the schema of a table that holds a part of that kind; `around` are the kinds of the parts around it.

        A kind within itself refers to a definition, since it could go on without an end.
        """
        if kind in around:
            return self._reference(kind)
        keys = self._keys_by_part(kind, (*around, kind))
        if not keys:
            return NOTHING
        names = [name for name, each in keys.items() if not any(key.required for key in each.values())]
        types = ["object", *(["string"] if names or self.partial else []), *(["number"] if kind == "schedules" else [])]
        form = {"use": self._use(kind), **self._form(keys)}
        schema: Schema = {"type": types, "properties": form, **_others_allowed(not self.partial)}
        if "string" in types:
            schema["pattern"] = _any_of(names, or_empty=self.partial)
        if self.partial:
            return schema
        self._define_rules(kind)
        return {**schema, "required": ["use"], "dependencies": {"use": {"$ref": f"#/definitions/{kind}"}}}

    def labelled_tables(self, kind: str) -> Schema:
        """Return the schema of tables by label, each with a part of that kind."""
        tables = self.table(kind, (kind,)) if self.partial else self.table(kind)
        schema: Schema = {"type": "object", "additionalProperties": tables}
        if kind == "metrics":
            keys = self._keys_by_part(kind, (kind,))
            schema["properties"] = {name: self._metric(name, each, tables) for name, each in keys.items()}
        return or_empty(schema) if self.partial else schema

    def keys_of(self, target: Any, around: tuple[str, ...] = (), without: Iterable[str] = ()) -> dict[str, KeySchema]:
        """Return the schema of each key of a part, or of a table that holds no part, by name."""
        if target not in self._keys:
            parameters = parameters_of(target).items()
            self._keys[target] = {name: KeySchema.of(each, self.registry) for name, each in parameters}
        return {
            name: key._replace(schema=self._value(parameters_of(target)[name].hint, key.schema, around))
            for name, key in self._keys[target].items()
            if name not in without
        }

    def plain_table(self, keys: Mapping[str, KeySchema]) -> Schema:
        """Return the schema of a table with exactly these keys."""
        schema: Schema = {
            "type": "object",
            "properties": {name: key.annotated for name, key in keys.items()},
            "additionalProperties": False,
        }
        if self.partial:
            return or_empty(schema)
        required = [name for name, key in keys.items() if key.required]
        return {**schema, "required": required} if required else schema

    def _value(self, hint: Any, plain: Schema, around: tuple[str, ...]) -> Schema:
        """Return the schema of a value of this type; `plain` is that of a value that is no table."""
        hint = without_none(hint)
        match form_of(hint):
            case Form.PART:
                return _within(self.table(kind_of(hint), around), schema_of_bounds(bounds_of(hint)))
            case Form.TABLE:
                return self.plain_table(self.keys_of(hint, around))
            case Form.TABLES:
                tables = {"type": "object", "additionalProperties": self._value(get_args(hint)[1], plain, around)}
                return or_empty(tables) if self.partial else tables
            case _:
                return or_empty(plain) if self.partial else plain

    def _parts_of(self, kind: str) -> dict[str, Part]:
        """Return the parts of a kind that a recipe can use, by name, and add the others to `left_out`."""
        if kind not in self._parts:
            self._parts[kind] = {}
            for part in self.registry.of_kind(kind):
                try:
                    parameters_of(self.registry.find(kind, part.entry.name).load())
                except (UsageError, TypeError, ValueError, NameError) as error:
                    self.left_out[f"{kind} {part.entry.name}"] = str(error)
                else:
                    self._parts[kind][part.entry.name] = part
        return self._parts[kind]

    def _keys_by_part(self, kind: str, around: tuple[str, ...]) -> dict[str, dict[str, KeySchema]]:
        of = NETWORK if kind == MODEL else kind
        return {
            name: self.keys_of(part.load(), around, SUPPLIED.get(of, ())) | (self._of_model() if kind == MODEL else {})
            for name, part in self._parts_of(of).items()
        }

    def _of_model(self) -> dict[str, KeySchema]:
        prior = described("Distribution of the latent codes.", "a prior", "N(0, I)")
        error = described("Reconstruction error of an autoencoder.", "a reconstruction error", "the squared error")
        return {
            PRIOR: KeySchema(self.table("priors"), {"description": prior}, kind="priors"),
            ERROR: KeySchema(self.table("errors"), {"description": error}, kind="errors"),
        }

    def _use(self, kind: str) -> Schema:
        parts = self._parts_of(NETWORK if kind == MODEL else kind).values()
        about = [f"{part.entry.summary}. From {part.owner}." for part in parts]
        return {
            "description": "Name of the part.",
            "enum": [part.entry.name for part in parts],
            "x-taplo": {"docs": {"enumValues": about}},  # Taplo shows them beside the names
        }

    def _form(self, keys: Mapping[str, Mapping[str, KeySchema]]) -> dict[str, Schema]:
        """Return the schema of each key that any of the parts has."""
        names = dict.fromkeys(name for each in keys.values() for name in each)
        return {
            name: schema_of_shared_key({part: each[name] for part, each in keys.items() if name in each}, len(keys))
            for name in names
        }

    def _metric(self, name: str, keys: Mapping[str, KeySchema], tables: Schema) -> Schema:
        """Return the schema of the table whose label is the name of a metric. Another `use` has other keys.

        Editors find the keys of the parts in it where they find those of any other label.
        """
        if self.partial:
            return tables
        forms = tables["properties"]
        own = {key: {**forms[key], **each.annotations} for key, each in keys.items() if not each.kind}
        inner = {key: {**each.annotations, **self._reference(each.kind)} for key, each in keys.items() if each.kind}
        about = {"description": f"{self._parts['metrics'][name].entry.summary}."}
        schema = {**tables, **about, "properties": {"use": forms["use"], **own, **inner}}
        del schema["required"]
        return {**schema, "if": {"required": ["use"]}, "else": _rules(keys, forms)}

    def _reference(self, kind: str) -> Schema:
        """Return a schema that applies the definition of a kind.

        In a complete schema, editors look for no keys in it, and find its description.
        """
        definition: Schema = {"$ref": f"#/definitions/{self._define_table(kind)}"}
        return definition if self.partial else {**_others_allowed(True), "if": ANYTHING, "then": definition}

    def _define_table(self, kind: str) -> str:
        name = f"{kind}-{'set' if self.partial else 'table'}"
        if name not in self.definitions:
            self.definitions[name] = ANYTHING  # ends the recursion
            self.definitions[name] = self.table(kind)
        return name

    def _define_rules(self, kind: str) -> None:
        if kind in self.definitions:
            return
        self.definitions[kind] = ANYTHING  # ends the recursion
        keys = self._keys_by_part(kind, (kind,))
        forms = {"use": ANYTHING, **self._form(keys)}
        self.definitions[kind] = {
            "allOf": [
                {"if": {"properties": {"use": {"const": name}}}, "then": _rules(each, forms)}
                for name, each in keys.items()
            ]
        }


def _others_allowed(allowed: bool) -> Schema:
    """Return whether a table may have other keys. Tombi warns where a schema does not say so."""
    return {"additionalProperties": allowed}


def _rules(keys: Mapping[str, KeySchema], forms: Mapping[str, Schema]) -> Schema:
    """Return the schema of the keys of one part, without what their forms say already."""
    exact = {name: _unsaid(forms[name], key.schema) for name, key in keys.items()}
    required = [name for name, key in keys.items() if key.required]
    return {"properties": {"use": ANYTHING, **exact}, "required": required, "additionalProperties": False}


def _within(table: Schema, bounds: Schema) -> Schema:
    """Return the schema of a part with bounds of the number that is short for it. A reference allows no other keys."""
    if not bounds:
        return table
    return {"allOf": [table], **bounds} if "$ref" in table else {**table, **bounds}


def _unsaid(form: Schema, schema: Schema) -> Schema:
    """Return what a schema says and its form does not: nothing, bounds of a number, or the schema."""
    if _says(form, schema):
        return ANYTHING
    plain = without_bounds(schema)
    bounds = {name: limit for name, limit in schema.items() if name not in plain}
    return bounds if _says(form, plain) else schema


def _says(form: Schema, schema: Schema) -> bool:
    """Return whether a form says all that the schema does."""
    return all(name in form and form[name] == value for name, value in schema.items())


def _any_of(names: Iterable[str], *, or_empty: bool) -> str:
    """Return the pattern of these names; that of no name too if an empty text is allowed."""
    escaped = (re.sub(r"[\\^$.|?*+()\[\]{}/]", r"\\\g<0>", name) for name in names)  # `re.escape` writes \-
    return f"^({'|'.join(escaped)}){'?' if or_empty else ''}$"
