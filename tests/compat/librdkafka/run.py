#!/usr/bin/env python3
"""What librdkafka's authors wrote to test Kafka, run on three nodes of ours and, beside them, on three of Apache Kafka.

One process a test, in full (not the quick mode), with the group protocols classic and consumer. failures.txt lists what
fails on us and passes on Kafka, and what it waits for; the run fails where anything else does, and where a test of
the list passes: the list only shrinks.

    ./dev compat librdkafka                          all tests, both protocols, on us and on Kafka
    ./dev compat librdkafka --sides chronik          on us alone
    ./dev compat librdkafka --tests 0018,0113        those whose names contain one of these
    ./dev compat librdkafka --bounded                what CI runs: the tests of classic groups, on us alone, ten minutes
"""
import argparse
import collections
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "harness"), str(HERE.parent.parent / "bench")]
import kafka_peer  # noqa: E402
import suite  # noqa: E402
from cluster import Cluster  # noqa: E402
from node import exit_on_sigterm  # noqa: E402

STATES = ("passed", "failed", "skipped", "hollow")
PROTOCOLS = ("classic", "consumer")
# Tests of groups, the shortest first: ten minutes are enough for them.
GROUP_TESTS = """0019 0099 0140 0030 0029 0112 0137 0153 0089 0106 0116 0132 0018 0120 0122 0130 0118 0050 0051 0069 0061
0033 0045 0102 0113 0056 0091""".split()


def listed_failures(protocol):
    """{test: what it waits for}"""
    out = {}
    for line in (HERE / "failures.txt").read_text().splitlines():
        words = line.split("#")[0].split(maxsplit=2)
        if len(words) == 3 and words[1] in (protocol, "both"):
            out[words[0]] = words[2]
    return out


class Side:
    """A cluster of three nodes and what became of the tests on it, by (protocol, test)."""

    def __init__(self, name, cluster):
        self.name = name
        self.cluster = cluster
        self.results = {}


