#!/usr/bin/env python3
"""The same requests to chronik and to Apache Kafka: every API in every version, each field at its edges, and then some.

Fails on each difference between the answers that docs/differences.md does not name, and on each line there by which nothing differs.
"""
import argparse
import collections
import pathlib
import re
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/harness"), str(ROOT / "tests/bench")]
import kafka_peer  # noqa: E402
from node import Node, exit_on_sigterm  # noqa: E402

import answers  # noqa: E402
import bases  # noqa: E402
import changes  # noqa: E402
import edges  # noqa: E402
import families  # noqa: E402
import fixture  # noqa: E402
import group_cases  # noqa: E402
import group_states  # noqa: E402
from codec import schema  # noqa: E402
from page import Difference, Page  # noqa: E402
from sides import APIS, Side  # noqa: E402

LEAST = 4470
WAITS = 0.05  # seconds, from when on a request may be waiting for others
PATIENCE = 3  # seconds for an answer that Kafka never gives
LAST = ("Produce",)  # what changes what others read


def edge_cases(api, versions):
    options = {"log": ("sink", 0), "probe": True} if api.name == "Produce" else {}
    for version in versions:
        for name, body, since, *only in bases.BASES[api.name]:
            def allowed(path, label, base=name, only="".join(only)):
                return path.startswith(only) and bases.harmless(api.name, version, base, path, label)
            if version >= since:
                yield from edges.cases(api, version, name, body, allowed, **options)
        name, body, *_ = bases.BASES[api.name][0]
        yield from families.around(api, version, name, body, api.name == "Produce")


def all_cases(offered):
    apis = [api for api in APIS.values() if api.name in offered and api.name not in group_cases.ORDER]
    for api in sorted(apis, key=lambda api: (api.name in LAST, api.key)):
        if api.name in LAST:
            continue
        yield from edge_cases(api, offered[api.name])
    for family in (families.frames, families.configs, families.descriptions, families.features, families.reads, families.wholes):
        yield from family(offered)
    for api in apis:
        if api.name in LAST:
            yield from edge_cases(api, offered[api.name])
    for family in (families.records, families.acknowledgements, changes.deletions, changes.topics, changes.configs,
                   changes.group_configs, changes.made_on_the_way):
        yield from family(offered)
    yield from group_cases.cases(offered)


def errors(answer):
    """All error codes of an answer, wherever they stand; what stands in for it where there is none."""
    if isinstance(answer, str):
        return [answer]
    rows = [answer] if isinstance(answer, dict) else answer
    return [code for row in rows if isinstance(row, dict) for name, value in row.items()
            for code in ([value] if name == "error_code" else errors(value) if isinstance(value, (dict, list)) else [])]


def produce_errors(answer):
    if not isinstance(answer, dict):
        return answer
    return [row["error_code"] for topic in answer["responses"] for row in topic["partition_responses"]]


