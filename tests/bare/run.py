#!/usr/bin/env python3
"""The README's two commands on a bare Debian 12: a fresh minbase root, into which nothing but this tree is put.

`./dev run` until a record went in and came out, then ended by its process id; then `./dev test`. Needs root, for debootstrap and chroot.
The root uses the mirror and the settings of this machine's apt, and its compiler cache; it has process ids and mounts of its own, so
that nothing is left of it, however this script ends.
"""
import argparse
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests/compat"))
from schema_check import MAVEN_JAR  # noqa: E402  (found through the line above)
RELEASE = "bookworm"
INSIDE = "/chronik"  # where the tree is in the root
HOME, CACHE = "/builder", "/builder/ccache"  # its user's folder, and the compiler cache
DEFINITIONS = "/kafka-clients.jar"
PATIENCE = 20 * 60   # seconds until `./dev run` must be ready: it installs and builds first


def say(text):
    print(f"bare: {text}", flush=True)


def call(*words, **options):
    return subprocess.run(words, check=True, text=True, **options)


def debian_mirrors():
    """Suite -> address, of the Debian sources of this machine's apt."""
    listed = call("apt-get", "indextargets", "--format", "$(CODENAME) $(SUITE) $(REPO_URI)", "Created-By: Packages", "Origin: Debian",
                  capture_output=True).stdout.split("\n")
    mirrors = {}
    for line in filter(None, listed):
        codename, _, address = line.split()
        mirrors.setdefault(codename, address.rstrip("/"))
    if RELEASE not in mirrors:
        raise SystemExit(f"bare: this machine's apt knows no mirror of Debian {RELEASE}; run apt-get update, or add one")
    return {suite: address for suite, address in mirrors.items() if suite.startswith(RELEASE)}


class Root:
    """A minbase root in a temporary folder."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "root"

    def make(self, cache):
        mirrors = debian_mirrors()
        say(f"debootstrap --variant=minbase {RELEASE}")
        call("debootstrap", "--variant=minbase", RELEASE, str(self.path), mirrors[RELEASE], stdout=subprocess.DEVNULL)
        etc = self.path / "etc"
        (etc / "apt/sources.list").write_text("".join(f"deb {address} {suite} main\n" for suite, address in mirrors.items()))
        settings = call("apt-config", "dump", "Acquire", capture_output=True).stdout
        (etc / "apt/apt.conf.d/99host").write_text(settings)
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", etc / name)
        call("git", "clone", "--quiet", "--no-hardlinks", str(TREE), str(self.path) + INSIDE)
        pathlib.Path(str(self.path) + CACHE).mkdir(parents=True)
        self.cache = cache
        self.environment = {"HOME": HOME, "CCACHE_DIR": CACHE, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        if "CI" not in os.environ:
            return
        # CI compiles with other flags, and only with the same ones is there something in the cache; it also skips no test, so what
        # one of them compares with comes along.
        self.environment["CI"] = os.environ["CI"]
        if MAVEN_JAR.exists():
            shutil.copy(MAVEN_JAR, str(self.path) + DEFINITIONS)
            self.environment["KAFKA_MESSAGE_DEFINITIONS"] = DEFINITIONS

    def start(self, command, **options):
        """bash -c COMMAND in the root; ends with this script, and all that it started with it."""
        script = 'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; '
        if self.cache:
            script += f'mount --bind "{self.cache}" "$0{CACHE}"; '
        environment = " ".join(shlex.quote(f"{name}={value}") for name, value in self.environment.items())
        script += f'exec chroot "$0" /usr/bin/env -i {environment} bash -c "$1"'
        return subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-ec", script, str(self.path),
                                 f"cd {INSIDE}; {command}"], text=True, start_new_session=True, **options)


class Lines:
    """What a process says, shown and searched as it comes."""

    def __init__(self, process):
        self.seen, self.ended, self.changed = [], False, threading.Condition()
        threading.Thread(target=self.read, args=(process.stdout,), daemon=True).start()

    def read(self, stream):
        for line in stream:
            print("  | " + line.rstrip(), flush=True)
            with self.changed:
                self.seen.append(line)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, pattern, seconds):
        def found():
            return any(re.search(pattern, line) for line in self.seen)
        with self.changed:
            self.changed.wait_for(lambda: found() or self.ended, seconds)
            return found()


def expect(condition, text):
    say(("ok: " if condition else "FAIL: ") + text)
    if not condition:
        raise SystemExit(1)


def end(process):
    """Ends it and, as they share its namespace of process ids, all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run_until_a_record_came_out(root):
    say("./dev run")
    begin = time.monotonic()
    node = root.start("echo $$ > /run/dev.pid; exec ./dev run", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        lines = Lines(node)
        expect(lines.wait_for(r"ready in", PATIENCE), "./dev run says that it is ready")
        say(f"ready after {time.monotonic() - begin:.0f} s")
        kcat = root.start("echo hello | kcat -P -b 127.0.0.1:9092 -t greetings && "
                          "kcat -C -b 127.0.0.1:9092 -t greetings -e -q -m 20", stdout=subprocess.PIPE)
        expect(kcat.communicate(timeout=60)[0].split() == ["hello"], "a record went in and came out, as the README shows")
        # Its first process, by the id that it has in its own namespace: the node, as ./dev has become it.
        inner = call("pgrep", "-P", str(node.pid), capture_output=True).stdout.split()
        os.kill(int(inner[0]), signal.SIGTERM)
        expect(node.wait(60) == 0, "the node ended by SIGTERM with exit status 0")
    finally:
        end(node)


def run_tests(root):
    say("./dev test")
    begin = time.monotonic()
    test = root.start("./dev test")
    try:
        status = test.wait()
    finally:
        end(test)
    say(f"./dev test took {time.monotonic() - begin:.0f} s")
    expect(status == 0, "./dev test passes")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ccache", default="", help="share this compiler cache; without, the root compiles all by itself")
    parser.add_argument("--keep", action="store_true", help="keep the root's folder")
    parser.add_argument("--only", choices=["run", "test"], help="one of the two commands")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="chronik-bare-")
    try:
        root = Root(folder)
        root.make(arguments.ccache)
        if arguments.only != "test":
            run_until_a_record_came_out(root)
        if arguments.only != "run":
            run_tests(root)
    finally:
        if arguments.keep:
            say(f"kept {folder}")
        else:  # nothing is mounted in it here: the mounts were in namespaces that are gone
            shutil.rmtree(folder, ignore_errors=True)
    say("both commands work on a bare Debian 12")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
