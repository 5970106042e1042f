"""How much a class holds: methods and data members, counted from its text."""
import re

MOST_METHODS = 40
MOST_MEMBERS = 25
# The state of Raft's paper is one struct; what plugins see of the host is one table of the ABI.
EXEMPT = {"Raft", "PluginServices"}

STRIPPED = re.compile(r'//[^\n]*|/\*.*?\*/|R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"|^\s*#[^\n]*(?:\\\n[^\n]*)*', re.S | re.M)
CLASS = re.compile(r"\b(?:class|struct)\s+(?:alignas\(\w+\)\s+)?([A-Z]\w*)(?:\s+final)?(?:\s*:\s*[^;{()]+)?\s*\{")
SKIPPED = re.compile(r"\s*(?:using|friend|enum|class|struct|union|typedef|static_assert|template\s*<[^;{]*>\s*(?:class|struct|friend))\b")


def blank(text):
    """The text without comments, strings and directives, each line where it was."""
    return STRIPPED.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def body_end(text, begin):
    depth = 1
    for i in range(begin, len(text)):
        depth += (text[i] == "{") - (text[i] == "}")
        if depth == 0:
            return i
    return len(text)


def declarations(body):
    """The declarations of a class body, with what stands in inner braces left out."""
    depth = 0
    current = []
    for i, c in enumerate(body):
        if c == "{":
            depth += 1
            if depth == 1:
                current.append("{")
            continue
        if c == "}":
            depth -= 1
            if depth == 0:
                current.append("}")
                rest = body[i + 1:].lstrip()
                if not rest.startswith((";", ",", "=", "{", "(")) and "(" in "".join(current):
                    yield "".join(current)
                    current = []
            continue
        if depth > 0:
            continue
        if c == ";":
            yield "".join(current)
            current = []
        else:
            current.append(c)


def count(body):
    """(methods, data members)"""
    methods = members = 0
    for declaration in declarations(body):
        text = re.sub(r"\b(public|private|protected)\s*:", "", declaration).strip()
        text = re.sub(r"^(\[\[\w+\]\]\s*)+", "", text)
        if re.match(r"(struct|union)\s*\{\}\s*\w+", text):  # of a type without a name
            members += 1
            continue
        if not text or text == "}" or SKIPPED.match(text):
            continue
        if re.search(r"=\s*(delete|default)\s*$", text):
            continue
        head = re.split(r"[={]", re.sub(r"operator\s*\S+?\(", "operator(", text), maxsplit=1)[0]
        plain = head
        while re.search(r"<[^<>]*>", plain):
            plain = re.sub(r"<[^<>]*>", "", plain)
        if "(" in plain and not re.search(r"\(\s*(?:CHR_CALL\s*)?\*", plain):
            methods += 1
        elif not re.search(r"\bstatic\b|\bconstexpr\b", plain):
            members += 1 + plain.count(",")
    return methods, members


def classes(tree, _):
    """Classes of plugins and host are small enough to be kept in mind."""
    for file in tree.sources():
        if not file.startswith(("host/", "plugins/")):
            continue
        text = blank("\n".join(tree.lines(file)))
        for found in CLASS.finditer(text):
            name = found.group(1)
            methods, members = count(text[found.end():body_end(text, found.end())])
            line = text.count("\n", 0, found.start()) + 1
            if name in EXEMPT:
                continue
            if methods > MOST_METHODS:
                tree.problem(file, line, f"{name} has {methods} methods, the limit is {MOST_METHODS}: divide it by what its parts are about")
            if members > MOST_MEMBERS:
                tree.problem(file, line, f"{name} has {members} data members, the limit is {MOST_MEMBERS}: divide it by what its parts are about")
