"""Push to a hub and pull from it: against a stand-in of its HTTP interface. The real hub has not been tried."""

import json
import os
import shutil
import socket
import subprocess
import sys
import warnings

import huggingface_hub
import pytest
import torch
import yaml
from support.commands import genkit as command
from support.hub import TOKEN, running_hub
from support.messages import assert_names
from support.models import write_model

import genkit
from genkit.errors import GenkitWarning, UsageError
from genkit.sharing.push import push

NAME = "ada/points"


def refusal(*arguments, **options):
    with pytest.raises(UsageError) as error:
        genkit.TrainedModel.from_pretrained(*arguments, **options)
    return error.value


def refused(*arguments):
    code, out, err = command(*arguments)
    assert (code, out) == (2, "") and "Traceback" not in err, (code, out, err)
    return err


def test_a_pushed_model_comes_back_with_the_same_bits(pushed, folder, tmp_path):
    before = genkit.load(folder)
    shutil.rmtree(folder)
    after = genkit.load(NAME)
    assert torch.equal(before.sample(9, seed=1), after.sample(9, seed=1)) and after.weights == "ema"
    x = before.sample(4)
    assert torch.equal(before.reconstruct(x), after.reconstruct(x))
    again = genkit.TrainedModel.from_pretrained(NAME, cache_dir=tmp_path / "other")
    assert torch.equal(before.sample(3), again.sample(3)) and (tmp_path / "other").is_dir()


