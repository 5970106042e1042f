"""docs/differences.md as this check reads it: the rows of its tables, by their first cell, and its `differences` block, where

    # the first cell of a row
    API  versions  case  path  chronik  Kafka

says where that row is seen. `*` stands for anything, `|` for one or the other; versions are 3, 3-5, 3+ or *. The rows below the title
that begins with BEYOND are those that this check cannot see."""
import dataclasses
import re

BEYOND = "## Beyond"


def pattern(text):
    return re.compile("|".join(".*".join(map(re.escape, part.split("*"))) for part in text.split("|")))


def in_range(text, version):
    if text == "*":
        return True
    low, _, high = text.rstrip("+").partition("-")
    return version >= int(low) if text.endswith("+") else int(low) <= version <= int(high or low)


@dataclasses.dataclass(frozen=True)
class Difference:
    api: str
    version: int
    case: str
    path: str
    ours: str
    theirs: str


class Rule:
    def __init__(self, line, row, words):
        self.line, self.row = line, row
        api, self.versions, *rest = words
        self.parts = [pattern(text) for text in (api, *rest)]
        self.text = "  ".join(words)
        self.used = 0

    def matches(self, difference):
        values = (difference.api, difference.case, difference.path, difference.ours, difference.theirs)
        return in_range(self.versions, difference.version) and all(p.fullmatch(v) for p, v in zip(self.parts, values))


class Page:
    def __init__(self, path):
        self.path = path
        self.rules, self.rows, self.problems = [], {}, []  # rows: the line of each, by its first cell
        block, row, beyond = False, None, False
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.startswith("```"):
                block = line == "```differences"
            elif block and line.startswith("# "):
                row = line[2:].strip()
            elif block and line.strip():
                self.rule(number, row, line.split())
            elif line.startswith("## "):
                beyond = line.startswith(BEYOND)
            elif line.startswith("| ") and not line.startswith("| what |") and not beyond:
                self.rows[line.split(" | ")[0].removeprefix("| ").strip()] = number

    def rule(self, number, row, words):
        if len(words) != 6:
            self.problems.append(f"{self.path.name}:{number}: {len(words)} words; expected: API versions case path chronik Kafka")
        else:
            self.rules.append(Rule(number, row, words))

    def explains(self, difference):
        found = [rule for rule in self.rules if rule.matches(difference)]
        for rule in found:
            rule.used += 1
        return bool(found)

    def unused(self):
        """What the page says and is not so, or not with a reason."""
        out = list(self.problems)
        seen = {rule.row for rule in self.rules}
        out += [f"{self.path.name}:{rule.line}: nothing differs so: {rule.text}" for rule in self.rules if not rule.used]
        out += [f"{self.path.name}:{line}: no line of the block tells where '{row}' is seen"
                for row, line in self.rows.items() if row not in seen]
        out += [f"{self.path.name}: no row of a table says '{row}'" for row in sorted(seen - set(self.rows), key=str)]
        return out
