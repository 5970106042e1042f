"""Groups that requests meet: made in the same way on both sides, used until a request changes one, then made anew under another name."""
import copy
import itertools
import struct
import time

from sides import BY_NAME, Case, memory, topic_id

# Joins are answered at once, and no session and no rebalance ends meanwhile.
LONG_MS = 1_800_000
OURS = (f'group_initial_rebalance_delay = "0s"\ngroup_consumer_session_timeout = "{LONG_MS}ms"\n'
        f'group_consumer_max_session_timeout = "{LONG_MS}ms"\n')
KAFKAS = (f"group.initial.rebalance.delay.ms=0\ngroup.coordinator.append.linger.ms=0\n"
          f"group.consumer.session.timeout.ms={LONG_MS}\ngroup.consumer.max.session.timeout.ms={LONG_MS}\n")
INSTANCE = "instance"
WARM = 400  # groups asked for until each partition of __consumer_offsets has a leader
# A consumer group makes targets at least a second apart: those that are met are older, and take the next change at once.
REST_S = 1.2


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def subscription(*topics):
    """Of a member of a classic group with the protocol type "consumer"."""
    return struct.pack(">hi", 0, len(topics)) + b"".join(map(text, topics)) + struct.pack(">i", -1)


def assignment(**partitions):
    rows = b"".join(text(topic) + struct.pack(f">i{len(found)}i", len(found), *found) for topic, found in partitions.items())
    return struct.pack(">hi", 0, len(partitions)) + rows + struct.pack(">i", -1)


OWNED = [{"topic_id": topic_id("plain"), "partitions": [0, 1, 2]}]  # by the only member of a consumer group
PROTOCOLS = [{"name": "range", "metadata": subscription("plain")}, {"name": "roundrobin", "metadata": subscription("plain")}]


def join(**given):
    return {"group_id": memory("group"), "session_timeout_ms": LONG_MS, "rebalance_timeout_ms": LONG_MS, "member_id": "",
            "protocol_type": "consumer", "protocols": PROTOCOLS, **given}


def sync(member, **given):
    return {"group_id": memory("group"), "generation_id": memory("generation"), "member_id": memory(member), "protocol_type": "consumer",
            "protocol_name": "range", "assignments": [{"member_id": memory("a"), "assignment": assignment(plain=[0, 1, 2])}], **given}


def commit(generation=-1, member="", **given):
    row = {"partition_index": 0, "committed_offset": 5, "committed_metadata": "told"}
    return {"group_id": memory("group"), "generation_id_or_member_epoch": generation, "member_id": member,
            "topics": [{"name": "plain", "topic_id": topic_id("plain"), "partitions": [row]}], **given}


def heartbeat(epoch, member="m", **given):
    return {"group_id": memory("group"), "member_id": member, "member_epoch": epoch, **given}


def joins(member="m", **given):
    return heartbeat(0, member, **{"rebalance_timeout_ms": LONG_MS, "subscribed_topic_names": ["plain"], "topic_partitions": [], **given})


def checked(side, name, version, body):
    answer = side.ask(name, version, body)
    if answer["error_code"] != 0:
        raise RuntimeError(f"{side.name}: {name} {version} of {side.memory['group']}: {answer}")
    return answer


# ---- what a group is made of: each step on one side ----
def joined(side, name="a", version=3, **given):
    """One member of its own, who has to sync."""
    answer = checked(side, "JoinGroup", version, join(**given))
    side.memory.update({name: answer["member_id"], "generation": answer["generation_id"]})
    side.words[answer["member_id"]] = f"member-{name}"


def alone(side, **given):
    joined(side, **given)
    checked(side, "SyncGroup", 3, sync("a"))


def static(side):
    alone(side, version=5, group_instance_id=INSTANCE)


def described(side):
    return side.ask("DescribeGroups", 4, {"groups": [memory("group")]})["groups"][0]


def waits(side):
    """b has asked to join, and a has not heard of it. Who waits there."""
    alone(side)
    beside = side.beside()
    case = Case(BY_NAME["JoinGroup"], 3, "set-up", join())
    sent = beside.send(case)
    deadline = time.monotonic() + 30
    while described(side)["group_state"] != "PreparingRebalance":
        if time.monotonic() > deadline:
            raise RuntimeError(f"{side.name}: a second member does not wait in {described(side)}")
    return beside, case, sent


def preparing(side):
    waits(side)[0].close()


def two_joined(side):
    beside, case, sent = waits(side)
    joined(side, member_id=memory("a"))
    answer = beside.receive(case, sent)
    beside.close()
    side.memory["b"] = answer["member_id"]
    side.words[answer["member_id"]] = "member-b"


def pending(side):
    """Somebody got an id, and has not joined yet."""
    answer = side.ask("JoinGroup", 9, join())
    side.memory["a"] = answer["member_id"]
    side.words[answer["member_id"]] = "member-a"


def offsets(side):
    rows = [{"partition_index": index, "committed_offset": 7 + index, "committed_leader_epoch": 0, "committed_metadata": "told"}
            for index in (0, 1)]
    topics = [{"name": "plain", "partitions": rows}, {"name": "sink", "partitions": rows[:1]}]
    claim = (side.memory["generation"], side.memory["a"]) if "a" in side.memory else (-1, "")
    side.ask("OffsetCommit", 8, commit(*claim, topics=topics))


def alone_with_offsets(side):
    alone(side)
    offsets(side)


def left(side):
    alone_with_offsets(side)
    checked(side, "LeaveGroup", 1, {"group_id": memory("group"), "member_id": memory("a")})


