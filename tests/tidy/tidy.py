#!/usr/bin/env python3
"""What this house asks of its files, as tests. Each check prints file:line: what is wrong, and how it should be."""
import argparse
import pathlib
import re
import statistics
import subprocess
import sys

from classes import classes
from layers import circles, layers
from words import words

MOST_LINES = 500
MOST_TEST_LINES = 800
MOST_HEADER_LINES = 400
MOST_FUNCTION_LINES = 70
MOST_MEDIAN_FUNCTION_LINES = 8
MOST_README_LINES = 60
SOURCES = {".cc", ".c", ".h", ".hpp"}

class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        listed = subprocess.run(["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"],
                                check=True, capture_output=True, text=True).stdout.split("\n")
        self.files = sorted(f for f in set(listed) if f and (self.root / f).is_file())
        self.problems = []
        self.plugins = sorted({f.split("/")[1] for f in self.files if f.startswith("plugins/") and f.endswith("/plugin.cc")})

    def problem(self, file, line, text):
        self.problems.append(f"{file}:{line}: {text}")

    def lines(self, file):
        return (self.root / file).read_text(errors="replace").splitlines()

    def sources(self):
        return [f for f in self.files if pathlib.Path(f).suffix in SOURCES]


def layering(tree, _):
    """sdk <- host, sdk <- plugins, nothing else: the includes say so."""
    for file in tree.sources():
        top = file.split("/")
        for number, line in enumerate(tree.lines(file), 1):
            found = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
            if not found:
                continue
            path = found.group(1)
            target = path.split("/")[0]
            if top[0] == "sdk" and target in ["host", *tree.plugins]:
                tree.problem(file, number, f"the sdk includes {path}; it stands alone")
            if top[0] == "host" and target in tree.plugins:
                tree.problem(file, number, f"the host includes {path}; it knows the sdk only")
            if top[0] == "plugins" and (target == "host" or (target in tree.plugins and target != top[1])):
                tree.problem(file, number, f"a plugin includes {path}; plugins see the sdk and themselves")
            if path.startswith("../.."):
                tree.problem(file, number, f"{path} climbs out of its folder; include by the path from plugins/ or the root")


def function_lengths(lines):
    """(first line, length) of each function body, by its braces at the start of a line, as clang-format sets them."""
    opened = None
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip())
        if opened is None and line.endswith("{") and re.search(r"\)[\w\s:&>\-,]*\{$", line) and \
                not re.match(r"\s*(if|for|while|switch|namespace|class|struct|extern|do|else|case)\b", line):
            opened = (number, indent)
        elif opened is not None and line.lstrip().startswith("}") and indent <= opened[1]:
            yield opened[0], number - opened[0] + 1
            opened = None


def sizes(tree, _):
    """Files, public headers and functions fit on what a reader can hold."""
    lengths = []
    for file in tree.sources():
        lines = tree.lines(file)
        limit = MOST_TEST_LINES if file.startswith(("tests/", "sdk/conformance/")) else MOST_LINES
        if file.startswith("sdk/include"):
            limit = MOST_HEADER_LINES
        if len(lines) > limit:
            tree.problem(file, len(lines), f"{len(lines)} lines, the limit is {limit}: split it by what it is about")
        for first, length in function_lengths(lines):
            if file.startswith(("host/", "plugins/")):
                lengths.append(length)
            if length > MOST_FUNCTION_LINES:
                tree.problem(file, first, f"a function of {length} lines, the limit is {MOST_FUNCTION_LINES}")
    if statistics.median(lengths) > MOST_MEDIAN_FUNCTION_LINES:
        tree.problem("plugins", 1, f"the median function has {statistics.median(lengths)} lines, the limit is {MOST_MEDIAN_FUNCTION_LINES}")


def builders_above(tree):
    """folder -> the text of the build files in it and in the folders above it"""
    texts = {}
    for file in tree.files:
        if file.endswith(("CMakeLists.txt", ".cmake")) or file.startswith(("tests/compat/", "tests/fuzz/")):
            folder = pathlib.Path(file).parent
            texts[folder] = texts.get(folder, "") + "\n".join(tree.lines(file))
    return lambda folder: "\n".join(texts.get(above, "") for above in (folder, *folder.parents))


def included_paths(tree):
    """Each path in an include, whole and with the folder of the file that includes it."""
    for file in tree.sources():
        for line in tree.lines(file):
            found = re.search(r'#\s*include\s+["<]([^">]+)[">]', line)
            if found:
                yield "/" + found.group(1)
                yield "/" + (pathlib.Path(file).parent / found.group(1)).as_posix()


def dead_files(tree, _):
    """Every source is built by a CMakeLists.txt at its place; every header is included by somebody; no file is empty."""
    built = builders_above(tree)
    everywhere = "\n".join("\n".join(tree.lines(f)) for f in tree.files if f.endswith("CMakeLists.txt"))
    generators = "\n".join("\n".join(tree.lines(f)) for f in tree.files if "/codegen/" in f)  # what they emit includes too
    included = set(included_paths(tree))
    for file in tree.files:
        if (tree.root / file).stat().st_size == 0:
            tree.problem(file, 1, "is empty")
    for file in tree.sources():
        path = pathlib.Path(file)
        if path.suffix in {".cc", ".c"}:
            if not re.search(rf"\b{re.escape(path.stem)}\b", built(path.parent)) and f"{path.parent.name}/{path.name}" not in everywhere:
                tree.problem(file, 1, "no CMakeLists.txt at its place, or above, builds this file")
        elif path.stem not in generators and not file.startswith("sdk/include/chronik/") and \
                not any(f"/{'/'.join(path.parts[i:])}" in included for i in range(len(path.parts) - 1)) and \
                f"/{file}" not in included:
            tree.problem(file, 1, "nobody includes this header")


