#!/usr/bin/env python3
"""What librdkafka's authors wrote to test Kafka, run on three nodes of ours and, beside them, on three of Apache Kafka.

One process for the tests of a number, or for a part of a test, in full (not the quick mode), with the group protocols
classic and consumer, each on nodes of its own. What fails beside others runs once more alone, and that counts. failures.txt lists what fails on us and
passes on Kafka, and what it waits for; the run fails where anything else does, and where a test of the list passes: the
list only shrinks.

    ./dev compat librdkafka                          all tests, both protocols, on us and on Kafka
    ./dev compat librdkafka --sides chronik          on us alone
    ./dev compat librdkafka --tests 0018,0113        those whose names contain one of these
    ./dev compat librdkafka --bounded                what CI runs: tests of classic groups, on us alone, for ten minutes
                                                     (those that measure time left out)
"""
import argparse
import collections
import concurrent.futures
import pathlib
import re
import shlex
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent / "harness"), str(HERE.parent.parent / "bench")]
import clients  # noqa: E402
import kafka_peer  # noqa: E402
import suite  # noqa: E402
from cluster import Cluster  # noqa: E402
from node import exit_on_sigterm  # noqa: E402

STATES = ("passed", "failed", "skipped", "hollow")
PROTOCOLS = ("classic", "consumer")
# Tests of groups: they run first.
GROUP_TESTS = """0113 0056 0091 0045 0033 0118 0102 0018 0050 0122 0130 0132 0089 0137 0061 0069 0051 0019 0029 0030 0099
0112 0140""".split()
# Of them, what CI leaves out, since a slow machine makes them fail; as it leaves out what is listed and waits.
NOT_BOUNDED = {
    "0019": "says how long list_groups() waits for a broker that is not there",
    "0091": "allows no rebalance while members sleep almost as long as max.poll.interval.ms",
    "0102": "says how long a static member may take to come back, and to go",
    "0113": "gives members 20 s to settle",
}


def listed_failures(protocol):
    """{test: what it waits for}"""
    out = {}
    for line in (HERE / "failures.txt").read_text().splitlines():
        words = line.split("#")[0].split(maxsplit=2)
        if len(words) == 3 and words[1] in (protocol, "both"):
            out[words[0]] = words[2]
    return out


class Side:
    """Three nodes, and what became of the tests on them, by (protocol, test)."""

    def __init__(self, name, make_cluster):
        self.name = name
        self.make_cluster = make_cluster
        self.results = {}


