"""A stand-in of the hub: its HTTP interface as huggingface_hub calls it, on this machine and in memory.

It answers the making of repositories, the check of metadata, uploads (small files within the commit, others by LFS),
commits, and the listing and the download of files. It knows one token and one organisation.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

TOKEN, ORGANISATION = "hf_of_ada", "ada"
LARGE = (".safetensors", ".onnx", ".png")  # files that the hub stores by LFS


@dataclass
class Repository:
    """A repository: its files after each commit."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    @property
    def head(self) -> str:
        return list(self.commits)[-1]

    def commit(self, files: dict[str, bytes], message: str) -> str:
        sha = hashlib.sha1(repr((message, sorted(files), len(self.commits))).encode()).hexdigest()
        self.commits[sha] = files
        self.messages.append(message)
        return sha


@dataclass
class Hub:
    """The state of the stand-in, and what was asked of it."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)  # of LFS, by SHA-256
    warnings: list[str] = field(default_factory=list)  # about the metadata of any card
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and path

    def files(self, name: str) -> dict[str, bytes]:
        repository = self.repositories[name]
        return repository.commits[repository.head]

    def downloaded(self) -> set[str]:
        return {path.rpartition("/")[2] for method, path in self.requests if method == "GET" and "/resolve/" in path}


class Refusal(Exception):
    def __init__(self, status: int, message: str, code: str = ""):
        super().__init__(message)
        self.status, self.code = status, code


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Serve a hub on a free port of this machine."""
    hub = Hub()

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self) -> None:
        self.path = unquote(urlsplit(self.path).path)
        self.state.requests.append((self.command, self.path))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            for pattern, method, action in ROUTES:
                if method == self.command and (match := re.fullmatch(pattern, self.path)):
                    return action(self, *match.groups())
            raise Refusal(404, f"{self.command} {self.path}: the stand-in does not know it")
        except Refusal as refusal:
            codes = {"X-Error-Code": refusal.code} if refusal.code else {}
            self.reply({"error": str(refusal)}, refusal.status, {**codes, "X-Error-Message": str(refusal)})

    do_GET = do_HEAD = do_POST = do_PUT = answer

    def reply(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.reply_bytes(json.dumps(value).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    def reply_bytes(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    @property
    def known_user(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def repository(self, name: str) -> Repository:
        found = self.state.repositories.get(name)
        if found is None or (found.private and not self.known_user):
            raise Refusal(404 if self.known_user else 401, "Repository not found", "RepoNotFound")
        return found

    def may_write(self, name: str) -> Repository:
        if not self.known_user:
            raise Refusal(401, "Invalid username or password.")
        return self.repository(name)

    def revision(self, name: str, revision: str) -> str:
        repository = self.repository(name)
        sha = repository.head if revision == "main" else revision
        if sha not in repository.commits:
            raise Refusal(404, "Invalid rev id", "RevisionNotFound")
        return sha

    def create(self) -> None:
        asked = json.loads(self.body)
        if not self.known_user:
            raise Refusal(401, "Invalid username or password.")
        if asked["organization"] != ORGANISATION:
            raise Refusal(403, f"You don't have the rights to create a model under {asked['organization']}")
        name = f"{asked['organization']}/{asked['name']}"
        url = {"url": f"{self.state.url}/{name}"}
        if name in self.state.repositories:
            return self.reply({**url, "error": "You already created this model repo"}, 409)
        private = asked.get("private") is True or asked.get("visibility") == "private"
        self.state.repositories[name] = made = Repository(private)
        made.commit({".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")
        self.reply(url)

    def validate(self) -> None:
        content = json.loads(self.body)["content"]
        metadata = yaml.safe_load(content.split("---\n")[1]) if content.startswith("---\n") else {}
        warned = [] if metadata else [{"message": "empty or missing yaml metadata in repo card"}]
        warned += [{"message": message} for message in self.state.warnings]
        problem = [] if isinstance(metadata.get("tags", []), list) else [{"message": '"tags" must be a list'}]
        self.reply({"errors": problem, "warnings": warned}, 400 if problem else 200)

    def preupload(self, name: str, revision: str) -> None:
        self.may_write(name)
        self.revision(name, revision)
        modes = {file["path"]: file["path"].endswith(LARGE) for file in json.loads(self.body)["files"]}
        files = [
            {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False, "oid": None}
            for path, large in modes.items()
        ]
        self.reply({"files": files})

    def lfs_batch(self, name: str) -> None:
        self.may_write(name)
        objects = json.loads(self.body)["objects"]
        upload = {each["oid"]: {"upload": {"href": f"{self.state.url}/lfs/{each['oid']}"}} for each in objects}
        self.reply({"transfer": "basic", "objects": [{**each, "actions": upload[each["oid"]]} for each in objects]})

    def lfs_put(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refusal(400, "the content is not that of the object")
        self.state.objects[oid] = self.body
        self.reply_bytes(b"", 200, {})

    def commit(self, name: str, revision: str) -> None:
        repository = self.may_write(name)
        files = dict(repository.commits[self.revision(name, revision)])
        message = ""
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "header":
                message = value["summary"]
            elif item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.state.objects[value["oid"]]
            else:
                raise Refusal(400, f"the stand-in does not know {item['key']}")
        sha = repository.commit(files, message)
        self.reply({"success": True, "commitOid": sha, "commitUrl": f"{self.state.url}/{name}/commit/{sha}"})

    def info(self, name: str, revision: str = "main") -> None:
        sha, private = self.revision(name, revision), self.repository(name).private
        siblings = [{"rfilename": path} for path in self.repository(name).commits[sha]]
        self.reply({"_id": "1", "id": name, "modelId": name, "sha": sha, "private": private, "siblings": siblings})

    def tree(self, name: str, revision: str) -> None:
        files = self.repository(name).commits[self.revision(name, revision)]
        entries: list[dict[str, Any]] = []
        for path, content in files.items():
            entry = {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            if path.endswith(LARGE):
                entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
            entries.append(entry)
        self.reply(entries)

    def resolve(self, name: str, revision: str, path: str) -> None:
        sha = self.revision(name, revision)
        content = self.repository(name).commits[sha].get(path)
        if content is None:
            raise Refusal(404, "Entry not found", "EntryNotFound")
        etag = (hashlib.sha256 if path.endswith(LARGE) else hashlib.sha1)(content).hexdigest()
        self.reply_bytes(content, 200, {"ETag": f'"{etag}"', "X-Repo-Commit": sha, "Accept-Ranges": "none"})


NAME = r"([\w.-]+/[\w.-]+?)"
ROUTES: list[tuple[str, str, Any]] = [
    ("/api/repos/create", "POST", _Handler.create),
    ("/api/validate-yaml", "POST", _Handler.validate),
    (f"/api/models/{NAME}/preupload/([^/]+)", "POST", _Handler.preupload),
    (f"/{NAME}.git/info/lfs/objects/batch", "POST", _Handler.lfs_batch),
    ("/lfs/([0-9a-f]{64})", "PUT", _Handler.lfs_put),
    (f"/api/models/{NAME}/commit/([^/]+)", "POST", _Handler.commit),
    (f"/api/models/{NAME}", "GET", _Handler.info),
    (f"/api/models/{NAME}/revision/([^/]+)", "GET", _Handler.info),
    (f"/api/models/{NAME}/tree/([^/]+)", "GET", _Handler.tree),
    (f"/{NAME}/resolve/([^/]+)/(.+)", "HEAD", _Handler.resolve),
    (f"/{NAME}/resolve/([^/]+)/(.+)", "GET", _Handler.resolve),
]
