"""Requests of members of groups that ask for more than a node has, and what they are told."""
import collections
import contextlib
import socket
import struct
import threading

from admin import int32, receive

JOIN, COMMIT, CONSUMER = 11, 8, 68  # JoinGroup, OffsetCommit, ConsumerGroupHeartbeat
NONE, METADATA_TOO_LARGE, POLICY_VIOLATION, MEMBER_ID_REQUIRED, GROUP_FULL, INVALID_REGEX = 0, 12, 44, 79, 81, 128
ENDED = -1_000  # the connection did, instead of an answer
SESSION_MS, REBALANCE_MS = 30_000, 10_000


# ---- on the wire ----
def framed(api, version, body):
    header = struct.pack(">hhih", api, version, 1, 1) + b"g" + (b"\0" if api == CONSUMER else b"")
    return int32(len(header) + len(body)) + header + body


def string(value):
    return struct.pack(">h", len(value)) + value


def compact(value):
    """A string; None is null."""
    size = 0 if value is None else len(value) + 1
    out = b""
    while size > 127:
        out += bytes([size & 127 | 128])
        size >>= 7
    return out + bytes([size]) + (value or b"")


def join(group, version, *protocols):
    """JoinGroup 3, which joins at once, or 4, which asks for an id first. protocols: (name, metadata)"""
    body = string(group) + struct.pack(">ii", SESSION_MS, REBALANCE_MS) + string(b"") + string(b"consumer") + int32(len(protocols))
    return framed(JOIN, version, body + b"".join(string(name) + int32(len(metadata)) + metadata for name, metadata in protocols))


def consume(group, member, regex=None):
    """ConsumerGroupHeartbeat 1 of a new member, of a topic that is not there, or of all that match."""
    names = b"\0" if regex is not None else b"\2" + compact(b"nobody")
    body = compact(group) + compact(member) + int32(0) + b"\0\0" + int32(REBALANCE_MS) + names + compact(regex) + b"\0\1\0"
    return framed(CONSUMER, 1, body)


def commit(group, metadata):
    """OffsetCommit 7 of one partition."""
    row = struct.pack(">iqi", 0, 5, -1) + string(metadata)
    return framed(COMMIT, 7, string(group) + int32(-1) + string(b"") + struct.pack(">h", -1) + int32(1) + string(b"many") + int32(1) + row)


def long_commit(group, metadata):
    """OffsetCommit 8, whose strings may say that they are of any length."""
    row = struct.pack(">iqi", 0, 5, -1) + compact(metadata) + b"\0"
    body = compact(group) + int32(-1) + b"\1\0\2" + compact(b"many") + b"\2" + row + b"\0\0"
    header = struct.pack(">hhih", COMMIT, 8, 1, 1) + b"g\0"
    return int32(len(header) + len(body)) + header + body


def code_of(api, answer):
    at = {JOIN: 8, CONSUMER: 9, COMMIT: len(answer) - 2}[api]
    return struct.unpack(">h", answer[at:at + 2])[0]


def api_of(frame):
    return struct.unpack(">h", frame[4:6])[0]


# ---- exchanges ----
def tell(port, frame):
    """The error code that one request is answered with."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as s:
        try:
            s.sendall(frame)
            return code_of(api_of(frame), receive(s, struct.unpack(">i", receive(s, 4))[0]))
        except (RuntimeError, ConnectionError):
            return ENDED


def flood(port, frames):
    """All on one connection, as fast as the node takes them: how often each code came."""
    codes = collections.Counter()
    with socket.create_connection(("127.0.0.1", port), timeout=120) as s:
        sender = threading.Thread(target=s.sendall, args=[b"".join(frames)], daemon=True)
        sender.start()
        with s.makefile("rb", buffering=1 << 20) as answers:
            for frame in frames:
                size = struct.unpack(">i", answers.read(4))[0]
                codes[code_of(api_of(frame), answers.read(size))] += 1
        sender.join()
    return codes


def wait_together(port, frames):
    """Each on a connection of its own, and then their answers."""
    codes = collections.Counter()
    with contextlib.ExitStack() as stack:
        sockets = []
        for frame in frames:
            s = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=120))
            s.sendall(frame)
            sockets.append(s)
        for s in sockets:
            head = receive(s, 4 + 10)  # up to the error code
            codes[code_of(JOIN, head[4:])] += 1
            left = struct.unpack(">i", head[:4])[0] - 10
            while left > 0:
                left -= len(receive(s, min(left, 1 << 20)))
    return codes


# ---- the requests ----
def refused():
    """(what, request, the code that it is told, what the log says or "")"""
    metadata = bytes(4_000_000)
    yield "JoinGroup of 4 MB", join(b"huge", 3, (b"range", metadata)), POLICY_VIOLATION, "kafka.group_max_member_bytes"
    names = [(b"p%06d" % i, b"") for i in range(60_000)]
    yield "JoinGroup of 60,000 protocols", join(b"huge", 3, *names), POLICY_VIOLATION, "kafka.group_max_member_bytes"
    yield "JoinGroup of 40 MB", join(b"huge", 3, (b"range", metadata * 10)), ENDED, "that is no Produce; allowed are"
    yield "a regex that is huge once it is compiled", consume(b"huge", b"m", b"(((a{100}){100}){100})"), INVALID_REGEX, ""
    yield "a regex of 30,000 brackets", consume(b"huge", b"m", b"(" * 30_000), INVALID_REGEX, ""
    yield "a regex of 1 MB", consume(b"huge", b"m", b"a" * 1_000_000), ENDED, "the limit is 32767"
    yield "a regex that others take long for", consume(b"slow", b"m", b"(a*)*(a*)*(a*)*b"), NONE, ""
    yield "OffsetCommit with 30,000 bytes of metadata", commit(b"huge", b"m" * 30_000), METADATA_TOO_LARGE, ""
    yield "OffsetCommit with 1 MB of metadata", long_commit(b"huge", b"m" * 1_000_000), ENDED, "the limit is 32767"