class Run:
    def __init__(self, arguments):
        self.arguments = arguments
        self.cache = pathlib.Path(arguments.cache).expanduser()
        self.deadline = time.monotonic() + arguments.minutes * 60
        self.problems = []
        self.left_out = []

    def wanted(self):
        """The pieces and their names, groups first."""
        parts = self.arguments.tests.split(",") if self.arguments.tests else []
        names = [name for name in suite.names(self.tests) if not parts or any(part in name for part in parts)]
        pieces = suite.pieces(names).items()
        groups = [each for number in GROUP_TESTS for each in pieces if each[0][0] == number]
        if self.arguments.bounded:
            listed = listed_failures("classic")
            return [(piece, names) for piece, names in groups
                    if piece[0] not in NOT_BOUNDED and not any(suite.label(name, piece[1]) in listed for name in names)]
        return groups + [each for each in pieces if each[0][0] not in GROUP_TESTS]

    def sides(self, folder):
        """Topics that the tests make on the way shall have four partitions, as their authors' brokers give them."""
        def chronik(protocol):
            return Cluster(self.arguments.server, folder / f"chronik-{protocol}", tables={"kafka": "default_partitions = 4\n"})

        def kafka(protocol):
            return kafka_peer.KafkaCluster(self.jars, folder / f"kafka-{protocol}", "num.partitions=4\n")

        makers = {"chronik": chronik, "kafka": kafka}
        return [Side(name, makers[name]) for name in (["chronik"] if self.arguments.bounded else self.arguments.sides.split(","))]

    def run_tests(self, side, protocol, cluster, folder):
        runner = suite.Runner(self.tests, cluster.bootstrap, protocol, folder, self.kafka_path)

        def run(piece, names):
            if time.monotonic() > self.deadline:
                self.left_out += [f"{side.name} {protocol} {name}" for name in names]
                return False
            results = runner.run(piece, names, self.arguments.timeout)
            for name, result in results.items():
                side.results[protocol, name] = result
                why = last_words(result.log) if result.state == "failed" else ""
                print(f"{side.name:8} {protocol:8} {name:44} {result.state:8} {result.seconds:6.1f} s  {why}", flush=True)
            return any(r.state == "failed" and name not in listed_failures(protocol) for name, r in results.items())

        wanted = self.wanted()
        pool = concurrent.futures.ThreadPoolExecutor(self.arguments.jobs)
        try:
            failed = list(pool.map(lambda each: run(*each), wanted))
        except BaseException:  # somebody ends this run, too
            runner.end()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
        again = [each for each, bad in zip(wanted, failed) if bad and self.arguments.jobs > 1]
        if again:
            print(f"-- once more, alone: {' '.join(suite.label(*piece) for piece, _ in again)}", flush=True)
        for piece, names in again:
            run(piece, names)

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
        if self.left_out:
            print(f"time was over before these: {', '.join(self.left_out)}")
        for problem in self.problems:
            print(f"FAIL {problem}")

    def main(self):
        self.tests = suite.install(self.cache)
        java = None if self.arguments.bounded else clients.Java()
        if java is not None:
            self.jars = kafka_peer.install(self.cache)
            java.install(self.cache)
        done = []
        with tempfile.TemporaryDirectory(prefix="chronik-librdkafka-") as folder:
            folder = pathlib.Path(folder)
            self.kafka_path = folder / "kafka"
            write_tools(self.kafka_path, java)
            for side in self.sides(folder):
                for protocol in ["classic"] if self.arguments.bounded else self.arguments.protocols.split(","):
                    with side.make_cluster(protocol) as cluster:
                        cluster.start()
                        if side.name == "chronik" and java is not None:
                            keep_old_records(java, cluster)
                        self.run_tests(side, protocol, cluster, folder / f"{side.name}-{protocol}-tests")
                done.append(side)
                self.keep_logs(side)
            self.compare(done)
            self.report(done)
        states = [result.state for side in done for result in side.results.values() if side.name == "chronik" or len(done) == 1]
        passed, skipped = sum(state in ("passed", "hollow") for state in states), states.count("skipped")
        print(f"{passed} passed, {len(self.problems)} failed, {skipped} skipped")
        return 1 if self.problems or not states else 0

    def keep_logs(self, side):
        if self.arguments.logs is None:
            return
        target = pathlib.Path(self.arguments.logs)
        target.mkdir(parents=True, exist_ok=True)
        for (protocol, name), result in side.results.items():
            if result.state == "failed":
                (target / f"{side.name}-{protocol}-{name.replace('/', '-')}.log").write_bytes(result.log.read_bytes())


def last_words(log):
    """What a test says of why it failed, behind the line that says where."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace")).splitlines()
    where = next((at for at, line in enumerate(lines) if line.startswith("### Test ")), None)
    if where is not None:
        return " ".join(lines[where + 1:where + 2]).strip()[:200]
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "no word of it")


def keep_old_records(java, cluster):
    """0052 and 0054 write records of 1970 and read them at once: Kafka looks for what is to go every five minutes, we do twice a second."""
    java.tool("kafka.admin.ConfigCommand", "--bootstrap-server", cluster.bootstrap, "--alter", "--entity-type", "brokers",
              "--entity-default", "--add-config", "log.retention.ms=-1")


def write_tools(kafka_path, java):
    """bin/kafka-topics.sh and kafka-acls.sh, which a few tests call, but for those of groups."""
    (kafka_path / "bin").mkdir(parents=True)
    for name, main in {"kafka-topics.sh": "TopicCommand", "kafka-acls.sh": "kafka.admin.AclCommand"}.items():
        script = kafka_path / "bin" / name
        script.write_text("#!/bin/sh\necho 'no Kafka tools in this run' >&2\nexit 1\n" if java is None else
                          f'#!/bin/sh\nexec {shlex.join(java.command(main))} "$@"\n')
        script.chmod(0o755)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the chronik-server to test")
    parser.add_argument("--cache", default="~/.cache/chronik-compat", help="where the tests and Kafka are installed")
    parser.add_argument("--sides", default="chronik,kafka")
    parser.add_argument("--protocols", default=",".join(PROTOCOLS))
    parser.add_argument("--tests", default="", help="parts of names")
    parser.add_argument("--bounded", action="store_true", help="what CI runs")
    parser.add_argument("--jobs", type=int, default=3, help="tests at a time")
    parser.add_argument("--timeout", type=float, default=900, help="seconds that the tests of a number may take")
    parser.add_argument("--minutes", type=float, default=None, help="after that no test begins")
    parser.add_argument("--logs", help="keep the logs of failed tests in this folder")
    parser.add_argument("--verbose", action="store_true", help="print the end of the log of a failed test")
    arguments = parser.parse_args()
    if arguments.minutes is None:
        arguments.minutes = 8 if arguments.bounded else 600
    exit_on_sigterm()
    sys.exit(Run(arguments).main())
