"""What nodes send one another, as it stands on the loopback device, with the kernel's time of each packet. Needs root (AF_PACKET).

    with WireTap(ports) as tap:         # TCP ports of one end of each connection that is of interest
        ...
    tap.beats                           # {(from port, to port): [seconds, ...]}: heartbeats of each direction of each connection
    tap.pre_votes                       # [(seconds, from port, to port), ...]
    tap.missed                          # packets that came faster than they were taken
    tap.sent_again                      # segments that TCP sent again: on a busy machine also where nothing was lost (RFC 8985, 7)

A heartbeat that TCP sent again counts once, at its first time. Times are of CLOCK_REALTIME. What is read of a packet is its first kSnap bytes: the control lane's frames, which begin with it.
"""
import ctypes
import socket
import struct
import threading

from crc32c import crc32c

SNAP = 1024
ETH_P_IP = 0x0800
SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_TIMESTAMPNS, SOL_PACKET, PACKET_STATISTICS = 26, 33, 35, 263, 6
FRAME_HEAD = 16  # length, channel, checksum of what follows, checksum of the head
PRE_VOTE = 1     # MessageType::kPreVote


def channel_hash(name):
    """As frames name their channel: FNV-1a."""
    value = 2166136261
    for byte in name.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return value


RAFT = channel_hash("raft")


def frames(segment):
    """The payloads of raft's frames among those that a segment begins with; one that does not begin with a frame has none."""
    at = 0
    while at + FRAME_HEAD <= len(segment):
        length, channel, _, check = struct.unpack_from("<IIII", segment, at)
        if check != crc32c(segment[at:at + 12]):
            return
        at += FRAME_HEAD
        if channel == RAFT:
            yield segment[at:at + length]
        at += length


def varint(data, at):
    value = shift = 0
    while at < len(data):
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            break
    return value, at


def kinds(frame):
    """What raft/wire/raft.proto says a frame holds: "beat", or the types of its messages."""
    at, found = 4, []
    size = 4 + int.from_bytes(frame[:4], "little")
    while at + 1 < min(size, len(frame)):
        tag = frame[at]
        length, at = varint(frame, at + 1)
        if tag == 0x12:
            found.append("beat")
        elif tag == 0x0A and frame[at:at + 1] == b"\x09" and frame[at + 9:at + 10] == b"\x10":
            found.append(varint(frame, at + 10)[0])
        at += length
    return found


def port_filter(ports):
    """A BPF program: IPv4, TCP, and one of the ports at either end."""
    load_half, load_byte, equal, give = 0x28, 0x30, 0x15, 0x06
    code = [(load_half, 0, 0, 12), (equal, 0, None, ETH_P_IP), (load_byte, 0, 0, 23), (equal, 0, None, socket.IPPROTO_TCP)]
    for where in (34, 36):  # source, destination: behind an IPv4 header without options
        code.append((load_half, 0, 0, where))
        code += [(equal, True, 0, port) for port in ports]
    refuse = len(code)
    code += [(give, 0, 0, 0), (give, 0, 0, SNAP)]
    program = b""
    for i, (op, yes, no, value) in enumerate(code):
        yes = refuse + 1 - i - 1 if yes is True else yes
        no = refuse - i - 1 if no is None else no
        program += struct.pack("HBBI", op, yes, no, value)
    return program, len(code)


class WireTap:
    def __init__(self, ports):
        self.beats, self.pre_votes, self.missed, self.sent_again = {}, [], 0, 0
        self.next = {}  # (from port, to port): the TCP sequence number behind all that was seen
        self.over = False
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # takes nothing before it is bound
        program, n = port_filter(ports)
        buffer = ctypes.create_string_buffer(program)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", n, ctypes.addressof(buffer)))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(("lo", ETH_P_IP))
        self.socket.settimeout(0.2)
        self.reader = threading.Thread(target=self.read)

    def read(self):
        while not self.over:
            try:
                packet, ancillary, _, sender = self.socket.recvmsg(SNAP, 64)
            except TimeoutError:
                continue
            if sender[2] == socket.PACKET_OUTGOING:  # loopback shows each packet twice
                continue
            seconds, nanos = struct.unpack("qq", ancillary[0][2])
            self.take(packet, seconds + nanos * 1e-9)

    def take(self, packet, at):
        ip_size = (packet[14] & 0xF) * 4
        total = int.from_bytes(packet[16:18], "big")
        tcp = 14 + ip_size
        ends = struct.unpack_from(">HH", packet, tcp)
        start = tcp + (packet[tcp + 12] >> 4) * 4
        end = 14 + total if total else len(packet)
        sequence = struct.unpack_from(">I", packet, tcp + 4)[0]
        known = self.seen_before(ends, sequence, end - start)
        self.sent_again += known > 0
        payload = packet[start + known:end]
        for frame in frames(payload):
            for kind in kinds(frame):
                if kind == "beat":
                    self.beats.setdefault(ends, []).append(at)
                elif kind == PRE_VOTE:
                    self.pre_votes.append((at, *ends))

    def seen_before(self, ends, sequence, size):
        """How many of a segment's first bytes an earlier segment had."""
        ahead = (self.next.get(ends, sequence) - sequence + 2**31) % 2**32 - 2**31
        if size > ahead:
            self.next[ends] = (sequence + size) % 2**32
        return min(max(ahead, 0), size)

    def __enter__(self):
        self.reader.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.reader.join()
        self.missed = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
        self.socket.close()
