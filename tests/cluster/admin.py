"""Requests of Kafka's that the clients of these tests do not send."""
import socket
import struct


def compact(items):
    return bytes([len(items) + 1]) + b"".join(items)


def text(value):
    return bytes([len(value) + 1]) + value.encode()


def int32(value):
    return struct.pack(">i", value)


def ask(port, api, version, body):
    """The answer to one request to a node, behind its header."""
    request = struct.pack(">hhihx", api, version, 1, -1) + body
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        s.sendall(int32(len(request)) + request)
        return receive(s, struct.unpack(">i", receive(s, 4))[0])[5:]


def receive(s, n):
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            raise RuntimeError("the node closed the connection")
        data += part
    return data


def reassign(port, topic, targets):
    """AlterPartitionReassignments 0: {partition: nodes}. Its error code, or that of the first partition that has one."""
    partitions = [int32(index) + compact([int32(node) for node in nodes]) + b"\0" for index, nodes in targets.items()]
    answer = ask(port, 45, 0, int32(30_000) + compact([text(topic) + compact(partitions) + b"\0"]) + b"\0")
    code = struct.unpack(">h", answer[4:6])[0]
    at = answer.index(text(topic)) + len(topic) + 2
    for _ in targets if code == 0 else ():
        code = code or struct.unpack(">h", answer[at + 4:at + 6])[0]
        at += 8 + max(answer[at + 6] - 1, 0)
    return code


def elect_preferred(port, topic, partition):
    """ElectLeaders 2."""
    ask(port, 43, 2, b"\0" + compact([text(topic) + compact([int32(partition)]) + b"\0"]) + int32(30_000) + b"\0")


def delete_topic(port, topic):
    """DeleteTopics 4. Its error code."""
    answer = ask(port, 20, 4, compact([text(topic)]) + int32(30_000) + b"\0")
    at = answer.index(text(topic)) + len(topic) + 1
    return struct.unpack(">h", answer[at:at + 2])[0]


def delete_records(port, topic, partition, offset):
    """DeleteRecords 2. Its error code, and where the log starts then."""
    row = int32(partition) + struct.pack(">q", offset) + b"\0"
    answer = ask(port, 21, 2, compact([text(topic) + compact([row]) + b"\0"]) + int32(30_000) + b"\0")
    low, code = struct.unpack(">qh", answer[-13:-3])
    return code, low


def earliest(port, topic, partition):
    """ListOffsets 6. Its error code, and where the log starts."""
    row = int32(partition) + int32(-1) + struct.pack(">q", -2) + b"\0"
    answer = ask(port, 2, 6, int32(-1) + b"\0" + compact([text(topic) + compact([row]) + b"\0"]) + b"\0")
    code, _, offset = struct.unpack(">hqq", answer[-25:-7])
    return code, offset


def unregister_broker(port, node):
    """UnregisterBroker 0. Its error code."""
    return struct.unpack(">h", ask(port, 64, 0, int32(node) + b"\0")[4:6])[0]


def set_config(port, topic, name, value):
    """IncrementalAlterConfigs 1: one key of a topic. Its error code."""
    resource = b"\x02" + text(topic) + compact([text(name) + b"\0" + text(value) + b"\0"]) + b"\0"
    answer = ask(port, 44, 1, compact([resource]) + b"\0\0")
    return struct.unpack(">h", answer[5:7])[0]


def update_features(port, **levels):
    """UpdateFeatures 2: upgrades, with _ for the dots in names. Its error code and message."""
    items = [text(name.replace("_", ".")) + struct.pack(">hb", level, 1) + b"\0" for name, level in levels.items()]
    answer = ask(port, 57, 2, int32(30_000) + compact(items) + b"\0\0")
    code, size = struct.unpack(">hB", answer[4:7])
    return code, answer[7:7 + max(size - 1, 0)].decode(errors="replace")


def find_coordinator(port, group):
    """FindCoordinator 3. Its error code; the first one makes the topic of groups."""
    return struct.unpack(">h", ask(port, 10, 3, text(group) + b"\0\0")[4:6])[0]
