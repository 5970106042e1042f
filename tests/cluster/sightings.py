"""What nodes say of leadership: in their logs, their metrics, and to Kafka clients."""
import datetime
import re
import socket
import struct
from collections import namedtuple

Leadership = namedtuple("Leadership", "at node group term")
Assignment = namedtuple("Assignment", "at node group attempt term")
Described = namedtuple("Described", "brokers leaders replicas in_sync offline")  # but for the first by partition

BECAME = re.compile(r'ts=(\S+) .*msg="Node (\d+) became leader for (\S+) at term (\d+)"')
UPDATED = re.compile(r'ts=(\S+) .*msg="Updated partition assignment: (\S+) leader is now node (\d+) \(attempt (\d+)\)" term=(\d+)')


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def leaderships(nodes):
    """Every time that a node became the leader of a group, in order."""
    found = [Leadership(seconds(m[1]), int(m[2]), m[3], int(m[4])) for node in nodes for m in BECAME.finditer(node.log())]
    return sorted(found)


def assignments(nodes):
    found = [Assignment(seconds(m[1]), int(m[3]), m[2], int(m[4]), int(m[5])) for node in nodes for m in UPDATED.finditer(node.log())]
    return sorted(found)


def critical(nodes):
    return [line for node in nodes for line in node.log().splitlines() if "CRITICAL" in line]


def leaders_by_log(nodes):
    """group -> node, of the newest term that one became leader of."""
    newest = {}
    for each in leaderships(nodes):
        if each.term >= newest.get(each.group, each).term:
            newest[each.group] = each
    return {group: each.node for group, each in newest.items()}


def total(nodes, metric):
    return int(sum(node.metric(metric) for node in nodes))


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0]

    def text(self):
        size = self.take("h")
        self.at += max(size, 0)
        return self.data[self.at - size:self.at].decode() if size > 0 else ""

    def each(self, read):
        return [read() for _ in range(max(self.take("i"), 0))]


class Connection:
    """One connection of a Kafka client to a node."""

    def __init__(self, node):
        self.socket = socket.create_connection(("127.0.0.1", node.kafka_port), 90)

    def close(self):
        self.socket.close()

    def receive(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise ConnectionError("the node closed the connection")
            data += more
        return data

    def send(self, api, version, body):
        request = struct.pack(">hhih", api, version, 1, -1) + body
        self.socket.sendall(struct.pack(">i", len(request)) + request)

    def answer(self):
        reader = Reader(self.receive(struct.unpack(">i", self.receive(4))[0]))
        reader.take("i")  # correlation
        return reader

    def ask_to_create(self, topic, partitions, replicas, timeout_ms=60_000):
        """CreateTopics 2; created() waits for the answer."""
        name = topic.encode()
        self.send(19, 2, struct.pack(">ih", 1, len(name)) + name + struct.pack(">ihiiib", partitions, replicas, 0, 0, timeout_ms, 0))

    def created(self):
        """The error code of the topic; 0: it is there."""
        reader = self.answer()
        reader.take("i")  # throttle time
        return reader.each(lambda: (reader.text(), reader.take("h"), reader.text()))[0][1]

    def leaders(self):
        """Metadata 1: "topic/partition" -> node that leads it, -1 where the node names none."""
        self.send(3, 1, struct.pack(">i", -1))
        reader = self.answer()
        reader.each(lambda: (reader.take("i"), reader.text(), reader.take("i"), reader.text()))
        reader.take("i")  # controller
        found = {}

        def partition(topic):
            reader.take("h")
            number, leader = reader.take("i"), reader.take("i")
            reader.each(lambda: reader.take("i"))
            reader.each(lambda: reader.take("i"))
            found[f"{topic}/{number}"] = leader

        def topic():
            reader.take("h")
            name = reader.text()
            reader.take("b")
            reader.each(lambda: partition(name))

        reader.each(topic)
        return found

    def describe(self, topic):
        """Metadata 5 of one topic: a Described."""
        name = topic.encode()
        self.send(3, 5, struct.pack(">ih", 1, len(name)) + name + b"\0")
        reader = self.answer()
        reader.take("i")  # throttle time
        brokers = reader.each(lambda: (reader.take("i"), reader.text(), reader.take("i"), reader.text()))
        reader.text()  # cluster id
        reader.take("i")  # controller

        def nodes():
            return tuple(reader.each(lambda: reader.take("i")))

        def partition():
            reader.take("h")
            return reader.take("i"), (reader.take("i"), nodes(), nodes(), nodes())

        def partitions():
            reader.take("h")
            reader.text()
            reader.take("b")
            return [of for _, of in sorted(reader.each(partition))]

        found = reader.each(partitions)[0]
        return Described({broker[0] for broker in brokers}, *zip(*found))
