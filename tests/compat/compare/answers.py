"""Makes what must differ between two servers equal, then finds what differs in an answer, by the path of its fields."""
import re
import time

import batches

DAY = 86_400_000
TEXTS = {"error_message", "batch_index_error_message", "documentation"}
SIGNS = {"total_bytes", "usable_bytes", "partition_size", "finalized_features_epoch"}
EPOCHS = {"leader_epoch", "epoch", "partition_leader_epoch"}
OFFSETS = {"base_offset", "high_watermark", "last_stable_offset"}  # of a log that grows: from where it ended before
# What tells the rows of an array apart, so that their order does not matter.
KEYS = ("resource_type", "resource_name", "name", "topic", "topic_name", "topic_id", "partition_index", "partition", "index",
        "partition_id", "node_id", "broker_id", "replica_id", "api_key", "batch_index", "base_offset", "producer_id", "key",
        "group_id", "member_id")
NAMED = {"configs": "name", "synonyms": "name", "api_keys": "api_key", "supported_features": "name",  # whose key the path has
         "finalized_features": "name"}
ABSENT, PRESENT = "absent", "present"
# Within member ids that the two servers make up: of classic groups, and of the consumer protocol.
MADE_UP = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|^[A-Za-z0-9_-]{22}$")


def sign(value):
    return "positive" if value > 0 else "zero" if value == 0 else value


def text(value):
    return "null" if value is None else "text" if value else "empty"


class Plain:
    """The answers of one side, for one case."""

    def __init__(self, side, case):
        self.side, self.case = side, case
        self.quorum = case.api.name == "DescribeQuorum"
        self.start = side.starts.get(case.log, 0)

    def value(self, name, value):
        if isinstance(value, dict):
            return {k: self.value(k, v) for k, v in value.items()}
        if isinstance(value, list):
            rows = [self.value(name, v) for v in value]
            return sorted(rows) if all(isinstance(row, str) for row in rows) else rows
        if name == "records" and isinstance(value, bytes):
            return [self.value("batch", b) for b in batches.read(value)]
        if isinstance(value, bytes):
            return self.side.name_of(value) if len(value) == 16 else value.hex()
        if name in TEXTS:
            return text(value)
        return self.string(name, value) if isinstance(value, str) else self.number(name, value)

    def string(self, name, value):
        if name == "cluster_id" and value == self.side.cluster_id:
            return "the-cluster"
        if name == "log_dir" and value:
            return "a-folder"
        if value in self.side.words:
            return self.side.words[value]
        if name in ("member_id", "leader"):
            return MADE_UP.sub("made-up", value)
        return value.replace(f":{self.side.node.kafka_port}", ":own-port")  # in listeners

    def number(self, name, value):
        if value is None or isinstance(value, bool):
            return value
        if name == "port" and value == self.side.node.kafka_port:
            return "own-port"
        if abs(value - time.time() * 1000) < DAY:
            return "now"
        if name in SIGNS or self.quorum and name in ("leader_epoch", "high_watermark", "log_end_offset"):
            return sign(value)
        if name in EPOCHS and value >= 0:
            return f"epoch+{value - self.side.first_epoch}"
        if name == "session_id" and value > 0:
            return "a-session"
        if name == "producer_id" and value >= 0 and self.case.api.name == "InitProducerId":
            return "an-id"
        if name in OFFSETS and self.case.log and value >= 0:
            return f"end{value - self.start:+d}"
        return value


def key_of(row):
    return tuple(str(row[name]) for name in KEYS if name in row)


def pairs(ours, theirs):
    """Rows of the two side by side; None where one has no such row."""
    if not all(isinstance(row, dict) for row in ours + theirs):
        return pairs_of_one(ours, theirs)
    by_key = [{}, {}]
    for rows, found in ((ours, by_key[0]), (theirs, by_key[1])):
        for row in rows:
            found.setdefault(key_of(row), []).append(row)
    counts = [{key: len(rows) for key, rows in found.items()} for found in by_key]
    if counts[0] != counts[1] and len(ours) == len(theirs):
        return list(zip(ours, theirs))
    out = []
    for key in dict.fromkeys([*by_key[1], *by_key[0]]):
        out += pairs_of_one(by_key[0].get(key, []), by_key[1].get(key, []))
    return out


def pairs_of_one(ours, theirs):
    longest = max(len(ours), len(theirs))
    return zip(ours + [None] * (longest - len(ours)), theirs + [None] * (longest - len(theirs)))


class Comparison:
    """Of the two answers to one request: the differences as (path, ours, theirs), and how many fields were compared."""

    def __init__(self, ours, theirs):
        self.fields = 0
        self.differences = []
        if isinstance(ours, dict) and isinstance(theirs, dict):
            self.value("", ours, theirs)
        else:
            self.leaf("-", "answered" if isinstance(ours, dict) else ours, "answered" if isinstance(theirs, dict) else theirs)

    def leaf(self, path, ours, theirs):
        self.fields += 1
        if ours != theirs:
            self.differences.append((path, word(ours), word(theirs)))

    def value(self, path, ours, theirs):
        if isinstance(ours, dict) and isinstance(theirs, dict):
            if ours.get("error_code") != theirs.get("error_code"):  # the other fields of the row only follow
                return self.leaf(f"{path}.error_code".lstrip("."), ours.get("error_code", ABSENT), theirs.get("error_code", ABSENT))
            for name in dict.fromkeys([*theirs, *ours]):
                self.value(f"{path}.{name}" if path else name, ours.get(name, ABSENT), theirs.get(name, ABSENT))
        elif isinstance(ours, list) and isinstance(theirs, list):
            self.rows(path, ours, theirs)
        else:
            self.leaf(path, ours, theirs)

    def rows(self, path, ours, theirs):
        self.fields += 1  # its length
        name = NAMED.get(path.rsplit(".", 1)[-1])
        for mine, other in pairs(ours, theirs):
            row = mine if other is None else other
            each = f"{path}[{row[name] if name and isinstance(row, dict) else ''}]"
            if mine is None or other is None:
                shown = "" if isinstance(row, dict) else f":{row}"
                self.leaf(each, ABSENT if mine is None else PRESENT + shown, ABSENT if other is None else PRESENT + shown)
            else:
                self.value(each, mine, other)


def word(value):
    """A value as one word of the page."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list)):
        return ("rows" if isinstance(value, list) else PRESENT) if value else "empty"
    return re.sub(r"\s", "_", str(value)) if value != "" else "''"


def compare(case, sides, answers):
    plain = [Plain(side, case).value("", answer) if isinstance(answer, dict) else answer for side, answer in zip(sides, answers)]
    return Comparison(*plain)