def markers(tree, _):
    """No left-over markers, and nothing that belongs to one machine."""
    words = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")
    paths = re.compile("/" + "work/|/" + "root/|/home/[a-z]")
    for file in tree.files:
        if pathlib.Path(file).suffix in {".hex", ".so", ".png"} or file == "LICENSE":
            continue
        for number, line in enumerate(tree.lines(file), 1):
            if words.search(line):
                tree.problem(file, number, "a left-over marker: do it, or say in the docs that it is missing")
            if paths.search(line):
                tree.problem(file, number, "a path of one machine")


def readmes(tree, _):
    """Every folder of host/ and plugins/ says in at most 60 lines what it is for; Markdown has one title each."""
    folders = {str(pathlib.Path(f).parent) for f in tree.files if f.startswith(("host/", "plugins/"))}
    for folder in sorted(folders):
        depth = folder.count("/")
        source = any(str(pathlib.Path(f).parent) == folder and pathlib.Path(f).suffix in SOURCES for f in tree.files)
        if depth == 1 and source and f"{folder}/README.md" not in tree.files:
            tree.problem(folder, 1, "has no README.md: purpose, main types, how to test it, what it must not do")
    for file in tree.files:
        if not file.endswith(".md"):
            continue
        lines = tree.lines(file)
        fenced = False
        titles = 0
        for number, line in enumerate(lines, 1):
            fenced ^= line.startswith("```")
            titles += not fenced and line.startswith("# ")
            for target in [] if fenced else re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", line):
                if not (tree.root / pathlib.Path(file).parent / target).exists():
                    tree.problem(file, number, f"the link to {target} leads nowhere")
        if titles != 1:
            tree.problem(file, 1, f"{titles} titles; a page has one")
        if file.startswith(("host/", "plugins/", "sdk/")) and len(lines) > MOST_README_LINES:
            tree.problem(file, len(lines), f"{len(lines)} lines; a README has at most {MOST_README_LINES}")


def recipes(tree, _):
    """What the recipes of docs/internals name is there."""
    page = "docs/internals/README.md"
    named = 0
    for number, line in enumerate(tree.lines(page), 1):
        for path in re.findall(r"`((?:host|plugins|sdk|tests|docs)/[\w./-]*|dev)`", line):
            named += 1
            if not (tree.root / path).exists():
                tree.problem(page, number, f"there is no {path}")
    if named < 20:
        tree.problem(page, 1, "names hardly any files: where are the recipes?")


def shipped(plugins):
    found = sorted(pathlib.Path(plugins).glob("*.so"))
    if not found:
        raise SystemExit(f"{plugins} holds no plugins: build first")
    return found


def symbols(tree, plugins):
    """One exported symbol a plugin; none links another plugin or the host."""
    names = {p.name for p in shipped(plugins)}
    if names != {f"{p}.so" for p in tree.plugins}:
        tree.problem(plugins, 1, f"holds {sorted(names)}; the folders with a plugin.cc are {tree.plugins}")
    for plugin in shipped(plugins):
        out = subprocess.run(["nm", "-D", "--defined-only", plugin], check=True, capture_output=True, text=True).stdout
        defined = [line.split()[-1].split("@")[0] for line in out.splitlines() if line.split()[-2] != "A"]
        if defined != ["chronik_plugin_v1"]:
            tree.problem(plugin.name, 1, f"exports {defined}; a plugin exports chronik_plugin_v1 only")
        needed = subprocess.run(["readelf", "-d", plugin], check=True, capture_output=True, text=True).stdout
        for library in re.findall(r"NEEDED.*\[(.*)\]", needed):
            if library in names or "chronik" in library:
                tree.problem(plugin.name, 1, f"links {library}; plugins find each other through the host")


def manifests(tree, plugins):
    """The manifest inside of each plugin is the file beside its CMakeLists.txt."""
    for plugin in shipped(plugins):
        source = tree.root / "plugins" / plugin.stem / f"{plugin.stem}.manifest"
        inside = subprocess.run(["objcopy", "-O", "binary", "--only-section=.chronik.manifest",
                                 "--set-section-flags", ".chronik.manifest=alloc", plugin, "/dev/stdout"],
                                check=True, capture_output=True).stdout
        if not source.exists() or inside != source.read_bytes():
            tree.problem(plugin.name, 1, f"its manifest is not plugins/{plugin.stem}/{plugin.stem}.manifest")


CHECKS = {f.__name__: f for f in (layering, layers, circles, sizes, classes, words, dead_files, markers, readmes, recipes, symbols, manifests)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True)
    parser.add_argument("--plugins", required=True)
    parser.add_argument("check", nargs="+", choices=sorted(CHECKS))
    arguments = parser.parse_args()
    tree = Tree(arguments.root)
    for check in arguments.check:
        CHECKS[check](tree, arguments.plugins)
    print("\n".join(tree.problems) or "nothing to say")
    return 1 if tree.problems else 0


if __name__ == "__main__":
    sys.exit(main())
