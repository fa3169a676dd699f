"""A Hub on loopback: as much of its HTTP interface as uploading to a repository and loading from it need.

Source: the requests of huggingface_hub 2.4 (`hf_api.py`, `_commit_api.py`, `lfs.py`, `hf_file_system.py`).
"""

import base64
import hashlib
import json
import os
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlparse

from helpers.forked_python import run_forked
from helpers.repository import ROOT


REPO = r"(?P<repo>(?:models|datasets)/[^/]+/[^/]+)"
ROUTES = {
    ("GET", r"/api/whoami-v2"): "whoami",
    ("POST", r"/api/repos/create"): "create_repo",
    ("POST", r"/api/validate-yaml"): "check_card",
    ("POST", rf"/api/{REPO}/preupload/main"): "choose_upload",
    ("POST", r"/(?:datasets/)?[^/]+/[^/]+\.git/info/lfs/objects/batch"): "offer_uploads",
    ("PUT", r"/lfs/(?P<oid>\w+)"): "receive",
    ("POST", rf"/api/{REPO}/commit/main"): "commit",
    ("GET", rf"/api/{REPO}(?:/revision/[^/]+)?"): "describe",
    ("GET", rf"/api/{REPO}/tree/[^/]+(?:/(?P<folder>.*))?"): "list_files",
    ("POST", rf"/api/{REPO}/paths-info/[^/]+"): "describe_paths",
    ("GET", r"/(?P<kind>datasets/)?(?P<name>[^/]+/[^/]+)/resolve/[^/]+/(?P<path>.+)"): "send_file",
}


class Hub(ThreadingHTTPServer):
    """Repositories by `datasets/owner/name` or `models/owner/name`: their files by path."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.repos, self.is_private, self.blobs = {}, {}, {}

    @property
    def endpoint(self):
        """What `HF_ENDPOINT` must be."""
        return f"http://127.0.0.1:{self.server_port}"

    def revision(self, repo):
        """A commit hash that changes with the files."""
        return hashlib.sha1(repr(sorted(self.repos[repo].items())).encode()).hexdigest()


class HubHandler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        url = urlparse(self.path)
        self.query = parse_qs(url.query)
        method = "GET" if self.command == "HEAD" else self.command
        for (route_method, pattern), name in ROUTES.items():
            match = re.fullmatch(pattern, unquote(url.path))
            if match and method == route_method and match.groupdict().get("repo", "") in ("", *self.server.repos):
                return getattr(self, name)(**match.groupdict())
        return self.answer({"error": "Repository not found"}, status=404, headers={"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, *_):
        pass

    def answer(self, content, *, status=200, headers=None):
        """Send JSON or bytes."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(data), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def whoami(self):
        self.answer({"type": "user", "name": "group", "orgs": []})

    def create_repo(self):
        request = json.loads(self.body)
        name = f"{request.get('organization') or 'group'}/{request['name']}"
        repo = f"{request.get('type') or 'model'}s/{name}"
        self.server.repos.setdefault(repo, {})
        self.server.is_private[repo] = request.get("visibility") == "private"
        prefix = "datasets/" if repo.startswith("datasets/") else ""
        self.answer({"url": f"{self.server.endpoint}/{prefix}{name}", "id": name})

    def check_card(self):
        self.answer({"errors": [], "warnings": []})

    def choose_upload(self, repo):
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith((".parquet", ".safetensors", ".png")) else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(self.body)["files"]
        ]
        self.answer({"files": files})

    def offer_uploads(self):
        objects = [
            {**item, "actions": {"upload": {"href": f"{self.server.endpoint}/lfs/{item['oid']}"}}}
            for item in json.loads(self.body)["objects"]
        ]
        self.answer({"transfer": "basic", "objects": objects})

    def receive(self, oid):
        self.server.blobs[oid] = self.body
        self.answer({})

    def commit(self, repo):
        for line in map(json.loads, self.body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.server.repos[repo][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.server.repos[repo][value["path"]] = self.server.blobs[value["oid"]]
        revision = self.server.revision(repo)
        url = f"{self.server.endpoint}/{repo.removeprefix('models/')}/commit/{revision}"
        self.answer({"commitUrl": url, "commitOid": revision})

    def describe(self, repo):
        self.answer(
            {
                "id": repo.partition("/")[2],
                "sha": self.server.revision(repo),
                "private": self.server.is_private[repo],
                "siblings": [{"rfilename": path} for path in self.server.repos[repo]],
                "tags": [],
            }
        )

    def list_files(self, repo, folder):
        prefix = f"{folder}/" if folder else ""
        paths = [path for path in sorted(self.server.repos[repo]) if path.startswith(prefix)]
        if self.query.get("recursive", ["false"])[0].lower() != "true":
            paths = [path for path in paths if "/" not in path.removeprefix(prefix)]
        self.answer([self.entry(repo, path) for path in paths])

    def describe_paths(self, repo):
        is_form = "json" not in self.headers.get("Content-Type", "")
        paths = parse_qs(self.body.decode())["paths"] if is_form else json.loads(self.body)["paths"]
        files = self.server.repos[repo]
        folders = [
            {"type": "directory", "path": path, "oid": "0" * 40}
            for path in paths
            if any(file.startswith(f"{path}/") for file in files)
        ]
        self.answer([self.entry(repo, path) for path in paths if path in files] + folders)

    def entry(self, repo, path):
        content = self.server.repos[repo][path]
        return {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def send_file(self, kind, name, path):
        repo = f"{(kind or 'models/').rstrip('/')}/{name}"
        if path not in self.server.repos.get(repo, {}):
            return self.answer({"error": "Entry not found"}, status=404, headers={"X-Error-Code": "EntryNotFound"})
        content = self.server.repos[repo][path]
        headers = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": self.server.revision(repo)}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            return self.answer(content, headers={**headers, "Accept-Ranges": "bytes"})
        first, last = int(asked[1]), int(asked[2] or len(content) - 1)
        part = content[first : last + 1]
        headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
        return self.answer(part, status=206, headers=headers)


@contextmanager
def run_hub():
    """A Hub that lasts as long as the block."""
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()


def run_on_hub(hub, home, *arguments, cwd=ROOT, **environment):
    """Run Python in a process whose Hub is this one and whose cache is a folder; returns what it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PYTEST_"))}
    own = {
        "HF_ENDPOINT": hub.endpoint,
        "HF_TOKEN": "hf_loopback",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HOME": str(home),
        "OMP_NUM_THREADS": "1",
    }
    done = run_forked(*arguments, cwd=cwd, env={**kept, **own, **environment})
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