def test_the_command_uploads_the_files_of_the_config_in_one_commit(hub, folder):
    (folder / "notes.txt").write_text("mine")
    (folder / "evil.pkl").write_bytes(b"x")
    code, out, err = command("push", folder, NAME, "--message", "First weights", "--json")
    said = json.loads(out)
    assert code == 0 and said["url"] == f"{hub.url}/{NAME}" and "README.md" in err  # the card names no licence
    files = hub.files(NAME)
    assert set(files) == {*said["files"], ".gitattributes"} and "notes.txt" not in files
    assert files["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    assert hub.repositories[NAME].messages == ["initial commit", "First weights"]
    assert said["commit"] == hub.repositories[NAME].head and not hub.repositories[NAME].private
    assert f'genkit.load("{NAME}")' in files["README.md"].decode() and "ORG/NAME" in (folder / "README.md").read_text()
    with pytest.warns(GenkitWarning, match="licence"):
        assert genkit.push(folder, NAME) == f"{hub.url}/{NAME}"


def test_only_what_the_config_names_is_downloaded(pushed):
    pushed.files(NAME)["evil.pkl"] = b"x"
    genkit.load(NAME)
    assert pushed.downloaded() == {"config.json", "model.safetensors", "README.md", "samples.png"}
    pushed.requests.clear()
    genkit.load(NAME)
    assert not pushed.downloaded()  # all of it is in the cache
    asked = {path for _, path in pushed.requests}
    assert len(asked) == 2  # whether there is a newer commit, and the config


def test_nothing_else_of_a_foreign_model_is_downloaded(pushed):
    pushed.files(NAME)["config.json"] = b'{"model_type": "bert"}'
    assert_names(refusal(NAME), "config.json", "genkit-model")
    assert pushed.downloaded() == {"config.json"}
    del pushed.files(NAME)["config.json"]
    assert_names(refusal(NAME, revision=pushed.repositories[NAME].head), NAME, "config.json")


def test_a_revision_is_one_of_the_repository(pushed, folder):
    first = pushed.repositories[NAME].head
    old = genkit.load(NAME).sample(3)
    shutil.rmtree(folder)
    write_model(folder.parent / "newer", overrides=["model.width=8"])
    with pytest.warns(GenkitWarning):
        genkit.push(genkit.export(folder.parent / "newer", folder), NAME)
    assert torch.equal(genkit.TrainedModel.from_pretrained(NAME, revision=first).sample(3), old)
    assert not torch.equal(genkit.load(NAME).sample(3), old)
    assert_names(refusal(NAME, revision="0" * 40), NAME, "revision")
    assert_names(refusal(folder, revision=first), folder, "revision")


def test_a_private_repository_is_private(hub, folder, monkeypatch):
    assert command("push", folder, NAME, "--private").code == 0 and hub.repositories[NAME].private
    assert genkit.TrainedModel.from_pretrained(NAME, token=TOKEN).weights == "ema"
    monkeypatch.delenv("HF_TOKEN")
    assert_names(refusal(NAME, cache_dir=folder.parent / "other"), NAME, hub.url, "hf auth login")


def test_a_public_repository_does_not_get_what_should_be_private(pushed, folder):
    head = pushed.repositories[NAME].head
    assert_names(refused("push", folder, NAME, "--private"), NAME, "public")
    assert pushed.repositories[NAME].head == head


def test_a_push_without_a_token_asks_nothing_of_the_hub(hub, folder, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert_names(refused("push", folder, NAME), NAME, "hf auth login")
    assert not hub.requests


def test_a_wrong_token_and_a_foreign_organisation_are_refused(hub, folder, monkeypatch):
    assert_names(refused("push", folder, "grace/points"), "grace/points", "403", "grace")
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    assert_names(refused("push", folder, NAME), NAME, "hf auth login")
    assert not hub.repositories


@pytest.mark.parametrize("name", ["points", "a/b/c", "", "ada/", "../points", "ada/points here", "http://x/y"])
def test_what_is_no_name_of_a_repository_is_refused(name, hub, folder):
    assert_names(refused("push", folder, name), "ORG/NAME")
    assert not hub.requests


def test_what_is_not_exported_or_has_changed_is_not_pushed(hub, folder, tmp_path):
    assert_names(refused("push", tmp_path / "model", NAME), tmp_path / "model", "genkit export")
    assert_names(refused("push", tmp_path / "nothing", NAME), tmp_path / "nothing")
    (folder / "samples.png").write_bytes(b"other")
    assert_names(refused("push", folder, NAME), folder / "samples.png")
    assert not hub.requests


@pytest.mark.parametrize("name", ["README.md", "samples.png", "config.json"])
def test_a_link_is_not_uploaded(name, hub, folder, tmp_path):
    secret = tmp_path / "secret"
    (folder / name).rename(secret)
    (folder / name).symlink_to(secret)
    assert_names(refused("push", folder, NAME), folder / name)
    assert not hub.requests and genkit.load(folder).weights == "ema"  # the cache of the hub has links


def test_metadata_that_hubs_refuse_are_refused(hub, folder):
    card = folder / "README.md"
    text = card.read_text()
    card.write_text(text.replace("library_name: genkit", "tags: [unclosed"))
    assert_names(refused("push", folder, NAME), card)
    assert not hub.requests


def test_a_card_without_metadata_gets_those_that_are_facts(hub, folder, monkeypatch):
    monkeypatch.setattr("huggingface_hub.repocard.logger.warning", pytest.fail)
    (folder / "README.md").write_text("# Mine\n\nORG/NAME")
    code, _, err = command("push", folder, NAME)
    card = hub.files(NAME)["README.md"].decode()
    metadata = yaml.safe_load(card.split("---\n")[1])
    assert code == 0 and metadata == {"library_name": "genkit", "tags": ["genkit", "mlp", "vae"]}
    assert card.endswith(f"---\n\n# Mine\n\n{NAME}") and (folder / "README.md").read_text() == "# Mine\n\nORG/NAME"
    assert err.count("remark: ") == 2
    assert_names(err, folder / "README.md", "licence", "metadata")


def test_a_warning_of_the_hub_is_a_remark(hub, folder):
    hub.warnings.append("no such data set")
    code, _, err = command("push", folder, NAME)
    assert code == 0 and err.count("remark: ") == 2
    assert_names(err, f"remark: {NAME}: ", "no such data set")


def test_a_warning_of_another_kind_during_the_upload_is_still_one(hub, folder, monkeypatch):
    upload = huggingface_hub.HfApi.create_commit

    def warn_and_upload(*given, **named):
        warnings.warn("an old argument", FutureWarning, stacklevel=2)
        return upload(*given, **named)

    monkeypatch.setattr(huggingface_hub.HfApi, "create_commit", warn_and_upload)
    hub.warnings.append("no such data set")
    with pytest.warns(FutureWarning, match="an old argument"):
        pushed = push(folder, NAME)
    assert len(pushed.remarks) == 2 and "no such data set" in pushed.remarks[1]


def test_an_absent_repository_and_a_mistyped_run(hub, tmp_path):
    assert_names(refusal("ada/absent"), "ada/absent", hub.url)
    (tmp_path / "runs" / "0001-points-s0").mkdir(parents=True)
    (tmp_path / "runs" / "0001-points-s0" / "recipe.resolved.toml").touch()
    hub.requests.clear()
    assert_names(refusal("runs/0001-point-s0"), "runs/0001-point-s0", "0001-points-s0")
    assert not hub.requests  # a folder `runs` is here, so it is a path


@pytest.mark.parametrize("given", ["./ada/points", "ada/points/", "/ada/points", "points", "runs/a/final", "~/points"])
def test_a_path_asks_nothing_of_the_hub(given, hub):
    assert "not found" in str(refusal(given))
    assert not hub.requests


def test_a_folder_that_exists_wins(pushed, folder, tmp_path):
    (tmp_path / "ada").mkdir()
    folder.rename(tmp_path / "ada" / "points")
    assert genkit.load(NAME).weights == "ema" and not pushed.requests


def test_a_damaged_cache_is_downloaded_again(pushed, tmp_path):
    before = genkit.load(NAME).sample(3)
    [weights] = [path for path in (tmp_path / "cache").rglob("model.safetensors") if "snapshots" in path.parts]
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.resolve().write_bytes(content)
    assert torch.equal(genkit.load(NAME).sample(3), before)


def test_a_repository_whose_files_differ_from_its_config_is_refused(pushed):
    pushed.files(NAME)["model.safetensors"] += b"x"
    assert_names(refusal(NAME), "model.safetensors", "bytes")


def test_offline_mode_uses_the_cache_only(pushed, folder, monkeypatch):
    before = genkit.load(NAME).sample(3)
    pushed.requests.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert torch.equal(genkit.load(NAME).sample(3), before)
    assert_names(refusal("ada/other"), "ada/other", "HF_HUB_OFFLINE")
    assert_names(refused("push", folder, NAME), NAME, "HF_HUB_OFFLINE")
    assert not pushed.requests


def test_a_hub_that_cannot_be_reached(pushed, folder, monkeypatch):
    before = genkit.load(NAME).sample(3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    assert torch.equal(genkit.load(NAME).sample(3), before)  # from the cache
    assert_names(refusal("ada/other"), "ada/other", address)
    assert_names(refused("push", folder, NAME), NAME, address)


@pytest.mark.trains
def test_the_variables_of_the_hub_are_heeded_by_a_process(folder, tmp_path):
    with running_hub() as hub:
        variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": TOKEN}
        environment = {**os.environ, **variables, "HF_HUB_DISABLE_XET": "1"}
        calls = f"genkit.push({str(folder)!r}, {NAME!r}), genkit.load({NAME!r}).sample(2).shape"
        code = f"import genkit; print({calls})"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0 and f"{hub.url}/{NAME} torch.Size([2, 2])" in done.stdout, done
        assert set(hub.files(NAME)) >= {"config.json", "model.safetensors"}
