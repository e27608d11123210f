"""What the Hub of ``tests/hub/server.py`` answers to a request, and what can go wrong."""

import fnmatch
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from tests.hub.server import Hub

TOKEN = "hf_" + "only4tests" * 3
LFS_FROM_BYTES = 10 << 20


@dataclass
class Fault:
    """Something that goes wrong when a request comes.

    Attributes:
        method, path: of the request; ``path`` is a pattern to be found in it.
        status: what is answered; 0: nothing, and the server is dead until ``Hub.revive``; 200: a
            page, as of somebody who stands between.
        is_done: whether what was asked for is done before that.
        is_half: answer half of a file, and then nothing for a long time.
        act: something else goes wrong than the answer; then this is called.
        times: how often.
    """

    method: str
    path: str
    status: int = 0
    is_done: bool = False
    is_half: bool = False
    act: Callable[[], object] | None = None
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)


class _Dead(Exception):  # noqa: N818 - no error of a program
    """The server is not there."""


class Handler(BaseHTTPRequestHandler):
    """Each request is one of ``_ROUTES``, or is handed on."""

    hub: "Hub"
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing: a token might be told."""

    def _handle(self) -> None:
        asked = f"{self.command} {self.path} {self.headers['Range'] or ''}"
        self.hub.requests.append(asked.strip())
        try:
            self._answer_or_fail()
        except (_Dead, BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle

    def _answer_or_fail(self) -> None:
        hub = self.hub
        with hub.lock:
            fault = next(
                (
                    f
                    for f in hub.faults
                    if f.method == self.command and re.search(f.path, self.path)
                ),
                None,
            )
            if fault:
                fault.times -= 1
                hub.faults = [f for f in hub.faults if f.times > 0]
        if hub.is_dead:
            raise _Dead
        if fault and fault.act:
            fault.act()
            fault = None
        if fault and fault.is_half:
            return self._forward(is_half=True)
        if fault and not fault.is_done:
            self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
            self.close_connection = True
            self._fail(fault)
            return None
        status, answer = self._answer(fault)
        if status:
            self._send(status, answer)
        return None

    def _fail(self, fault: Fault) -> None:
        if fault.status == 0:
            self.hub.is_dead = True
            raise _Dead
        page = "<html>Log in to this network</html>"
        self._send(fault.status, page if fault.status == 200 else {"error": "no"}, fault.headers)

    def _answer(self, fault: Fault | None) -> tuple[int, object]:
        """Do what is asked for; status 0: it was handed on."""
        url = urlsplit(self.path)
        for pattern, act in _ROUTES.items():
            method, _, path = pattern.partition(" ")
            if method == self.command and (found := re.fullmatch(path, url.path)):
                if self.headers.get("Authorization") != f"Bearer {TOKEN}" and method != "PUT":
                    return 401, {"error": "Invalid username or password."}
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if found.groups() and not self.hub.path(found[1]).exists():
                    return 404, {"error": "Repository not found"}
                with self.hub.lock:
                    answer = act(self, *map(unquote, found.groups()), body)
                if fault:
                    self._fail(fault)
                return answer
        self._forward()
        return 0, None

    def _send(self, status: int, answer: object, headers: dict[str, str] | None = None) -> None:
        content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status >= 400:
            self.send_header("X-Error-Message", str(answer))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:  # untold, a client may send its next request into it
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _forward(self, *, is_half: bool = False) -> None:
        """Hand a request on to olah, which knows no Range: a part of a file is cut out here."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        olah = HTTPConnection("127.0.0.1", self.hub.olah_port, timeout=60)
        names = ("Accept", "Content-Type", "User-Agent")
        headers = {name: self.headers[name] for name in names if self.headers[name]}
        headers["Host"] = self.headers["Host"]
        headers["Accept-Encoding"] = "identity"
        olah.request(self.command, self.path, body or None, headers)
        response = olah.getresponse()
        content, status = response.read(), response.status
        length = response.headers["Content-Length"] or str(len(content))
        self.requests_range = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        ranged = self.requests_range
        if ranged and status == 200 and self.command == "GET":
            first, last = int(ranged[1]), int(ranged[2] or len(content) - 1)
            status, whole = 206, len(content)
            content = content[first : last + 1]
            length = str(len(content))
        self.send_response(status)
        for name, value in response.headers.items():
            if name.lower() not in (
                "content-length",
                "transfer-encoding",
                "connection",
                "date",
                "server",
            ):
                self.send_header(name, value)
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{first + len(content) - 1}/{whole}")
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if is_half else content)
        if is_half:
            self.wfile.flush()
            time.sleep(20)
            raise _Dead

    def _create_repo(self, body: bytes) -> tuple[int, object]:
        wanted = json.loads(body)
        repo = f"{wanted['organization']}/{wanted['name']}"
        url = {"url": f"{self.hub.endpoint}/datasets/{repo}"}
        if self.hub.path(repo).exists():
            return 409, url
        self.hub.create(repo)
        (self.hub.path(repo) / ".git/private").write_text(str(wanted.get("visibility")))
        return 200, url

    def _check_card(self, _body: bytes) -> tuple[int, object]:
        return 200, {"errors": [], "warnings": []}

    def _preupload(self, repo: str, revision: str, body: bytes) -> tuple[int, object]:
        attributes = self.hub.git(repo, "show", f"{revision}:.gitattributes").splitlines()
        patterns = [line.split()[0] for line in attributes if "filter=lfs" in line]
        listed = self.hub.git(repo, "ls-tree", "-r", revision).splitlines()
        blobs = {line.split("\t")[1]: line.split()[2] for line in listed}
        answers = []
        for file in json.loads(body)["files"]:
            path = file["path"]
            is_lfs = file["size"] > LFS_FROM_BYTES or any(
                fnmatch.fnmatch(path if "/" in p else path.rpartition("/")[2], p) for p in patterns
            )
            oid = blobs.get(path)
            if oid and is_lfs:
                pointer = self.hub.git(repo, "cat-file", "blob", oid)
                oid = m[1] if (m := re.search("sha256:([0-9a-f]{64})", pointer)) else oid
            mode = "lfs" if is_lfs else "regular"
            answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return 200, {"files": answers}

    def _lfs_batch(self, repo: str, body: bytes) -> tuple[int, object]:
        objects = []
        for file in json.loads(body)["objects"]:
            is_there = self.hub.object_path(repo, file["oid"]).exists()
            upload = {"upload": {"href": f"{self.hub.endpoint}/lfs-store/{repo}/{file['oid']}"}}
            objects.append({**file, **({} if is_there else {"actions": upload})})
        return 200, {"transfer": "basic", "objects": objects}

    def _lfs_put(self, repo: str, oid: str, body: bytes) -> tuple[int, object]:
        path = self.hub.object_path(repo, oid)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return 200, {}

    def _commit(self, repo: str, branch: str, body: bytes) -> tuple[int, object]:
        header, *lines = map(json.loads, body.splitlines())
        parent = header["value"].get("parentCommit")
        head = self.hub.refs(repo)[f"refs/heads/{branch}"]
        if parent not in (None, head):
            return 412, {"error": "A commit has happened since. Please refresh and try again."}
        for line in lines:
            if (
                line["key"] == "lfsFile"
                and not self.hub.object_path(repo, line["value"]["oid"]).exists()
            ):
                return 400, {"error": f"there is no object of {line['value']['path']}"}
        oid = self.hub.commit(repo, branch, header["value"], lines)
        return 200, {
            "commitUrl": f"{self.hub.endpoint}/datasets/{repo}/commit/{oid}",
            "commitOid": oid,
        }

    def _create_branch(self, repo: str, branch: str, body: bytes) -> tuple[int, object]:
        start = json.loads(body or b"{}").get("startingPoint", "main")
        return self._create_ref(repo, f"refs/heads/{branch}", start)

    def _create_tag(self, repo: str, revision: str, body: bytes) -> tuple[int, object]:
        return self._create_ref(repo, f"refs/tags/{json.loads(body)['tag']}", revision)

    def _create_ref(self, repo: str, ref: str, at: str) -> tuple[int, object]:
        if ref in self.hub.refs(repo):
            return 409, {"error": f"{ref} exists"}
        self.hub.git(repo, "update-ref", ref, self.hub.git(repo, "rev-parse", at))
        return 200, {}

    def _delete_branch(self, repo: str, branch: str, _body: bytes) -> tuple[int, object]:
        self.hub.git(repo, "update-ref", "-d", f"refs/heads/{branch}")
        return 200, {}

    def _delete_tag(self, repo: str, tag: str, _body: bytes) -> tuple[int, object]:
        self.hub.git(repo, "update-ref", "-d", f"refs/tags/{tag}")
        return 200, {}

    def _list_lfs(self, repo: str, _body: bytes) -> tuple[int, object]:
        files = sorted(self.hub.path(repo).glob(".git/lfs/objects/*/*/*"))
        told = [
            {
                "fileOid": path.name,
                "filename": path.name,
                "oid": path.name[:24],
                "pushedAt": "2026-01-01T00:00:00.000Z",
                "size": path.stat().st_size,
            }
            for path in files
        ]
        return 200, told

    def _delete_lfs(self, repo: str, body: bytes) -> tuple[int, object]:
        wanted = json.loads(body)["deletions"]
        if wanted["rewriteHistory"]:
            return 400, {"error": "this Hub does not rewrite history"}
        for sha256 in wanted["sha"]:
            self.hub.object_path(repo, sha256).unlink(missing_ok=True)
        return 200, {}


_REPO = "([^/]+/[^/]+)"
_ROUTES = {
    "POST /api/repos/create": Handler._create_repo,
    "POST /api/validate-yaml": Handler._check_card,
    f"POST /api/datasets/{_REPO}/preupload/([^/]+)": Handler._preupload,
    f"POST /datasets/{_REPO}.git/info/lfs/objects/batch": Handler._lfs_batch,
    f"PUT /lfs-store/{_REPO}/([^/]+)": Handler._lfs_put,
    f"POST /api/datasets/{_REPO}/commit/([^/]+)": Handler._commit,
    f"POST /api/datasets/{_REPO}/branch/([^/]+)": Handler._create_branch,
    f"DELETE /api/datasets/{_REPO}/branch/([^/]+)": Handler._delete_branch,
    f"POST /api/datasets/{_REPO}/tag/([^/]+)": Handler._create_tag,
    f"DELETE /api/datasets/{_REPO}/tag/([^/]+)": Handler._delete_tag,
    f"GET /api/datasets/{_REPO}/lfs-files": Handler._list_lfs,
    f"POST /api/datasets/{_REPO}/lfs-files/batch": Handler._delete_lfs,
}
