"""A page is one file without a way to the network, and no text of a user gets out of its place."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import jinja2
import pytest

from genkit.pages import render
from genkit.pages.line_chart import line_chart
from genkit.pages.render import render_page
from genkit.pages.script_json import script_json

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><!--",
    "{{ 7 * 7 }}{% raw %}",
    "\u2028 ' onload='alert(1)",
    "half a pair \udc80",
]


class Elements(HTMLParser):
    """Keeps each tag with its attributes, and the text of scripts."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def template(tmp_path, monkeypatch):
    """Return a function that renders the text of a template, without the large script."""

    def page(text: str, /, **values: object) -> str:
        for asset in render.ASSETS.iterdir():
            (tmp_path / asset.name).write_bytes(asset.read_bytes())
        (tmp_path / "own.html.jinja").write_text(text, encoding="utf-8")
        monkeypatch.setattr(render, "ASSETS", tmp_path)
        render._environment.cache_clear()
        try:
            return render_page("own.html.jinja", str(values.pop("title", "t")), values, charts=False).decode()
        finally:
            render._environment.cache_clear()

    return page


START = '{% extends "base.html.jinja" %}{% import "parts.html.jinja" as parts %}{% block content %}'
END = "{% endblock %}"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_text_is_shown_and_never_read_as_html(template, text):
    chart = line_chart(text, {text: [(0, 1.0), (1, 2.0)], "b": [(0, 1.0)]}, marks={text: 1})
    content = (
        "{{ parts.chart(chart) }}{{ parts.table([text], [[text, text]], text) }}{{ parts.copyable(text, text) }}"
        "{{ parts.remarks([text]) }}{% call parts.section('a', text) %}{{ text }}{% endcall %}"
    )
    plain = " ".join("t" for _ in text.split())  # as many words, which a heading keeps whole
    harmless = Elements(
        template(START + content + END, text="plain", chart=line_chart("x", {"a": [], "b": []}), title=plain)
    )
    page = template(START + content + END, text=text, chart=chart, title=text)
    elements = Elements(page)
    assert [tag for tag, _ in elements.tags] == [tag for tag, _ in harmless.tags]
    assert not [name for _, attributes in elements.tags for name in attributes if name.startswith("on")]
    shown = text.replace("\udc80", "\\udc80").replace("\u2028", "\\u2028")
    assert any(shown in each for each in elements.texts)
    (spec,) = (json.loads(each) for each in re.findall(r'class="spec">(.*?)</script>', page, re.DOTALL))
    assert spec == json.loads(json.dumps(chart.spec))


def test_a_name_without_a_value_is_refused(template):
    with pytest.raises(jinja2.UndefinedError):
        template(START + "{{ missing }}" + END)


def test_the_policy_allows_exactly_the_scripts_of_the_page_and_no_network(template):
    elements = Elements(page := template(START + END))
    (policy,) = (a["content"] for tag, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:" and "connect-src" not in rules
    assert "unsafe" not in rules["script-src"]
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts}
    assert len(scripts) == 1 and set(re.findall(r"sha256-([^']+)", rules["script-src"])) == digests
    assert not [
        a for _, a in elements.tags if a.keys() & {"src", "srcset"} and not str(a.get("src")).startswith("data:")
    ]
    assert all(str(a["href"]).startswith("#") for _, a in elements.tags if "href" in a)


@pytest.mark.parametrize("text", HOSTILE[:5], ids=range(5))
def test_json_of_a_script_has_no_character_of_html_and_reads_the_same(text):
    written = str(script_json({text: [text]}))
    assert not set("<>&\u2028") & set(written) and json.loads(written) == {text: [text]}


def test_json_of_a_script_refuses_what_json_has_not():
    with pytest.raises(ValueError):
        script_json(float("nan"))
