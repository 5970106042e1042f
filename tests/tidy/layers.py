"""Who may know whom among the folders of a plugin or of the host: `layers.txt` beside the code says it, the includes are checked.

One line a level, from the ground up; the folders of one line do not know one another, a folder knows its own files and
those of the lines before its own. Files beside layers.txt stand on top of all. `#` begins a comment; `# generated` says that the
folders of the line are made by the build. A folder inside of another has a line of its own where it has a level of its own
(`group/core` below `group`): it is then no part of the other. Where a `:` follows a folder, it knows of the lower ones what is named
behind that alone, folders or files.
"""
import pathlib
import re

INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')


def levels_of(text):
    """folder -> the number of its line"""
    levels = {}
    for line in text.splitlines():
        folders = line.split("#")[0].split(":")[0].split()
        number = len(set(levels.values()))
        levels.update((folder, number) for folder in folders)
    return levels


def only_of(text):
    """folder -> the folders and files that it alone knows, beside its own"""
    lines = [line.split("#")[0].partition(":") for line in text.splitlines()]
    return {folder.strip(): tuple(known.split()) for folder, colon, known in lines if colon}


def area_of(file):
    """(area, folder in it): ("plugins/raft", "core"), and the prefix that its includes begin with; None: in no area."""
    top = file.split("/")
    if top[0] == "host":
        return "host", top[1] if len(top) > 2 else None, "host"
    if top[0] == "plugins" and len(top) > 2:
        return f"plugins/{top[1]}", top[2] if len(top) > 3 else None, top[1]
    return None


def folder_of(path, levels):
    """The innermost folder of the table that path, from the area on, lies in; else its first folder."""
    parts = path.split("/")[:-1]
    for size in range(len(parts), 1, -1):
        if "/".join(parts[:size]) in levels:
            return "/".join(parts[:size])
    return parts[0]


def includes(tree, file):
    for number, line in enumerate(tree.lines(file), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1)


def check_include(tree, file, number, path, levels, only, folder, prefix):
    parts = path.split("/")
    if len(parts) == 1 and (tree.root / pathlib.Path(file).parent / path).exists():
        rooted = pathlib.Path(file.removeprefix("plugins/")).parent / path
        return tree.problem(file, number, f'write "{rooted}": includes are rooted')
    if parts[0] != prefix or len(parts) < 3 or folder is None:
        return None
    other = folder_of("/".join(parts[1:]), levels)
    if other not in levels:
        return tree.problem(file, number, f"layers.txt has no {other}/")
    if other != folder and levels[other] >= levels[folder]:
        return tree.problem(file, number, f"{folder}/ includes {path}, and {other}/ does not stand below it in layers.txt")
    if other != folder and folder in only and "/".join(parts[1:]) not in only[folder] and other not in only[folder]:
        return tree.problem(file, number, f"{folder}/ includes {path}, and may know {', '.join(only[folder])} alone")
    return None


def layers(tree, _):
    """Inside of a plugin and of the host no folder knows one that stands beside or above it."""
    tables = {str(pathlib.Path(f).parent): levels_of("\n".join(tree.lines(f))) for f in tree.files
              if f.endswith("/layers.txt")}
    only = {str(pathlib.Path(f).parent): only_of("\n".join(tree.lines(f))) for f in tree.files if f.endswith("/layers.txt")}
    missing = set()
    for file in tree.sources():
        area = area_of(file)
        if area is None:
            continue
        name, folder, prefix = area
        if folder is None or folder in ("schemas", "codegen"):
            continue
        if name not in tables:
            missing.add(name)
            continue
        folder = folder_of(file.removeprefix(f"{name}/"), tables[name])
        if folder not in tables[name]:
            tree.problem(f"{name}/layers.txt", 1, f"{folder}/ is missing")
            continue
        for number, path in includes(tree, file):
            check_include(tree, file, number, path, tables[name], only[name], folder, prefix)
    for name in sorted(missing):
        tree.problem(name, 1, "has folders and no layers.txt: one line a level, from the ground up")
    for name, levels in tables.items():
        made = levels_of("\n".join(line for line in tree.lines(f"{name}/layers.txt") if "# generated" in line))
        for folder in levels:
            if folder not in made and not any(f.startswith(f"{name}/{folder}/") for f in tree.files):
                tree.problem(f"{name}/layers.txt", 1, f"there is no {folder}/")


def circles(tree, _):
    """No two folders of tests/sim include one another, on any way: the first folder of a circle is named."""
    edges = {}
    for file in tree.sources():
        top = file.split("/")
        if top[:2] != ["tests", "sim"] or len(top) < 4:
            continue
        for _number, path in includes(tree, file):
            parts = path.split("/")
            other = parts[1] if parts[0] == "sim" and len(parts) > 2 else parts[0] if len(parts) == 2 else None
            if other and other != top[2] and (tree.root / "tests/sim" / other).is_dir():
                edges.setdefault(top[2], {})[other] = file
    for start in sorted(edges):
        way = circle_from(edges, start)
        if way and start == min(way):
            tree.problem("tests/sim", 1, f"a circle of folders: {' -> '.join([*way, start])}; {edges[way[-1]][start]} closes it")


def circle_from(edges, start):
    """The folders on a way from start back to it, or None."""
    ways = [[start]]
    seen = set()
    while ways:
        way = ways.pop(0)
        for other in edges.get(way[-1], {}):
            if other == start:
                return way
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return None
