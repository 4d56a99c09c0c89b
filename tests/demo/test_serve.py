"""The server of the demo: its port, its headers, and the messages of the command."""

import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from support.commands import IMAGES, refused
from support.commands import genkit as command
from support.models import write_model

import genkit
from genkit.demo.playground import Playground
from genkit.demo.serve import FIRST, HOST, TRIED, open_socket, page_app, serve
from genkit.errors import UsageError
from genkit.runs.signals import interruptible


@pytest.fixture
def taken():
    """Return a port that is in use."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_port_in_use_is_refused_with_a_remedy(taken, isolated):
    with pytest.raises(UsageError, match=rf"^--port {taken}: in use\. .*leave out --port"):
        open_socket(taken)
    pytest.importorskip("gradio", reason="needs the extra `demo`")
    assert f"--port {taken}" in refused("demo", "run", "--port", taken)


def free_port() -> int:
    """Return a port that no other test asks for, which may run at this moment."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return found.getsockname()[1]


def test_a_port_that_is_asked_for_is_taken_on_this_machine_only():
    free = free_port()
    with open_socket(free) as listening:
        assert listening.getsockname() == (HOST, free) and HOST == "127.0.0.1"


def test_without_a_port_the_next_free_one_is_taken():
    with open_socket(None) as first, open_socket(None) as second:
        ports = [each.getsockname()[1] for each in (first, second)]
        assert FIRST <= ports[0] < ports[1] < FIRST + TRIED


def test_a_port_is_free_again_after_its_demo():
    with open_socket(free_port()) as listening:
        port = listening.getsockname()[1]
    open_socket(port).close()


def test_the_extra_that_is_missing_is_named(monkeypatch, isolated):
    monkeypatch.setattr("genkit.cli.demo.find_spec", lambda name: None)
    assert "pip install 'genkit-torch[demo]'" in refused("demo", "run")


@pytest.mark.parametrize("port", [0, 65536, "x"])
def test_a_port_that_is_none_is_refused(port, isolated):
    assert "--port" in refused("demo", "run", "--port", port)


def test_only_keys_of_the_data_are_set(isolated):
    pytest.importorskip("gradio", reason="needs the extra `demo`")
    assert "train.steps" in refused("demo", "run", "--set", "train.steps=3")


def test_a_run_that_is_not_there_is_refused(isolated):
    pytest.importorskip("gradio", reason="needs the extra `demo`")
    assert "nowhere" in refused("demo", "nowhere")


@pytest.mark.parametrize("exported", [False, True], ids=["model", "exported"])
def test_a_line_before_the_slow_part_says_what_is_opened(exported, isolated, monkeypatch):
    write_model(isolated / "model", IMAGES)
    place = genkit.export("model", "shared") if exported else "model"
    monkeypatch.setattr("genkit.cli.demo.find_spec", lambda name: True)
    served = []

    def serve(playground, listening, ready):
        served.append((sys.stderr.getvalue(), sys.stdout.getvalue()))
        assert len(playground.draw(0, 4).caption) > 0

    monkeypatch.setattr("genkit.demo.serve.serve", serve)
    code, out, err = command("demo", place)
    [(before, nothing)] = served
    assert (code, out, nothing) == (0, "stopped\n", "") and "tiny: step 7, raw weights" in before == err


HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture
def client(autoencoder):
    """Return a client of the page of a model with a hostile title."""
    pytest.importorskip("gradio", reason="needs the extra `demo`")
    from starlette.testclient import TestClient

    app = page_app(Playground(Path("run"), autoencoder(torch.rand(16, 2), title=HOSTILE)), 7860, lambda: None)
    return TestClient(app, base_url="http://127.0.0.1:7860")


def test_the_page_keeps_the_browser_on_this_machine(client):
    page = client.get("/")
    assert page.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert not any(":" in source and "//" in source for sources in policy.values() for source in sources.split())
    assert HOSTILE not in page.text


def test_other_names_of_this_machine_are_refused(client):
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://127.0.0.1:7860", "http://localhost:7860", "http://127.0.0.1:80", "null"],
)
def test_requests_of_other_pages_are_refused(client, origin):
    def upload(origin):
        return client.post("/gradio_api/upload", files={"files": ("a.txt", b"x")}, headers={"origin": origin})

    events = "/gradio_api/queue/data?session_hash=x"
    assert [upload(origin).status_code, client.get(events, headers={"origin": origin}).status_code] == [403, 403]
    assert client.options("/gradio_api/queue/join", headers={"origin": origin}).status_code == 403
    assert upload("http://127.0.0.1:7860").status_code == 200


def test_websockets_of_other_pages_are_refused():
    pytest.importorskip("gradio", reason="needs the extra `demo`")
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import WebSocketRoute
    from starlette.testclient import TestClient, WebSocketDenialResponse

    from genkit.demo.own_page import OwnPageOnly

    async def greet(websocket):
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    app = Starlette(routes=[WebSocketRoute("/", greet)], middleware=[Middleware(OwnPageOnly)])
    client, address = TestClient(app), "ws://127.0.0.1:7860/"
    for headers in ({}, {"origin": "http://127.0.0.1:7860"}):
        with client.websocket_connect(address, headers=headers) as socket:
            assert socket.receive_text() == "hello"
    with (
        pytest.raises(WebSocketDenialResponse) as refusal,
        client.websocket_connect(address, headers={"origin": "http://evil.example"}),
    ):
        pass
    assert refusal.value.status_code == 403


def test_nothing_is_counted_kept_or_linked(client):
    settings = client.get("/config").json()
    assert settings["analytics_enabled"] is False and not settings.get("run_history")
    assert settings["footer_links"] == []


def labels_of(playground):
    from genkit.demo.page import page_of

    components = page_of(playground).get_config_file()["components"]
    return [each["props"].get("label") for each in components if each["type"] == "tabitem"]


def test_a_gan_has_no_tab_that_needs_an_encoder(gan, autoencoder):
    pytest.importorskip("gradio", reason="needs the extra `demo`")
    assert labels_of(Playground(Path("run"), gan)) == ["Draw", "Walk", "Directions"]
    whole = labels_of(Playground(Path("run"), autoencoder(torch.rand(16, 2))))
    assert whole == ["Draw", "Reconstruct", "Walk", "Directions"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_demo_and_deletes_what_was_dropped_in(autoencoder, monkeypatch, tmp_path, number):
    pytest.importorskip("gradio", reason="needs the extra `demo`")
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED"):
        monkeypatch.setenv(name, "")  # what the server sets is gone after the test
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = []

    def drop_in_and_end(address):
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        found.append((address, folder))
        (folder / "picture.png").touch()
        os.kill(os.getpid(), number)

    playground = Playground(Path("run"), autoencoder(torch.rand(16, 2)))
    with open_socket(None) as listening, interruptible():
        serve(playground, listening, drop_in_and_end)
    [(address, folder)] = found
    assert address.startswith(f"http://{HOST}:") and folder.parent == tmp_path and not folder.exists()
