"""librdkafka's own tests: their sources, how they are built, and one run of one test.

The sources lie in the package @confluentinc/kafka-javascript of npm, below deps/librdkafka. It is unpacked without
its install script, and what is needed is built here.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tarfile
import time

PACKAGE = "@confluentinc/kafka-javascript@1.10.1"  # librdkafka 2.15.1
# Passed in less than this without having done anything.
HOLLOW_SECONDS = 0.1


def run(command, **options):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))[:300]}\nended with code {done.returncode}:\n"
                           f"{done.stdout.decode(errors='replace')[-3000:]}")


def unpack(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run(["npm", "pack", "--ignore-scripts", "--silent", PACKAGE], cwd=folder, timeout=600)
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        for member in archive:
            member.name = member.name.removeprefix("package/deps/librdkafka/")
            if member.isfile() and not member.name.startswith(("package/", "/")) and ".." not in member.name:
                archive.extract(member, folder / "librdkafka")


def install(cache):
    """The folder of librdkafka's tests, with the program test-runner."""
    folder = pathlib.Path(cache) / "librdkafka-tests"
    complete = folder / ".complete"
    tests = folder / "librdkafka/tests"
    if complete.exists() and complete.read_text() == PACKAGE:
        return tests
    unpack(folder)
    source = tests.parent
    # Without what asks for packages that no test of a plain listener needs.
    run(["bash", "./configure", "--disable-gssapi", "--disable-curl"], cwd=source, timeout=600)
    jobs = f"-j{os.cpu_count()}"
    run(["make", jobs, "libs"], cwd=source, timeout=1800)
    run(["make", jobs, "-C", "tests", "test-runner"], cwd=source, timeout=1800)
    complete.write_text(PACKAGE)
    return tests


def names(tests):
    """Every test of the default scenario that talks to a broker, in the runner's order: (name, flags)."""
    text = (tests / "test.c").read_text()
    rows = re.findall(r"^    _TEST\((\w+),\s*([^,)]+)([^;]*?)\),$", text, re.M)
    skipped = ("TEST_F_LOCAL", "TEST_F_MANUAL")
    return [name for name, flags, more in rows
            if name != "0000_unittests" and ".scenario" not in more and not any(s in flags for s in skipped)]


class Result:
    def __init__(self, state, seconds, log):
        self.state = state  # passed, failed, skipped, hollow
        self.seconds = seconds
        self.log = log


class Runner:
    """Runs tests against a cluster, each in a process of its own."""

    def __init__(self, tests, bootstrap, protocol, folder, kafka_path):
        self.tests = tests
        self.protocol = protocol
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.conf = self.folder / "test.conf"
        self.conf.write_text(f"bootstrap.servers={bootstrap}\ntest.topic.random=true\n")
        # A test is told by the environment where a broker is; CI would make it run shorter and wait longer.
        self.environment = {k: v for k, v in os.environ.items() if k != "CI"} | {
            "RDKAFKA_TEST_CONF": str(self.conf), "TEST_KAFKA_VERSION": "4.3.1", "TEST_LEVEL": "2",
            "TEST_CONSUMER_GROUP_PROTOCOL": protocol, "KAFKA_PATH": str(kafka_path), "BROKERS": bootstrap,
            "LD_LIBRARY_PATH": f"{tests.parent}/src:{tests.parent}/src-cpp"}

    def run(self, name, timeout):
        report, log = self.folder / f"{name}.json", self.folder / f"{name}.log"
        report.unlink(missing_ok=True)
        started = time.monotonic()
        with open(log, "wb") as out:
            process = subprocess.Popen(
                [self.tests / "test-runner", "-L", "-p1"], cwd=self.tests, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=self.environment | {"TESTS": name, "TEST_REPORT": str(report)}, start_new_session=True)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                out.write(f"\nnot done in {timeout} s\n".encode())
            finally:
                end(process)
        seconds = time.monotonic() - started
        return Result(self.state(name, report), seconds, log)

    def state(self, name, report):
        """By the runner's report, which names what else ran, too, where its name contains this one. None: it crashed."""
        if not report.exists():
            return "failed"
        tests = json.loads(report.read_text())["tests"]
        if name not in tests:
            return "skipped"
        state, seconds = tests[name]["state"], tests[name]["duration"]
        if state == "PASSED":
            return "hollow" if seconds < HOLLOW_SECONDS else "passed"
        return "skipped" if state == "SKIPPED" else "failed"


def end(process):
    """The test and what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
