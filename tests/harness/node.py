"""One chronik-server process of a test: started on free ports and a folder of its own, ended on every path out.

    with Node(server, folder, storage="storage-lmdb") as node:
        node.start()
        ... node.bootstrap ...
        node.kill()          # kill -9
        node.start()         # again on its data
"""
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request


GIVEN = set()  # ports, in this process


def free_port():
    """Each but once, and none of those that the kernel gives to outgoing connections: one of them would have it when its node starts."""
    while True:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in GIVEN:
            GIVEN.add(port)
            return port


def exit_on_sigterm():
    """SIGTERM becomes an exception, so that every process that was started is ended on the way out."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Node:
    TABLES = ("kafka", "http", "storage", "retry")  # that it writes itself

    def __init__(self, server, folder, storage="storage-lmdb", extra="", tables=None, environment=None, node_id=1,
                 peers=None):
        self.server = str(server)
        self.id = node_id
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.kafka_port, self.http_port = free_port(), free_port()
        self.log_path = self.folder / "node.log"
        self.config_path = self.folder / "node.toml"
        self.environment = dict(os.environ, **(environment or {}))
        self.process = None
        tables = {**dict.fromkeys(self.TABLES, ""), **(tables or {})}
        self.config_path.write_text(
            f'node_id = {node_id}\ndata_dir = "{self.folder}/data"\n{extra}\n'
            f'[kafka]\nlisten = ["127.0.0.1:{self.kafka_port}"]\n{tables["kafka"]}\n'
            f'[http]\nlisten = "127.0.0.1:{self.http_port}"\n{tables["http"]}\n'
            f'[storage]\nplugin = "{storage}"\n{tables["storage"]}\n'
            f'[retry]\nplugin = "retry-exponential"\n{tables["retry"]}\n'
            + "".join(f"[{name}]\n{text}\n" for name, text in tables.items() if name not in self.TABLES)
            + "".join(f'[[peer]]\nid = {peer}\nraft = "{address}"\n' for peer, address in (peers or {}).items())
        )

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.kafka_port}"

    @property
    def pid(self):
        return self.process.pid

    def start(self, timeout=30):
        self.launch()
        return self.await_ready(timeout)

    def launch(self):
        """Starts the process, and does not wait until it is ready."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.server, "start", "--config", str(self.config_path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, start_new_session=True)

    def await_ready(self, timeout=30):
        deadline = time.monotonic() + timeout
        while not self.ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the node ended with code {self.process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the node is not ready after {timeout} s:\n{self.log_tail()}")
            time.sleep(0.01)
        return self

    def http(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=5) as answer:
            return answer.read().decode()

    def ready(self):
        try:
            self.http("/readyz")
            return True
        except (urllib.error.URLError, OSError):
            return False

    def readyz(self):
        """What it says of itself, ready or not; empty while it says nothing."""
        try:
            return self.http("/readyz")
        except urllib.error.HTTPError as answer:
            return answer.read().decode()
        except OSError:
            return ""

    def metric(self, name, label=""):
        """The sum of a metric over its labels, or over those that have this one."""
        total = 0.0
        for line in self.http("/metrics").splitlines():
            if line.startswith(name) and line[len(name)] in " {" and label in line:
                total += float(line.rsplit(" ", 1)[1])
        return total

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines=30):
        return "\n".join(self.log().splitlines()[-lines:])

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """kill -9."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, timeout=20):
        """A clean stop; its exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise RuntimeError(f"the node did not stop within {timeout} s:\n{self.log_tail()}") from None
        return self.process.returncode

    # ---- what the process costs, from /proc ----
    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def anonymous_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        return 0

    def read_bytes(self):
        """Bytes that a disk was read for it; what was in the page cache, or lies in tmpfs, is not counted."""
        return int(re.search(r"^read_bytes: (\d+)", pathlib.Path(f"/proc/{self.pid}/io").read_text(), re.M)[1])

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def store_bytes(self, but=""):
        """Bytes that the data folder occupies on disk; `but`: a pattern of names that do not count."""
        total = 0
        for path in (self.folder / "data").rglob("*"):
            try:
                total += path.stat().st_blocks * 512 if path.is_file() and not (but and path.match(but)) else 0
            except FileNotFoundError:  # a storage removes files when it likes
                pass
        return total

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
