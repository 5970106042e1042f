"""What the benchmarks make of their numbers: medians and ratios, targets that are met or missed, and the file in which results stay."""
import dataclasses
import json
import os
import pathlib
import re
import statistics
import time

NOT_COMPARED = {"bytes", "seconds", "failed", "paced_failed"}


def is_ours(side):
    return side == "chronik" or side.startswith("chronik-")


def medians(results):
    """side -> key -> the median over its runs; a key that one of them lacks is left out."""
    return {side: {key: statistics.median(run[key] for run in runs) for key in runs[0] if all(key in run for run in runs)}
            for side, runs in results.items() if runs}


def median_lines(name, results):
    """Each number of all sides, and ours as a part of each other's."""
    of = medians(results)
    for key in dict.fromkeys(key for values in of.values() for key in values if key not in NOT_COMPARED):
        values = {side: numbers[key] for side, numbers in of.items() if key in numbers}
        line = f"{name:8} {key:22}" + "".join(f" {side} {value:9.2f} " for side, value in values.items())
        for ours, value in values.items():
            for other, whole in values.items() if is_ours(ours) else ():
                if whole and not is_ours(other):
                    line += f"  {ours}/{other} {value / whole:.2f}"
        yield line


@dataclasses.dataclass(frozen=True)
class Target:
    """Such as "<= 0.50 of kafka + 0.15": a part of what another side has of the same number, or this side of another number."""
    sign: str
    factor: float
    of: str
    plus: float
    text: str

    @staticmethod
    def parse(target):
        """A number alone, or a part of something, is the most that it may be."""
        text = str(target)
        found = re.fullmatch(r"(?:([<>]=) )?([0-9.]+)(?: of ([\w-]+))?(?: \+ ([0-9.]+))?", text)
        if not found:
            raise ValueError(f"no target: {text!r}; such as '<= 0.50 of kafka + 0.15'")
        return Target(found[1] or "<=", float(found[2]), found[3] or "", float(found[4] or 0), text)

    def limit(self, of, side, key):
        """None where what it is a part of was not measured. of: as from medians()."""
        if not self.of:
            return self.factor + self.plus
        whole = of[self.of].get(key) if self.of in of else of[side].get(self.of)
        return None if whole is None else self.factor * whole + self.plus

    def met(self, value, limit):
        return value <= limit if self.sign == "<=" else value >= limit


def target_lines(name, results, targets):
    """targets: pairs of a number's key and what Target.parse takes. Ours are judged, and nobody else."""
    of = medians(results)
    for side in filter(is_ours, of):
        for key, text in targets:
            target = Target.parse(text)
            limit = target.limit(of, side, key)
            if key not in of[side] or limit is None:
                continue
            value = of[side][key]
            because = f", {target.text}" if target.of else ""
            yield (f"{name:8} {side} {key} is {value:.2f}, {'well' if target.met(value, limit) else 'MISSED'} "
                   f"(target {target.sign} {limit:.2f}{because})")


def first_and_last(rows, count, key):
    """The medians of a number over the first and over the last rows."""
    return statistics.median(row[key] for row in rows[:count]), statistics.median(row[key] for row in rows[-count:])


def find_break(holds, rate, up=1.25, down=0.8, least=100.0):
    """The highest rate that is held and the lowest one that is not, by steps from `rate` on; holds(rate) tries one."""
    if holds(rate):
        while holds(rate * up):
            rate *= up
        return rate, rate * up
    while rate > least:
        if holds(rate * down):
            return rate * down, rate
        rate *= down
    return 0.0, rate


class Results:
    """One line of JSON for each side of each run, as it is finished: what stands there stays, however the run ends."""

    def __init__(self, path, about):
        """about: what all lines have in common."""
        self.path = pathlib.Path(path)
        self.about = about

    def add(self, **row):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **row, **self.about})
        with open(self.path, "a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def all(self):
        """workload -> side -> the numbers of its runs; not those that only showed whether it works, nor parts of one."""
        out = {}
        for line in self.path.read_text().splitlines():
            row = json.loads(line)
            if not row.get("short") and "part" not in row:
                out.setdefault(row["workload"], {}).setdefault(row["side"], []).append(row["numbers"])
        return out
