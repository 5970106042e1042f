#!/usr/bin/env python3
"""What the pages show is what runs: README.md, CONTRIBUTING.md, docs/ and the READMEs of tests/ against this build.

  words   each `./dev X`, path, key, metric and environment variable that is named exists; quoted messages are in the sources
  toml    each fenced configuration passes `chronik-server check`
  steps   the shell blocks of docs/start.md and README.md, and those of docs/cluster.md, line by line in their order, on real nodes
          with the files that the page shows: each ends with 0, and kcat reads back what it was given
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harness"))
from node import free_port  # noqa: E402

WALKS = [["docs/start.md", "README.md"], ["docs/cluster.md"]]  # nodes are started by the first page of each
# Tools that the pages show and that this machine may lack. kcat is no such: the build installs it.
OPTIONAL = ("kafka-topics.sh", "kafka-console-producer.sh", "kafka-console-consumer.sh", "kafka-consumer-groups.sh")
NOT_METRICS = {"kafka_exporter", "chronik_plugin_v1", "chronik_add_plugin"}


def fenced(text, language):
    """(line, content) of each fenced block in a language."""
    for found in re.finditer(rf"^```{language}\n(.*?)^```", text, re.M | re.S):
        yield text.count("\n", 0, found.start()) + 2, found.group(1)


class Pages:
    def __init__(self, arguments):
        self.root = pathlib.Path(arguments.root)
        self.server = pathlib.Path(arguments.server).resolve()
        self.example_plugin = arguments.example_plugin
        self.problems = []
        listed = ["README.md", "CONTRIBUTING.md", *map(str, sorted(p.relative_to(self.root) for p in self.root.glob("docs/**/*.md"))),
                  *map(str, sorted(p.relative_to(self.root) for p in self.root.glob("tests/*/README.md")))]
        self.pages = {name: (self.root / name).read_text() for name in listed}

    def problem(self, page, line, text):
        self.problems.append(f"{page}:{line}: {text}")

    def matches(self, pattern, pages=None):
        for page, text in self.pages.items():
            if pages and page not in pages:
                continue
            for number, line in enumerate(text.splitlines(), 1):
                for found in re.finditer(pattern, line):
                    yield page, number, found

    def run(self, *command, **options):
        return subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, **options)

    # ---- words ----
    def words(self):
        self.dev_commands()
        self.paths()
        self.keys_and_variables()
        sources = "\n".join(p.read_text() for folder in ("host", "plugins") for p in (self.root / folder).rglob("*")
                            if p.suffix in {".cc", ".h"})
        for page, line, found in self.matches(r"\b(?:chronik|kafka)_[a-z0-9_]+[a-z0-9]\b(?![*.(])"):
            if found.group() not in NOT_METRICS and f'"{found.group()}"' not in sources:
                self.problem(page, line, f"nothing in host/ or plugins/ defines {found.group()}")
        joined = re.sub(r'"\s*\n\s*"', "", sources)  # messages that run over several lines
        for page, line, found in self.matches(r"`([^`]*\.\.\.[^`]*)`", ["docs/start.md"]):
            for part in filter(None, map(str.strip, found.group(1).split("..."))):
                if part not in joined:
                    self.problem(page, line, f'no message has "{part}"')

    def dev_commands(self):
        usage = self.run("bash", self.root / "dev").stdout
        known = {name for names in re.findall(r"^  ([a-z-]+(?: \| [a-z-]+)*)(?= |$)", usage, re.M) for name in names.split(" | ")}
        for page, line, found in self.matches(r"\./dev ([a-z][a-z-]*)"):
            if found.group(1) not in known:
                self.problem(page, line, f"./dev knows no {found.group(1)}; it knows {', '.join(sorted(known))}")

    def paths(self):
        """Names in backticks that begin with a folder of this tree."""
        tops = {p.name for p in self.root.iterdir() if p.is_dir()} - {"build", ".git"}
        for page, line, found in self.matches(r"`(?:bash |python3 )?(\.?/?[\w.{},*-]+(?:/[\w.{},*-]*)+)"):
            name = found.group(1).removeprefix("./").rstrip(".,")
            if name.split("/")[0] not in tops:
                continue
            group = re.search(r"\{(.*?)\}", name)
            for each in group.group(1).split(",") if group else [""]:
                path = name.replace(group.group(0), each) if group else name
                if not any(self.root.glob(path.rstrip("/"))):
                    self.problem(page, line, f"there is no {path}")

    def keys_and_variables(self):
        defaults = self.run(self.server, "config", "default").stdout
        known = set()
        table = ""
        for line in defaults.splitlines():
            if found := re.match(r"\[(\w+)\]", line):
                table = found.group(1) + "."
            elif found := re.match(r"(?:# ?)?(\w+) *=", line):
                known.add(table + found.group(1))
        tables = {key.split(".")[0] for key in known if "." in key}
        for page, line, found in self.matches(r"`(\w+)\.(\w+)(?: = [^`]*)?`"):
            if found.group(1) in tables and ".".join(found.groups()) not in known:
                self.problem(page, line, f"there is no key {'.'.join(found.groups())}")
        for page, line, found in self.matches(r"`(CHRONIK_[A-Z_]+)=([^\s`]+)"):
            name, value = found.groups()
            if name in (self.root / "dev").read_text():
                continue
            with tempfile.NamedTemporaryFile(suffix=".toml") as empty:
                done = self.run(self.server, "config", "print", "--config", empty.name, env={**os.environ, name: value})
            if done.returncode != 0 or "warning" in done.stdout:
                self.problem(page, line, f"{name}={value}: {done.stdout.strip()}")

    # ---- toml ----
    def toml(self):
        count = 0
        with tempfile.TemporaryDirectory(prefix="chronik-docs-") as folder:
            file = pathlib.Path(folder) / "node.toml"
            for page, text in self.pages.items():
                for line, block in fenced(text, "toml"):
                    count += 1
                    # The reader's own plugin: any that is no shipped one.
                    file.write_text(re.sub(r'"\./[\w-]+\.so"', f'"{self.example_plugin}"', block))
                    done = self.run(self.server, "check", "--config", file)
                    if done.returncode != 0:
                        self.problem(page, line, done.stdout)
        if count < 2:
            self.problem("docs", 1, f"only {count} configurations found")

    # ---- steps ----
    def steps(self):
        for pages in WALKS:
            with tempfile.TemporaryDirectory(prefix="chronik-docs-") as folder:
                Walk(self, pages, pathlib.Path(folder)).walk()


class Walk:
    """Does what a reader does, in a folder of its own and on free ports."""

    def __init__(self, pages, names, folder):
        self.pages = pages
        self.names = names
        self.folder = folder
        self.ports = {}
        self.nodes = []
        self.sent = {}
        self.ran = self.compared = 0

    def own(self, text):
        for port in set(re.findall(r"127\.0\.0\.1:(\d+)", text)):
            text = text.replace(f":{port}", f":{self.ports.setdefault(port, free_port())}")
        return text.replace("/var/lib/chronik", f"{self.folder}/data")

    def write_files(self):
        """Each configuration of the first page, under the name that stands before it."""
        text = self.pages.pages[self.names[0]]
        for line, block in fenced(text, "toml"):
            before = "\n".join(text.splitlines()[:line])
            (self.folder / re.findall(r"`(node\d*\.toml)`", before)[-1]).write_text(self.own(block))

    def walk(self):
        (self.folder / "build").symlink_to(self.pages.server.parent.parent)
        (self.folder / "data").mkdir()
        self.write_files()
        try:
            for page in self.names:
                for start, block in fenced(self.pages.pages[page], "sh"):
                    for number, line in enumerate(block.splitlines(), start):
                        self.step(page, number, self.own(line.split("   #")[0].strip()))
            for node in self.nodes:
                node.send_signal(signal.SIGTERM)
            for node in self.nodes:
                if node.wait(30) != 0:
                    self.pages.problem(self.names[0], 1, f"a node ended with {node.returncode}")
        finally:
            for node in self.nodes:
                node.kill()
                node.wait()
        print(f"{', '.join(self.names)}: {self.ran} commands ran, {self.compared} read back what was sent")
        if self.compared < len(self.names):
            self.pages.problem(self.names[0], 1, "the pages show no round trip")

    def step(self, page, line, command):
        program = command.split(" ")[0]
        if not command or program == "./dev":  # ./dev run is this very node; its name is checked elsewhere
            return
        if program in OPTIONAL and shutil.which(program) is None:
            print(f"{page}:{line}: not run, {program} is not installed")
            return
        if " start " in command and program.endswith("chronik-server"):
            return self.start(page, line, command)
        self.await_http(page, line, "9644", (200,))  # that of the first node
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.ran += 1
        if done.returncode != 0:
            self.pages.problem(page, line, f"{command}: exit code {done.returncode}: {done.stderr.decode()}")
        topic = re.search(r" -t (\w+)", command)
        if topic and " kcat -P " in command:
            given = subprocess.run(["bash", "-c", command.split("| kcat")[0]], stdout=subprocess.PIPE, check=True).stdout
            self.sent[topic.group(1)] = self.sent.get(topic.group(1), b"") + given
        if topic and command.startswith("kcat -C "):
            self.compared += 1
            if done.stdout != self.sent.get(topic.group(1)):
                self.pages.problem(page, line, f"{command}: read {done.stdout[:200]!r}, another thing than was sent")

    def start(self, page, line, command):
        with open(self.folder / f"log{len(self.nodes)}", "wb") as log:
            self.nodes.append(subprocess.Popen(command.split(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        file = (self.folder / command.split()[-1]).read_text()
        mine = re.search(r'\[http\]\nlisten = "127\.0\.0\.1:(\d+)"', file).group(1)
        shown = next(port for port, own in self.ports.items() if str(own) == mine)
        self.await_http(page, line, shown, (200, 503))

    def await_http(self, page, line, port, codes):
        """Until the node whose page shows this port answers /readyz with one of these."""
        deadline = time.monotonic() + 30
        while self.nodes:
            try:
                code = urllib.request.urlopen(f"http://127.0.0.1:{self.ports[port]}/readyz", timeout=5).status
            except urllib.error.HTTPError as answer:
                code = answer.code
            except OSError:
                code = 0
            if code in codes:
                return
            if any(node.poll() is not None for node in self.nodes) or time.monotonic() > deadline:
                logs = "\n".join(path.read_text() for path in sorted(self.folder.glob("log*")))
                raise SystemExit(f"{page}:{line}: no node:\n{logs}") from None
            time.sleep(0.02)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True)
    parser.add_argument("--server", required=True)
    parser.add_argument("--example-plugin", required=True, help="a retry policy that is not shipped")
    parser.add_argument("what", nargs="*", help="words, toml, steps; all by default")
    arguments = parser.parse_args()
    pages = Pages(arguments)
    for what in arguments.what or ["words", "toml", "steps"]:
        getattr(pages, what)()
    print("\n".join(pages.problems) or "nothing to say")
    return 1 if pages.problems else 0


if __name__ == "__main__":
    sys.exit(main())
