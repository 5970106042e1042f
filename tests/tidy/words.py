"""The house's words: what words.txt lists is not used as a name in production code."""
import re

from classes import blank


def listed(tree):
    for line in tree.lines("tests/tidy/words.txt"):
        if line.strip() and not line.startswith("#"):
            pattern, instead = re.split(r"\s{2,}", line.strip(), maxsplit=1)
            yield re.compile(rf"\b(?:{pattern})\b"), instead


def words(tree, _):
    """Names are the field's own, one word for one thing."""
    going = list(listed(tree))
    for file in tree.sources():
        if not file.startswith(("host/", "plugins/")):
            continue
        for number, line in enumerate(blank("\n".join(tree.lines(file))).split("\n"), 1):
            for pattern, instead in going:
                for found in pattern.finditer(line):
                    tree.problem(file, number, f"{found.group()}: write {instead}")
