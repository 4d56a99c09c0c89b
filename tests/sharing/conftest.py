"""A hub on this machine, and exported models on it."""

import pytest
from huggingface_hub import constants, file_download
from support.commands import genkit as command
from support.hub import TOKEN, running_hub
from support.models import write_model

import genkit

NAME = "ada/points"
ENDPOINT = constants.ENDPOINT


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Run a hub, and let huggingface_hub use it, with a cache and a token of its own."""
    with running_hub() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(ENDPOINT, hub.url)
        for module in (constants, file_download):  # old versions have it in the second too
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)  # old versions have no Xet
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.chdir(tmp_path)
        yield hub


@pytest.fixture
def folder(tmp_path):
    """Return an exported model of points."""
    write_model(tmp_path / "model", ema=True)
    return genkit.export(tmp_path / "model", tmp_path / "shared")


@pytest.fixture
def pushed(hub, folder):
    """Return the hub with the model of points as ada/points."""
    card = folder / "README.md"
    card.write_text(card.read_text().replace("# license: fill in, such as apache-2.0", "license: mit"))
    assert command("push", folder, NAME).code == 0
    hub.requests.clear()
    return hub
