"""librdkafka's own tests: their sources, how they are built, and one run of one test.

The sources lie in the package @confluentinc/kafka-javascript of npm, below deps/librdkafka. It is unpacked without
its install script, and what is needed is built here.
"""
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tarfile
import threading
import time

PACKAGE = "@confluentinc/kafka-javascript@1.10.1"  # librdkafka 2.15.1
# Passed in less than this without having done anything.
HOLLOW_SECONDS = 0.1
# Tests that are run in parts, since some of their subtests wait for what we do not have: what only these subtests' names contain.
PARTS = {
    "0011_produce_batch": ["wo_per_message", "test_single", "test_partitioner", "test_per_message", "record_fail"],
    "0061_consumer_lag": ["without", "with trans"],
    "0081_admin": [f"do_test_{part}" for part in """CreateTopics DeleteTopics CreatePartitions CreateAcls DescribeAcls DeleteAcls
                   AlterConfigs IncrementalAlterConfigs DescribeConfigs: DescribeConfigs_groups DeleteRecords ListConsumerGroups
                   DescribeConsumerGroups: DescribeTopics DescribeCluster DescribeConsumerGroups_with DeleteGroups
                   DeleteConsumerGroupOffsets AlterConsumerGroupOffsets ListConsumerGroupOffsets UserScramCredentials
                   ListOffsets ElectLeaders""".split()],
    "0137_barrier_batch_consume": ["seek", "different_batch", "same_batch", "store_offset", "control_msgs", "eof_position"],
}
# By how much tests wait longer than their authors' machines need.
PATIENCE = 3


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
    # Without what asks for packages that no test of a plain listener needs, and quickly: it is no benchmark.
    run(["bash", "./configure", "--disable-gssapi", "--disable-curl", "--disable-optimization", "--disable-debug-symbols"],
        cwd=source, timeout=600)
    jobs = f"-j{os.cpu_count()}"
    run(["make", jobs, "libs"], cwd=source, timeout=3600)
    run(["make", jobs, "-C", "tests", "test-runner"], cwd=source, timeout=3600)
    complete.write_text(PACKAGE)
    return tests


def names(tests):
    """Every test of the default scenario that talks to a broker, in the runner's order."""
    text = (tests / "test.c").read_text()
    rows = re.findall(r"^    _TEST\((\w+),\s*([^,)]+)([^;]*?)\),$", text, re.M)
    skipped = ("TEST_F_LOCAL", "TEST_F_MANUAL")
    return [name for name, flags, more in rows
            if name != "0000_unittests" and ".scenario" not in more and not any(s in flags for s in skipped)]


def pieces(names):
    """{(number, part): names}: what one process runs. The test-runner tells apart numbers of tests, and parts of their subtests."""
    out = collections.defaultdict(list)
    for name in names:
        number = name.partition("_")[0]
        for part in PARTS.get(name, [""]):
            out[number, part].append(name)
    return dict(out)


class Result:
    def __init__(self, state, seconds, log):
        self.state = state  # passed, failed, skipped, hollow
        self.seconds = seconds
        self.log = log


class Runner:
    """Runs tests against a cluster, each piece in a process of its own."""

    def __init__(self, tests, bootstrap, protocol, folder, kafka_path):
        self.tests = tests
        self.protocol = protocol
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.conf = self.folder / "test.conf"
        self.conf.write_text(f"bootstrap.servers={bootstrap}\ntest.topic.random=true\ntest.timeout.multiplier={PATIENCE}\n")
        # A test is told by the environment where a broker is; CI would make it run shorter.
        self.environment = {k: v for k, v in os.environ.items() if k != "CI"} | {
            "RDKAFKA_TEST_CONF": str(self.conf), "TEST_KAFKA_VERSION": "4.3.1", "TEST_LEVEL": "2",
            "TEST_CONSUMER_GROUP_PROTOCOL": protocol, "KAFKA_PATH": str(kafka_path), "BROKERS": bootstrap,
            "LD_LIBRARY_PATH": f"{tests.parent}/src:{tests.parent}/src-cpp"}
        self.lock = threading.Lock()
        self.running = set()
        self.ended = False

    def end(self):
        """Whatever runs, and nothing begins."""
        with self.lock:
            self.ended = True
            for process in self.running:
                kill(process)

    def begin(self, number, part, report, out):
        with self.lock:
            if self.ended:
                raise RuntimeError("the run was ended")
            process = subprocess.Popen(
                [self.tests / "test-runner", "-L", "-p1"], cwd=self.tests, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=self.environment | {"TESTS": number, "TEST_REPORT": str(report)} |
                ({"SUBTESTS": part} if part else {}), start_new_session=True)
            self.running.add(process)
            return process

    def run(self, piece, names, timeout):
        """{name, with its part: Result}"""
        number, part = piece
        file = label(number, part).replace("/", ".")
        report, log = self.folder / f"{file}.json", self.folder / f"{file}.log"
        report.unlink(missing_ok=True)
        started = time.monotonic()
        with open(log, "wb") as out:
            process = self.begin(number, part, report, out)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                out.write(f"\nFAIL: not done in {timeout} s\n".encode())
            finally:
                kill(process)
                process.wait()
                with self.lock:
                    self.running.discard(process)
        if not report.exists():  # it crashed, or was ended
            return {label(name, part): Result("failed", time.monotonic() - started, log) for name in names}
        reported = json.loads(report.read_text())["tests"]
        return {label(name, part): result(reported.get(name), log) for name in names}


def label(name, part):
    return f"{name}/{part.removeprefix('do_test_').strip(':').replace(' ', '_')}" if part else name


def result(reported, log):
    if reported is None:
        return Result("skipped", 0, log)
    state, seconds = reported["state"], reported["duration"]
    if state == "PASSED":
        return Result("hollow" if seconds < HOLLOW_SECONDS else "passed", seconds, log)
    return Result("skipped" if state == "SKIPPED" else "failed", seconds, log)


def kill(process):
    """The test and what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
