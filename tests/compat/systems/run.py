#!/usr/bin/env python3
"""What consoles, exporters and other systems ask of a broker when they start, and what they must find: table.txt, sent to a real node.

The table's lines, by how far they are indented:

    system NAME              begins the requests of one
      API VERSION {fields}   a request by our schemas, as JSON; what it leaves out has its default
        PATH = VALUE         what must be in the answer, as JSON: =, !=, >=, has (an element), without (a beginning)
      later KEY NAME         an API that it asks for and that is not offered yet; once it is, the table has to say more

A path names fields; [x] is the row whose name or number is x, [*] each row, of which there must be one."""
import argparse
import json
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "compare"), str(HERE.parent.parent / "harness")]
import fixture  # noqa: E402
from node import Node, exit_on_sigterm  # noqa: E402
from sides import BY_NAME, Side  # noqa: E402

NAMES = ("name", "topic", "topic_name", "resource_name", "partition_index", "api_key", "node_id", "broker_id", "key",
         "group_id")
TESTS = {"=": lambda found, wanted: found == wanted, "!=": lambda found, wanted: found != wanted,
         ">=": lambda found, wanted: found is not None and found >= wanted, "has": lambda found, wanted: wanted in (found or []),
         "without": lambda found, wanted: isinstance(found, str) and not found.startswith(wanted)}


class Steps:
    """The lines of the table, as what to do."""

    def __init__(self, path):
        self.systems = []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            depth, text = len(line) - len(line.lstrip()), line.strip()
            if not text or text.startswith("#"):
                continue
            try:
                self.add(depth, text)
            except (ValueError, IndexError, AttributeError, KeyError) as error:
                raise SystemExit(f"{path}:{number}: {error!r} in {text!r}") from None

    def add(self, depth, text):
        if depth == 0:
            self.systems.append((re.fullmatch(r"system (.+)", text).group(1), []))
        elif depth == 2 and text.startswith("later "):
            self.systems[-1][1].append(("later", int(text.split()[1]), text, []))
        elif depth == 2:
            api, version, body = (text.split(maxsplit=2) + ["{}"])[:3]
            self.systems[-1][1].append((BY_NAME[api], int(version), json.loads(body), []))
        else:
            path, test, value = re.fullmatch(r"(\S+) (=|!=|>=|has|without) (.+)", text).groups()
            self.systems[-1][1][-1][3].append((path, test, json.loads(value)))


def find(value, path):
    """All that the path names: (where, what)."""
    found = [("", value)]
    for part in path.split(".") if "[" not in path else re.findall(r"[^.\[\]]+|\[[^\]]*\]", path):
        after = []
        for where, value in found:
            if not part.startswith("["):
                after.append((f"{where}.{part}".lstrip("."), value.get(part) if isinstance(value, dict) else None))
                continue
            rows = [row for row in value or [] if part == "[*]" or part[1:-1] in (str(row.get(name)) for name in NAMES)]
            after += [(where + part, row) for row in rows] or [(where + part, None)]
        found = after
    return found


def failures(answer, wanted):
    for path, test, value in wanted:
        for where, found in find(answer, path):
            if not TESTS[test](found, value):
                yield f"{where} is {found!r}, wanted {test} {value!r}"


class Run:
    def __init__(self, side):
        self.side = side
        self.facts = self.requests = 0
        self.failed = []
        keys = side.ask("ApiVersions", 3, {"client_software_name": "table", "client_software_version": "1"})["api_keys"]
        self.offered = {row["api_key"]: range(row["min_version"], row["max_version"] + 1) for row in keys}

    def fail(self, system, what, why):
        self.failed.append(system)
        print(f"FAIL {system}: {what}: {why}", flush=True)

    def step(self, system, api, version, body, wanted):
        if api == "later":
            if version in self.offered:
                self.fail(system, body, "it is offered now: say what must come back")
            return
        what = f"{api.name} v{version}"
        self.requests += 1
        self.facts += len(wanted)
        if version not in self.offered.get(api.key, []):
            return self.fail(system, what, "it is not offered")
        for failure in failures(self.side.ask(api.name, version, body), wanted):
            self.fail(system, what, failure)

    def all(self, systems):
        for system, steps in systems:
            for step in steps:
                self.step(system, *step)
        print(f"{len(systems)} systems, {self.requests} requests, {self.facts} facts, {len(self.failed)} of them wrong")
        return 1 if self.failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the chronik-server to ask")
    arguments = parser.parse_args()
    exit_on_sigterm()
    systems = Steps(HERE / "table.txt").systems
    with tempfile.TemporaryDirectory(prefix="chronik-systems-") as folder:
        with Node(arguments.server, folder, storage="storage-memory") as node:
            node.start()
            side = Side("chronik", node)
            fixture.make(side, [])
            return Run(side).all(systems)


if __name__ == "__main__":
    sys.exit(main())