class Run:
    def __init__(self, arguments):
        self.arguments = arguments
        self.cache = pathlib.Path(arguments.cache).expanduser()
        self.deadline = time.monotonic() + arguments.minutes * 60
        self.problems = []

    def wanted(self):
        names = suite.names(self.tests)
        parts = self.arguments.tests.split(",") if self.arguments.tests else []
        if self.arguments.bounded:
            return [name for part in GROUP_TESTS for name in names if name.startswith(part)]
        return [name for name in names if not parts or any(part in name for part in parts)]

    def sides(self, folder):
        """Topics that the tests make on the way shall have four partitions, as their authors' brokers give them."""
        chosen = ["chronik"] if self.arguments.bounded else self.arguments.sides.split(",")
        for name in chosen:
            if name == "chronik":
                yield Side(name, Cluster(self.arguments.server, folder / name, tables={"kafka": "default_partitions = 4\n"}))
            else:
                yield Side(name, kafka_peer.KafkaCluster(self.jars, folder / name, "num.partitions=4\n"))

    def run_tests(self, side, protocol, folder):
        runner = suite.Runner(self.tests, side.cluster.bootstrap, protocol, folder, self.kafka_path)
        for name in self.wanted():
            left = self.deadline - time.monotonic()
            if left <= 0:
                self.problems.append(f"{side.name}, {protocol}: time was over before {name}")
                return
            result = runner.run(name, min(left, self.arguments.timeout))
            side.results[protocol, name] = result
            print(f"{side.name:8} {protocol:8} {name:40} {result.state:8} {result.seconds:6.1f} s", flush=True)
            if result.state == "failed" and self.arguments.verbose:
                print("\n".join(result.log.read_text(errors="replace").splitlines()[-25:]), flush=True)

    def compare(self, sides):
        ours = next((s for s in sides if s.name == "chronik"), None)
        kafka = next((s for s in sides if s.name == "kafka"), None)
        for (protocol, name), result in (ours.results if ours else {}).items():
            listed = listed_failures(protocol).get(name)
            theirs = kafka.results.get((protocol, name)) if kafka else None
            if result.state == "failed" and listed is None and (theirs is None or theirs.state != "failed"):
                self.problems.append(f"{protocol} {name} failed: {last_words(result.log)}")
            if result.state in ("passed", "hollow") and listed is not None:
                self.problems.append(f"{protocol} {name} passes: take it off failures.txt ({listed})")

    def report(self, sides):
        print()
        for side in sides:
            for protocol in PROTOCOLS:
                count = collections.Counter(r.state for (p, _), r in side.results.items() if p == protocol)
                if count:
                    print(f"{side.name:8} {protocol:8} " + ", ".join(f"{count[s]} {s}" for s in STATES))
        if len(sides) == 2:
            for key, result in sides[0].results.items():
                other = sides[1].results.get(key)
                if other is not None and other.state != result.state:
                    print(f"  {key[0]:8} {key[1]:40} {sides[0].name} {result.state}, {sides[1].name} {other.state}")
        for problem in self.problems:
            print(f"FAIL {problem}")

    def main(self):
        self.tests = suite.install(self.cache)
        if not self.arguments.bounded:
            self.jars = kafka_peer.install(self.cache)
        done = []
        with tempfile.TemporaryDirectory(prefix="chronik-librdkafka-") as folder:
            folder = pathlib.Path(folder)
            self.kafka_path = folder / "kafka"
            write_tools(self.kafka_path, None if self.arguments.bounded else self.jars)
            for side in self.sides(folder):
                with side.cluster:
                    side.cluster.start()
                    for protocol in ["classic"] if self.arguments.bounded else self.arguments.protocols.split(","):
                        self.run_tests(side, protocol, folder / f"{side.name}-{protocol}")
                done.append(side)
                self.keep_logs(side)
            self.compare(done)
            self.report(done)
        total = sum(len(side.results) for side in done if side.name == "chronik")
        print(f"{total - len(self.problems)} passed, {len(self.problems)} failed")
        return 1 if self.problems else 0

    def keep_logs(self, side):
        if self.arguments.logs is None:
            return
        target = pathlib.Path(self.arguments.logs)
        target.mkdir(parents=True, exist_ok=True)
        for (protocol, name), result in side.results.items():
            if result.state == "failed":
                (target / f"{side.name}-{protocol}-{name}.log").write_bytes(result.log.read_bytes())


def last_words(log):
    """The line with which a test says why it failed."""
    lines = log.read_text(errors="replace").splitlines()
    return next((line.strip()[:200] for line in lines if "FAIL" in line or "assert" in line.lower()), "no word of it")


def write_tools(kafka_path, jars):
    """bin/kafka-topics.sh and kafka-acls.sh, which a few tests call."""
    (kafka_path / "bin").mkdir(parents=True)
    mains = {"kafka-topics.sh": "org.apache.kafka.tools.TopicCommand", "kafka-acls.sh": "kafka.admin.AclCommand"}
    for name, main in mains.items():
        script = kafka_path / "bin" / name
        script.write_text("#!/bin/sh\necho 'no Kafka tools in this run' >&2\nexit 1\n" if jars is None else
                          f"#!/bin/sh\nexec java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '{jars}/*' {main} \"$@\"\n")
        script.chmod(0o755)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the chronik-server to test")
    parser.add_argument("--cache", default="~/.cache/chronik-compat", help="where the tests and Kafka are installed")
    parser.add_argument("--sides", default="chronik,kafka")
    parser.add_argument("--protocols", default=",".join(PROTOCOLS))
    parser.add_argument("--tests", default="", help="parts of names")
    parser.add_argument("--bounded", action="store_true", help="what CI runs")
    parser.add_argument("--timeout", type=float, default=300, help="seconds a test may take")
    parser.add_argument("--minutes", type=float, default=None)
    parser.add_argument("--logs", help="keep the logs of failed tests in this folder")
    parser.add_argument("--verbose", action="store_true", help="print the end of the log of a failed test")
    arguments = parser.parse_args()
    if arguments.minutes is None:
        arguments.minutes = 10 if arguments.bounded else 600
    exit_on_sigterm()
    sys.exit(Run(arguments).main())
