"""One of the two servers that are compared: its connection, and what it has given out (ids, epochs, sessions)."""
import copy
import dataclasses
import itertools
import select
import socket
import struct
import time

import codec

APIS, HEADERS = codec.load()
BY_NAME = {api.name: api for api in APIS.values()}
API_VERSIONS = BY_NAME["ApiVersions"]
CLOSED, SILENCE, NOTHING = "closed", "silence", "nothing"  # NOTHING: the next request was answered, and this one was not
LIMIT = 10  # seconds for an answer
ZERO_ID = bytes(16)
NO_TOPIC = b"\x11" * 16


@dataclasses.dataclass
class Case:
    """One request. Values of its body may be functions of the side: what only a side knows."""
    api: object
    version: int
    label: str
    body: dict = dataclasses.field(default_factory=dict)
    client_id: object = "compare"
    tag: bool = False           # with an unknown tagged field in the body
    header_tag: bool = False    # and in the header
    tail: bytes = b""           # bytes behind the body
    cut: int = 0                # bytes that are missing at its end
    raw: bytes = None           # the whole frame, instead of all of the above
    probe: bool = False         # may have no answer: another request behind it tells
    patient: bool = False       # may have no answer, and none to the next request: given PATIENCE on a connection of its own
    until: object = None        # repeated until this holds for the answer of each side
    follows: bool = False       # shows what the one before it did
    remember: object = None     # (name, function of the answer): kept by the side
    log: tuple = None           # (topic, partition) that a Produce appends to
    grows: bool = False         # it is appended, if later than the answer
    state: object = None        # what the group that it is about has to be in (group_states.py)
    wake: object = None         # may wait for others: what these do then, on each side
    short_lived: bool = False   # what it makes goes by itself: nobody looks

    def __str__(self):
        return f"{self.api.name} v{self.version} {self.label}"


def resolve(value, side):
    """The body with the side's own values put in."""
    if callable(value):
        return resolve(value(side), side)
    if isinstance(value, dict):
        return {k: resolve(v, side) for k, v in value.items()}
    return [resolve(v, side) for v in value] if isinstance(value, list) else value


def topic_id(name):
    return lambda side: side.ids.get(name, NO_TOPIC)


def epoch(delta):
    """The leader epoch of the fixture's partitions, or one beside it."""
    return lambda side: side.first_epoch + delta


def memory(name, otherwise=0):
    return lambda side: side.memory.get(name, otherwise)


class Side:
    def __init__(self, name, node):
        self.name, self.node = name, node
        self.connection = None
        self.correlation = itertools.count(1)
        self.ids, self.names, self.memory = {}, {}, {}
        self.words = {}  # what stands for ids that it made up
        self.starts, self.ends = {}, {}  # of logs that a Produce appends to: before the latest of them, and after it
        self.first_epoch = 0
        self.cluster_id = None

    def beside(self):
        """Another client of the same server."""
        other = copy.copy(self)
        other.connection, other.correlation = None, itertools.count(1)
        return other

    def has_answer(self, seconds):
        return self.connection is None or bool(select.select([self.connection], [], [], seconds)[0])

    # ---- frames ----
    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.node.kafka_port), LIMIT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def frame(self, case, correlation):
        if case.raw is not None:
            return case.raw
        request = case.api.message("request")
        flexible = case.version in request.flexible
        header = codec.encode(HEADERS["RequestHeader"], 2 if flexible else 1, {
            "request_api_key": case.api.key, "request_api_version": case.version, "correlation_id": correlation,
            "client_id": case.client_id}, case.header_tag)
        data = header + codec.encode(request, case.version, resolve(case.body, self), case.tag) + case.tail
        return data[:len(data) - case.cut]

    def send(self, case):
        """The correlation ids that were sent."""
        sent = [next(self.correlation)]
        data = self.frame(case, sent[0])
        data = struct.pack(">i", len(data)) + data
        if case.probe:
            sent.append(next(self.correlation))
            probe = self.frame(Case(API_VERSIONS, 0, "probe"), sent[1])
            data += struct.pack(">i", len(probe)) + probe
        for _ in range(2):  # a connection may have ended since the last answer
            if self.connection is None:
                self.connection = self.connect()
            try:
                self.connection.sendall(data)
                return sent
            except OSError:
                self.close()
        return sent

    def exactly(self, count, deadline):
        data = bytearray()
        while len(data) < count:
            self.connection.settimeout(max(0.001, deadline - time.monotonic()))
            part = self.connection.recv(count - len(data))
            if not part:
                raise ConnectionResetError
            data += part
        return bytes(data)

    def receive_frame(self, deadline):
        try:
            return self.exactly(struct.unpack(">i", self.exactly(4, deadline))[0], deadline)
        except TimeoutError:
            self.close()
            return SILENCE
        except OSError:
            self.close()
            return CLOSED

    def receive(self, case, sent, limit=LIMIT):
        """The answer as a dict, or one of the words above."""
        if self.connection is None:
            return CLOSED
        data = self.receive_frame(time.monotonic() + limit)
        if isinstance(data, str):
            return data
        correlation = struct.unpack_from(">i", data)[0]
        if case.probe and correlation == sent[1]:
            return NOTHING
        if case.probe:
            self.receive_frame(time.monotonic() + limit)
        if case.raw is None and correlation != sent[0]:
            return "another correlation id"
        try:
            return self.parse(case, data[4:])
        except (codec.Malformed, UnicodeDecodeError) as error:
            self.close()
            return f"malformed: {error}"

    def parse(self, case, data):
        response = case.api.message("response")
        version = case.version
        if case.api is API_VERSIONS and (version not in response.versions or data[:2] == b"\0\x23"):
            version = 0  # so that any client can read that its version is not known
        at = 0
        if version in response.flexible and not case.api.plain_response_header:
            at = 1  # the header's tags: none are known
            if data[:1] != b"\0":
                raise codec.Malformed("tags in the header of an answer")
        value, read = codec.decode(response, version, data[at:])
        if at + read != len(data):
            raise codec.Malformed(f"{len(data) - at - read} bytes too many")
        return value

    # ---- what setting up needs ----
    def ask(self, name, version, body, **options):
        case = Case(BY_NAME[name], version, "set-up", body, **options)
        answer = self.receive(case, self.send(case))
        if not isinstance(answer, dict):
            raise RuntimeError(f"{self.name}: {case}: {answer}")
        return answer

    def ask_until(self, name, version, body, holds, seconds=60):
        deadline = time.monotonic() + seconds
        case = Case(BY_NAME[name], version, "set-up", body)
        while True:
            answer = self.receive(case, self.send(case))  # a connection may be closed while a server starts
            if isinstance(answer, dict) and holds(answer):
                return answer
            if time.monotonic() > deadline or self.node.process.poll() is not None:
                raise RuntimeError(f"{self.name}: {name} after {seconds} s: {answer}\n{self.node.log_tail()}")
            time.sleep(0.01)

    def log_end(self, topic, partition):
        answer = self.ask("ListOffsets", 4, {"replica_id": -1, "topics": [{"name": topic, "partitions": [
            {"partition_index": partition, "timestamp": -1}]}]})
        return answer["topics"][0]["partitions"][0]["offset"]

    def name_of(self, topic):
        if topic == ZERO_ID:
            return "zero"
        return self.names.get(topic, topic.hex() if topic in KNOWN_IDS else "an-id")


KNOWN_IDS = {bytes(15) + b"\1", NO_TOPIC}  # that requests ask for, and are no topic's
