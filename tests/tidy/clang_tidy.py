#!/usr/bin/env python3
"""clang-tidy over host/ and plugins/, in minutes and not in a quarter of an hour.

Most of its time goes into the standard library's headers, once per source. So the sources of one part are read together, as one
translation unit that includes them, as far as their file-local names allow. A unit that was clean is not read again until one of its
sources, a header of the tree that it includes, its flags or .clang-tidy change: build/clang-tidy/*.clean are the stamps.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

TIDIED = ("host/", "plugins/")
MOST_SOURCES = 12
# A name at the start of a line that its file gives to a type, a constant or a function: two such in one unit would clash.
LOCAL_NAMES = re.compile(r"^(?:using (\w+) =|(?:struct|class|enum class|union) (\w+)|[A-Za-z][\w:<>,*& ]*[ *&](\w+)(?:\(| =|\{|\[|;))", re.M)


class Source:
    def __init__(self, root, entry):
        self.path = os.path.relpath(entry["file"], root)
        words = shlex.split(entry["command"])
        self.output = words[words.index("-o") + 1]
        # The compiler of the build is g++: of its options only those that say what the text means concern clang.
        self.flags = []
        for index, word in enumerate(words):
            if word == "-isystem":
                self.flags.append((word, words[index + 1]))
            elif re.match(r"-[ID].|-std=", word):
                self.flags.append((word,))
        text = pathlib.Path(entry["file"]).read_text()
        self.names = {name for found in LOCAL_NAMES.findall(text) for name in found if name}

    def part(self):
        return "/".join(self.path.split("/")[:2]) if self.path.startswith("plugins/") else self.path.split("/")[0]


class Unit:
    def __init__(self, sources):
        self.sources = sources
        flags = {flag: None for source in sources for flag in source.flags}
        self.flags = [word for flag in flags for word in flag]

    def label(self):
        folder = os.path.commonpath([os.path.dirname(source.path) for source in self.sources])
        return " ".join([folder + "/:", *(os.path.relpath(source.path, folder) for source in self.sources)])


def read_sources(root, build):
    """The sources to look at, each as its own library compiles it and not as a test does that borrows it."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if os.path.relpath(entry["file"], root).startswith(TIDIED) and entry["file"].endswith(".cc"):
            source = Source(root, entry)
            if source.path not in found or not source.output.startswith("tests/"):
                found[source.path] = source
    return [found[path] for path in sorted(found)]


def pack(sources):
    """Units of one part each, in which no two sources use the same name: the first that has room takes the next source."""
    units = {}
    for source in sources:
        ours = units.setdefault(source.part(), [])
        for members in ours:
            if len(members) < MOST_SOURCES and not any(member.names & source.names for member in members):
                members.append(source)
                break
        else:
            ours.append([source])
    return [Unit(members) for part in units.values() for members in part]


class Runner:
    def __init__(self, arguments):
        self.root = pathlib.Path(arguments.root).resolve()
        self.build = pathlib.Path(arguments.build).resolve()
        self.tool = arguments.tool
        self.folder = self.build / "clang-tidy"
        self.folder.mkdir(exist_ok=True)
        self.config = self.root / ".clang-tidy"
        version = subprocess.run([self.tool, "--version"], check=True, capture_output=True, text=True).stdout
        self.base = hashlib.sha256((version + self.config.read_text() + pathlib.Path(__file__).read_text()).encode()).hexdigest()
        self.depends = self.read_depends()
        self.digests = {}

    def read_depends(self):
        """What the build read for each object, of the tree and of what it generated: ninja knows from the compiler."""
        depends, current = {}, None
        listed = subprocess.run(["ninja", "-C", str(self.build), "-t", "deps"], check=True, capture_output=True, text=True).stdout
        for line in listed.splitlines():
            head = re.match(r"(\S+): #deps .*\((\w+)\)", line)
            if head:
                current = depends.setdefault(head.group(1), []) if head.group(2) == "VALID" else None
            elif line.startswith("    ") and current is not None:
                path = self.build / line.strip()
                if path.is_relative_to(self.root) or path.is_relative_to(self.build):
                    current.append(path)
        return depends

    def digest(self, path):
        if path not in self.digests:
            self.digests[path] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "gone"
        return self.digests[path]

    def stamp(self, unit):
        """The file that says this unit was clean, or None where the build cannot say what the unit depends on."""
        if any(source.output not in self.depends for source in unit.sources):
            return None
        files = {self.root / source.path for source in unit.sources}.union(*(self.depends[source.output] for source in unit.sources))
        told = [self.base, *unit.flags, *(f"{path} {self.digest(path)}" for path in sorted(files))]
        return self.folder / (hashlib.sha256("\n".join(told).encode()).hexdigest()[:32] + ".clean")

    def look(self, unit):
        """(findings, could it be compiled) of one unit."""
        text = "".join(f'#include "{self.root / source.path}"  // NOLINT\n' for source in unit.sources)
        file = self.folder / (hashlib.sha256(text.encode()).hexdigest()[:32] + ".cc")
        file.write_text(text)
        ran = subprocess.run([self.tool, "--quiet", f"--config-file={self.config}", str(file), "--", *unit.flags, "-w"],
                             cwd=self.build, capture_output=True, text=True)
        file.unlink()
        broken = "clang-diagnostic-error" in ran.stdout or (ran.returncode != 0 and not ran.stdout)
        return ran.stdout or (ran.stderr if broken else ""), not broken

    def check(self, unit):
        findings, compiled = self.look(unit)
        if not compiled and len(unit.sources) > 1:  # names that clash after all: each for itself
            return "".join(self.look(Unit([source]))[0] for source in unit.sources)
        return findings


def split(findings):
    """One text per finding: its line, the code below it and its notes. A header's are found by each unit that includes it."""
    return [text for text in re.split(r"^(?=/\S+:\d+:\d+: (?:error|warning): )", findings, flags=re.M) if text.strip()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True)
    parser.add_argument("--build", required=True, help="a complete build, with its compile_commands.json")
    parser.add_argument("--tool", default="clang-tidy-19")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    runner = Runner(arguments)
    sources = read_sources(runner.root, runner.build)
    stamps = {unit: runner.stamp(unit) for unit in pack(sources)}
    for old in set(runner.folder.glob("*.clean")) - set(stamps.values()):
        old.unlink()
    todo = [unit for unit, stamp in stamps.items() if not (stamp and stamp.exists())]
    done = len(sources) - sum(len(unit.sources) for unit in todo)
    if done:
        print(f"[{done}/{len(sources)}] unchanged since they were clean", flush=True)
    findings = {}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        running = {pool.submit(runner.check, unit): unit for unit in todo}
        for finished in concurrent.futures.as_completed(running):
            unit = running[finished]
            done += len(unit.sources)
            found = finished.result()
            print(f"[{done}/{len(sources)}] {unit.label()}{': FOUND' if found.strip() else ''}", flush=True)
            findings.update(dict.fromkeys(split(found)))
            if not found.strip() and stamps[unit]:
                stamps[unit].touch()
    print("".join(sorted(findings)), end="")
    return f"clang-tidy: {len(findings)} findings" if findings else 0


if __name__ == "__main__":
    sys.exit(main())