class Run:
    def __init__(self, arguments):
        self.arguments = arguments
        self.page = Page(ROOT / "docs/differences.md")
        self.requests = self.fields = self.explained = 0
        self.parted = False  # the latest Produce was taken by one side only: what is seen behind it differs, too
        self.unexplained = []
        self.warmed = False  # coordinators answer on both sides
        self.offered = {}  # the versions of each API, by its name

    def prepare(self, folder):
        jars = kafka_peer.install(pathlib.Path(self.arguments.cache).expanduser())
        self.nodes = [Node(self.arguments.server, folder / "chronik", tables={"kafka": group_states.OURS}),
                      kafka_peer.Kafka(jars, folder / "kafka", group_states.KAFKAS, node_id=1)]

    def start(self):
        self.nodes[1].format()
        for node in self.nodes:
            node.launch()
        self.sides = [Side(name, node.await_ready()) for name, node in zip(("chronik", "kafka"), self.nodes)]
        answer = self.sides[0].ask("ApiVersions", 3, {"client_software_name": "compare", "client_software_version": "1"})
        for row in answer["api_keys"]:  # Produce 0 to 2 are told for the sake of a client, and are not there
            api = APIS[row["api_key"]]
            self.offered[api.name] = list(schema.Versions(row["min_version"], row["max_version"]).clip(api.message("request").versions))
        for side in self.sides:
            fixture.make(side, changes.extra_topics(self.offered))

    def wanted(self):
        """All cases, or those of some APIs with what is seen after them."""
        ran = False
        for case in all_cases(self.offered):
            ran = ran if case.follows else not self.arguments.only or case.api.name in self.arguments.only
            if ran and not (case.follows and self.parted):
                yield case

    # ---- one request ----
    def exchange(self, case):
        sent = [side.send(case) for side in self.sides]
        if case.wake and not all(side.has_answer(WAITS) for side in self.sides):
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and not all(side.has_answer(0) for side in self.sides):
                for side in self.sides:
                    case.wake(side)
        return [side.receive(case, ids) for side, ids in zip(self.sides, sent)]

    def repeated(self, case):
        """Until the answer of each side is what is waited for; a side that never gives it has its last answer compared."""
        deadline = time.monotonic() + 10
        while True:
            got = self.exchange(case)
            if all(isinstance(answer, dict) and case.until(answer) for answer in got) or time.monotonic() > deadline:
                return got
            time.sleep(0.01)

    def take(self, state):
        if not self.warmed:
            for side in self.sides:
                group_states.warm(side)
            self.warmed = True
        state.take(self.sides)

    def run_with_group(self, case):
        """A request to a group in a state, and what is then seen of it."""
        self.take(case.state)
        got = self.exchange(case)
        self.judge(case, got)
        agree = len({str(errors(answer)) for answer in got}) == 1
        gives_ids = any(79 in errors(answer) for answer in got)  # which nobody sees
        shown = [self.exchange(look) for look in case.state.seen(case)]
        if agree and not case.short_lived:
            for look, seen in zip(case.state.seen(case), shown):
                self.judge(look, seen)
        is_as_before = all([seen[i] for seen in shown] == side.memory["shown"] for i, side in enumerate(self.sides))
        if gives_ids or case.short_lived or not is_as_before:
            case.state.leave()

    def run(self, case):
        if case.state:
            return self.run_with_group(case)
        produces = case.log is not None and case.api.name == "Produce"
        for side in self.sides if produces else []:
            side.starts[case.log] = side.ends.get(case.log, 0)
        got = self.repeated(case) if case.until else self.exchange(case)
        for side, answer in zip(self.sides, got):
            if case.remember and isinstance(answer, dict):
                side.memory[case.remember[0]] = case.remember[1](answer)
        if produces:
            self.measure(case, got)
        self.judge(case, got)

    def measure(self, case, got):
        """What a Produce has appended, beside its answers."""
        for side in self.sides:
            side.ends[case.log] = self.log_end(side, case)
        self.parted = len({str(produce_errors(answer)) for answer in got}) > 1
        for index, side in enumerate([] if self.parted else self.sides):
            if isinstance(got[index], dict):
                got[index] = {**got[index], "appended": side.ends[case.log] - side.starts[case.log]}

    def log_end(self, side, case):
        deadline = time.monotonic() + 10
        while True:
            end = side.log_end(*case.log)
            if not case.grows or end > side.starts[case.log] or time.monotonic() > deadline:
                return end

    def judge(self, case, got):
        if self.arguments.show and re.search(self.arguments.show, str(case)):
            print(case, *got, sep="\n    ", flush=True)
        comparison = answers.compare(case, self.sides, got)
        self.requests += 1
        self.fields += comparison.fields
        for path, ours, theirs in comparison.differences:
            difference = Difference(case.api.name, case.version, case.label, path, ours, theirs)
            if self.page.explains(difference):
                self.explained += 1
            else:
                self.unexplained.append(difference)

    def run_patiently(self, cases):
        """Those that may never be answered, all at once."""
        asked = []
        for case in cases:
            if case.state:
                self.take(case.state)
                case.state.leave()
            for side in self.sides:
                side.close()
            sent = [side.send(case) for side in self.sides]
            asked.append((case, sent, [side.connection for side in self.sides]))
            for side in self.sides:
                side.connection = None
        deadline = time.monotonic() + PATIENCE
        for case, sent, connections in asked:
            got = []
            for side, ids, connection in zip(self.sides, sent, connections):
                side.connection = connection
                got.append(side.receive(case, ids, max(0.01, deadline - time.monotonic()) if side is self.sides[1] else 10))
                side.close()
            self.judge(case, got)

    # ---- the report ----
    def versions(self, found):
        parts = []
        for version in sorted(set(found)):
            if parts and parts[-1][1] == version - 1:
                parts[-1][1] = version
            else:
                parts.append([version, version])
        return ",".join(f"{low}-{high}" if low != high else str(low) for low, high in parts)

    def report(self):
        groups = collections.defaultdict(list)
        for each in self.unexplained:
            groups[each.api, each.path, each.ours, each.theirs].append(each)
        for (api, path, ours, theirs), rows in sorted(groups.items()):
            cases = list(dict.fromkeys(row.case for row in rows))
            shown = cases if self.arguments.verbose else cases[:4]
            print(f"not on the page: {api} {self.versions(row.version for row in rows)} {path}: chronik {ours}, Kafka {theirs} "
                  f"({len(rows)} of {', '.join(shown)}{', ...' if len(shown) < len(cases) else ''})")
        unused = [] if self.arguments.only else self.page.unused()
        for line in unused:
            print(line)
        if self.requests < LEAST and not self.arguments.only:
            unused.append("too few")
            print(f"{self.requests} requests are fewer than {LEAST}")
        print(f"compared the answers to {self.requests} requests, {self.fields} fields: {self.explained} differences that the page "
              f"names, {len(self.unexplained)} others in {len(groups)} groups; {len(unused)} lines of the page to mend")
        return 1 if self.unexplained or unused else 0

    def main(self):
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="chronik-compare-") as folder:
            self.prepare(pathlib.Path(folder))
            with self.nodes[0], self.nodes[1]:
                self.start()
                print(f"both are ready after {time.monotonic() - started:.0f} s", flush=True)
                patient = []
                for case in self.wanted():
                    if case.patient:
                        patient.append(case)
                    else:
                        self.run(case)
                self.run_patiently(patient)
                result = self.report()
                if self.nodes[0].stop() != 0:
                    print(f"chronik did not stop cleanly:\n{self.nodes[0].log_tail()}")
                    result = 1
                print(f"in {time.monotonic() - started:.0f} s", flush=True)
        return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="the chronik-server to compare")
    parser.add_argument("--cache", default="~/.cache/chronik-compat", help="where Kafka is installed")
    parser.add_argument("--verbose", action="store_true", help="all cases of each difference")
    parser.add_argument("--show", help="a regular expression: prints the answers to the requests that it finds, as API vVERSION CASE")
    parser.add_argument("only", nargs="*", help="names of APIs; all by default")
    exit_on_sigterm()
    sys.exit(Run(parser.parse_args()).main())