def consumer(side, **given):
    """One member of the consumer protocol, which has all partitions."""
    answer = checked(side, "ConsumerGroupHeartbeat", 1, joins(**given))
    deadline = time.monotonic() + 30
    while sum(len(row["partitions"]) for row in (answer["assignment"] or {}).get("topic_partitions", [])) < 3:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{side.name}: a consumer group has no assignment: {answer}")
        time.sleep(0.01)
        answer = checked(side, "ConsumerGroupHeartbeat", 1, joins(**{**given, "member_epoch": answer["member_epoch"]}))
    side.memory["epoch"] = answer["member_epoch"]
    checked(side, "ConsumerGroupHeartbeat", 1, heartbeat(side.memory["epoch"], topic_partitions=OWNED))


def revoking(side):
    """Another member has come, and m has heard what it is to let go of."""
    consumer(side)
    side.memory["n-epoch"] = checked(side, "ConsumerGroupHeartbeat", 1, joins("n"))["member_epoch"]
    deadline = time.monotonic() + 30
    while True:
        answer = checked(side, "ConsumerGroupHeartbeat", 1, joins(member_epoch=memory("epoch"), topic_partitions=OWNED))
        kept = [row["partitions"] for row in answer["assignment"]["topic_partitions"]]
        if sum(map(len, kept)) < 3:
            break
        if time.monotonic() > deadline:
            raise RuntimeError(f"{side.name}: nothing is to be let go of: {answer}")
        time.sleep(0.01)
    side.memory["kept"] = kept[0]


def static_consumer(side):
    consumer(side, instance_id=INSTANCE)


def away(side):
    """Its static member has left, and may come back."""
    static_consumer(side)
    checked(side, "ConsumerGroupHeartbeat", 1, heartbeat(-2, instance_id=INSTANCE))


def consumer_with_offsets(side):
    consumer(side)
    side.ask("OffsetCommit", 9, commit(side.memory["epoch"], "m"))


def consumer_left(side):
    consumer_with_offsets(side)
    checked(side, "ConsumerGroupHeartbeat", 1, heartbeat(-1))


# ---- what is seen of them ----
AS_CLASSIC = ("DescribeGroups", 5, {"groups": [memory("group")]})
AS_CONSUMER = ("ConsumerGroupDescribe", 1, {"group_ids": [memory("group")]})
OFFSETS = ("OffsetFetch", 7, {"group_id": memory("group"), "topics": None})


class State:
    """One state that groups are in, and the group of each side that is in it now. rests: so many are made together, to rest together."""

    def __init__(self, name, make, *looks, rests=0):
        self.name, self.make, self.looks, self.rests = name, make, looks, rests
        self.ready = []  # (when it was made, by side what is kept of it)
        self.numbers = itertools.count(1)
        self.current = None

    def take(self, sides):
        """Both sides' memory is that of a group in this state."""
        if self.current is None:
            if not self.ready:
                self.ready = [self.made(sides) for _ in range(self.rests or 1)]
            made_s, self.current = self.ready.pop(0)
            time.sleep(max(0.0, made_s + REST_S - time.monotonic()) if self.rests else 0)
        for side, kept in zip(sides, self.current):
            side.memory = dict(kept)

    def made(self, sides):
        group = f"{self.name}-{next(self.numbers)}"
        for side in sides:
            side.memory = {"group": group}
            self.make(side)
            side.memory["shown"] = [side.ask(*look) for look in self.looks]
        return time.monotonic(), [copy.copy(side.memory) for side in sides]

    def seen(self, case):
        """Requests that show what one has made of it."""
        return [Case(BY_NAME[name], version, f"then:{case.api.name}-{case.version}:{case.label}", body)
                for name, version, body in self.looks]

    def leave(self):
        self.current = None


NOBODY = State("nobody", lambda side: None, AS_CLASSIC)
PENDING = State("pending", pending, AS_CLASSIC)
JOINED = State("joined", joined, AS_CLASSIC)
ALONE = State("alone", alone, AS_CLASSIC)
OTHER_TYPE = State("connect", lambda side: alone(side, protocol_type="connect"), AS_CLASSIC)
STATIC = State("static", static, AS_CLASSIC)
PREPARING = State("preparing", preparing, AS_CLASSIC)
TWO_JOINED = State("two", two_joined, AS_CLASSIC)
COMMITTED = State("offsets", offsets, AS_CLASSIC, OFFSETS)
COMMITTED_ALONE = State("subscribed", alone_with_offsets, AS_CLASSIC, OFFSETS)
LEFT = State("left", left, AS_CLASSIC, OFFSETS)
NOBODY_OF_CONSUMERS = State("no-consumer", lambda side: None, AS_CONSUMER)
CONSUMER = State("consumer", consumer, AS_CONSUMER, rests=30)
REVOKING = State("revoking", revoking, AS_CONSUMER, rests=4)
STATIC_CONSUMER = State("static-consumer", static_consumer, AS_CONSUMER, rests=20)
AWAY = State("away", away, AS_CONSUMER, rests=30)
CONSUMER_COMMITTED = State("consumer-offsets", consumer_with_offsets, AS_CONSUMER, OFFSETS)
CONSUMER_LEFT = State("consumer-left", consumer_left, AS_CONSUMER, OFFSETS, rests=4)
UPGRADED = State("upgraded", alone, AS_CONSUMER)  # seen as what it becomes


# ---- before all ----
def warm(side):
    """Until each partition of __consumer_offsets has a coordinator."""
    groups = [{"group_id": f"warm-{i}", "topics": None} for i in range(WARM)]
    side.ask_until("FindCoordinator", 4, {"coordinator_keys": ["warm"]}, lambda answer: answer["coordinators"][0]["error_code"] == 0)
    side.ask_until("OffsetFetch", 8, {"groups": groups}, lambda answer: all(row["error_code"] == 0 for row in answer["groups"]))
