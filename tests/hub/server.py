"""A Hub on loopback to publish to and download from; a test double, for tests only.

Writing is done here: a small server takes the requests that huggingface_hub makes without Xet, and
commits into real git repositories with a store of LFS. Reading is somebody else's code: olah,
offline, serves the same repositories, and this server hands every other request on to it, so that a
client has one address. Not covered: Xet, which huggingface_hub uses by default, and all that the
real Hub does besides, such as rights of single users.
"""

import base64
import hashlib
import socket
import subprocess
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.hub.handler import Fault, Handler

MAIN_ATTRIBUTES = "".join(
    f"*.{kind} filter=lfs diff=lfs merge=lfs -text\n" for kind in ("tar", "parquet", "safetensors")
)
_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"
_ME = ("-c", "user.name=Hub", "-c", "user.email=hub@example.org")


class Hub:
    """The server, olah behind it, and the repositories in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.is_dead = False
        self.lock = threading.Lock()
        (folder / "datasets").mkdir(parents=True)
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("_Bound", (Handler,), {"hub": self})
        )
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self.olah_port = _find_port()
        config = folder / "olah.toml"
        config.write_text(
            f'[basic]\nhost = "127.0.0.1"\nport = {self.olah_port}\n'
            f'repos-path = "{folder}/olah_cache"\nmirrors-path = ["{folder}"]\n'
            f'hf-netloc = "127.0.0.1:9"\nhf-lfs-netloc = "127.0.0.1:9"\n'
            f'mirror-netloc = "127.0.0.1:{self._server.server_port}"\n'
            "[accessibility]\noffline = true\n"
        )
        command = "import sys; from olah.server import cli; sys.exit(cli())"
        with (folder / "olah.log").open("wb") as log:
            self._olah = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    command,
                    "--config",
                    str(config),
                    "--log-path",
                    str(folder / "logs"),
                ],
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._wait()

    def _wait(self) -> None:
        for _ in range(300):
            assert self._olah.poll() is None, (self.folder / "olah.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.olah_port), 1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise TimeoutError("olah does not answer")

    def close(self) -> None:
        """End both servers."""
        self._server.shutdown()
        self._server.server_close()
        self._olah.terminate()
        self._olah.wait(10)

    def revive(self) -> None:
        """Serve again, without faults."""
        self.faults.clear()
        self.is_dead = False

    def git(self, repo: str, *words: str, text: str | bytes = "", index: Path | None = None) -> str:
        """Run git in a repository, and return what it prints."""
        done = subprocess.run(
            ["git", *_ME, *words],
            cwd=self.path(repo),
            env={"PATH": "/usr/bin:/bin", **({"GIT_INDEX_FILE": str(index)} if index else {})},
            input=text.encode() if isinstance(text, str) else text,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def path(self, repo: str) -> Path:
        """Where a repository is."""
        return self.folder / "datasets" / repo

    def object_path(self, repo: str, oid: str) -> Path:
        """Where LFS keeps a file of a repository."""
        return self.path(repo) / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid

    def refs(self, repo: str) -> dict[str, str]:
        """Every branch and tag, and its commit."""
        shown = self.git(repo, "for-each-ref", "--format=%(refname) %(objectname)")
        return dict(line.split() for line in shown.splitlines())

    def list_files(self, repo: str, revision: str) -> list[str]:
        """The files of a commit."""
        return self.git(repo, "ls-tree", "-r", "--name-only", revision).splitlines()

    def create(self, repo: str) -> None:
        """Make a repository as the Hub does: with a first commit that says what is LFS."""
        self.path(repo).mkdir(parents=True)
        self.git(repo, "init", "-q", "-b", "main")
        lines = [{"key": "file", "value": _text_file(".gitattributes", MAIN_ATTRIBUTES)}]
        self.commit(repo, "main", {"summary": "initial commit"}, lines)

    def commit(self, repo: str, branch: str, header: dict[str, str], lines: list[Any]) -> str:
        """Commit to a branch; returns the commit."""
        head = self.refs(repo).get(f"refs/heads/{branch}", "")
        index = self.path(repo) / f".git/index.{threading.get_ident()}"
        index.unlink(missing_ok=True)
        if head:
            self.git(repo, "read-tree", head, index=index)
        entries = []
        for line in lines:
            value, kind = line["value"], line["key"]
            if kind == "deletedFile":
                entries.append(f"0 {'0' * 40}\t{value['path']}")
                continue
            if kind == "lfsFile":
                size = self.object_path(repo, value["oid"]).stat().st_size
                content = _POINTER.format(oid=value["oid"], size=size).encode()
            else:
                content = base64.b64decode(value["content"])
            blob = self.git(repo, "hash-object", "-w", "--stdin", text=content)
            entries.append(f"100644 {blob}\t{value['path']}")
        self.git(
            repo,
            "update-index",
            "--add",
            "--index-info",
            text="\n".join(entries) + "\n",
            index=index,
        )
        tree = self.git(repo, "write-tree", index=index)
        index.unlink()
        parent = ["-p", head] if head else []
        commit = self.git(repo, "commit-tree", tree, *parent, "-m", header["summary"])
        self.git(repo, "update-ref", f"refs/heads/{branch}", commit, head or "0" * 40)
        return commit

    def put(self, repo: str, folder: Path, tag: str) -> str:
        """Make what a folder holds a repository and tag it, without any client; its commit."""
        if not self.path(repo).exists():
            self.create(repo)
        lines: list[Any] = [
            {"key": "deletedFile", "value": {"path": path}}
            for path in self.list_files(repo, "main")
            if path != ".gitattributes"
        ]
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name, content = path.relative_to(folder).as_posix(), path.read_bytes()
            if path.suffix in (".tar", ".parquet"):
                oid = hashlib.sha256(content).hexdigest()
                kept = self.object_path(repo, oid)
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(content)
                lines.append({"key": "lfsFile", "value": {"path": name, "oid": oid}})
            else:
                value = {"path": name, "content": base64.b64encode(content).decode()}
                lines.append({"key": "file", "value": value})
        commit = self.commit(repo, "main", {"summary": tag}, lines)
        self.git(repo, "update-ref", f"refs/tags/{tag}", commit)
        return commit


def _find_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _text_file(path: str, content: str) -> dict[str, str]:
    return {"path": path, "content": base64.b64encode(content.encode()).decode()}
