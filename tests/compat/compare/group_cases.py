"""The APIs of groups: for each the requests that are all right, each in a state that its group is in, and their fields at their edges."""
import dataclasses
import itertools

import edges
import families
import group_states as g
from group_states import State, commit, heartbeat, join, joins, sync
from sides import BY_NAME, Case, memory, topic_id

# What only looks comes first, while there are few groups.
ORDER = ("FindCoordinator", "ListGroups", "DescribeGroups", "ConsumerGroupDescribe", "OffsetFetch", "Heartbeat", "OffsetCommit",
         "OffsetDelete", "DeleteGroups", "LeaveGroup", "SyncGroup", "JoinGroup", "ConsumerGroupHeartbeat")
NUMBER = itertools.count(1)
GENERATIONS = ("generation_id", "generation_id_or_member_epoch", "member_epoch")
REGEXES = [("empty", ""), ("null", None), ("all", ".*"), ("some", "pl.*"), ("none", "nobody"), ("open", "["), ("open-group", "("),
           ("nested", "(a*)*b"), ("repeats", "(((a{100}){100}){100})"), ("many", "a{1000}{1000}"), ("star", "*"), ("look-ahead", "(?=a)b"),
           ("back-reference", r"(a)\1"), ("name", "(?P<n>a)"), ("java-name", "(?<n>a)"), ("too-long", "a" * 1025),
           ("unicode", r"\p{Greek}"), ("byte", r"\C"),
           ("quote", r"\Qa.b\E"), ("possessive", "a++"), ("not-utf8", b"\xff\xfe")]


@dataclasses.dataclass
class Base:
    name: str
    state: State
    body: dict
    since: int = 0
    until: int = 99
    edges: bool = True      # each field at its edges; else only as it is
    short_lived: bool = False
    wake: object = None     # a request that waits for others: what the others then do


def lets_go(side):
    """The member that was there leaves as soon as another one waits for it."""
    other = side.beside()
    if g.described(other)["group_state"] == "PreparingRebalance":
        other.ask("LeaveGroup", 1, {"group_id": memory("group"), "member_id": memory("a")})
    other.close()


def leader_syncs(side):
    other = side.beside()
    other.ask("SyncGroup", 3, sync("a"))
    other.close()


def member(name="a", **given):
    return {"group_id": memory("group"), "generation_id": memory("generation"), "member_id": memory(name), **given}


def leave(member_id=memory("a"), **given):
    return {"group_id": memory("group"), "member_id": member_id, "members": [{"member_id": member_id, **given}]}


def fetch(topics=("plain",), **given):
    rows = None if topics is None else [{"name": topic, "partition_indexes": [0, 2]} for topic in topics]
    by_id = None if topics is None else [{**row, "topic_id": topic_id(row["name"])} for row in rows]
    return {"group_id": memory("group"), "topics": rows, "groups": [{"group_id": memory("group"), "topics": by_id, **given}]}


def delete(topic):
    return {"group_id": memory("group"), "topics": [{"name": topic, "partitions": [{"partition_index": 0}]}]}


def coordinator_of(key, kind=0):
    return {"key": key, "key_type": kind, "coordinator_keys": [key]}


def every_state(name, **given):
    """The request of one that only looks, in each state."""
    states = (g.ALONE, g.NOBODY, g.JOINED, g.OTHER_TYPE, g.STATIC, g.PREPARING, g.TWO_JOINED, g.COMMITTED, g.LEFT, g.CONSUMER,
              g.REVOKING, g.STATIC_CONSUMER, g.AWAY, g.CONSUMER_LEFT)
    return [Base(state.name, state, {name: [memory("group")], **given}, edges=state in (g.ALONE, g.CONSUMER)) for state in states]


generation, epoch, own = memory("generation"), memory("epoch"), memory("a")
BASES = {
    "FindCoordinator": [Base("group", g.NOBODY, coordinator_of("a-group")), Base("transaction", g.NOBODY, coordinator_of("an-id", 1), 1),
                        Base("share", g.NOBODY, coordinator_of("a-group:AAAAAAAAAAAAAAAAAAAAAQ:0", 2), 1)],
    "ListGroups": [Base("all", g.NOBODY, {}), Base("states", g.NOBODY, {"states_filter": ["Stable"]}, 4),
                   Base("types", g.NOBODY, {"types_filter": ["classic"]}, 5)],
    "DescribeGroups": every_state("groups", include_authorized_operations=True),
    "ConsumerGroupDescribe": every_state("group_ids", include_authorized_operations=True),
    "OffsetFetch": [
        Base("some", g.COMMITTED, fetch()),
        Base("all", g.COMMITTED, fetch(None), 2),
        Base("of-members", g.COMMITTED_ALONE, fetch()),
        Base("of-nobody", g.NOBODY, fetch(), edges=False),
        Base("of-consumers", g.CONSUMER_COMMITTED, fetch(("plain", "sink"), member_id="m", member_epoch=epoch), 8),
        Base("as-classic", g.COMMITTED_ALONE, fetch(member_id=own, member_epoch=generation), 9),
    ],
    "Heartbeat": [
        Base("stable", g.ALONE, member()),
        Base("static", g.STATIC, member(group_instance_id=g.INSTANCE)),
        Base("preparing", g.PREPARING, member()),
        Base("joined", g.JOINED, member(), edges=False),
        Base("pending", g.PENDING, member(generation_id=0), edges=False),
        Base("left", g.LEFT, member(), edges=False),
        Base("of-consumers", g.CONSUMER, member("m", generation_id=epoch, member_id="m")),
    ],
    "OffsetCommit": [
        Base("simple", g.COMMITTED, commit()),
        Base("member", g.ALONE, commit(generation, own)),
        Base("static", g.STATIC, commit(generation, own, group_instance_id=g.INSTANCE), 7),
        Base("joined", g.JOINED, commit(generation, own), edges=False),
        Base("preparing", g.PREPARING, commit(generation, own), edges=False),
        Base("nobody", g.NOBODY, commit(), edges=False),
        Base("nobody-with-epoch", g.NOBODY, commit(3, "m"), edges=False),
        Base("left", g.LEFT, commit(), edges=False),
        Base("consumer", g.CONSUMER_COMMITTED, commit(epoch, "m"), 8),
        Base("consumers-left", g.CONSUMER_LEFT, commit(), edges=False),
    ],
    "OffsetDelete": [Base("simple", g.COMMITTED, delete("plain")), Base("subscribed", g.COMMITTED_ALONE, delete("plain")),
                     Base("not-subscribed", g.COMMITTED_ALONE, delete("sink")), Base("left", g.LEFT, delete("plain"), edges=False),
                     Base("connect", g.OTHER_TYPE, delete("plain"), edges=False), Base("nobody", g.NOBODY, delete("plain"), edges=False),
                     Base("consumers", g.CONSUMER_COMMITTED, delete("plain"), edges=False),
                     Base("consumers-left", g.CONSUMER_LEFT, delete("plain"), edges=False)],
    "DeleteGroups": [Base(state.name, state, {"groups_names": [memory("group")]}, edges=state is g.COMMITTED) for state in (
        g.COMMITTED, g.ALONE, g.NOBODY, g.JOINED, g.LEFT, g.PENDING, g.CONSUMER, g.CONSUMER_LEFT)],
    "LeaveGroup": [
        Base("one", g.ALONE, leave()),
        Base("static", g.STATIC, leave(group_instance_id=g.INSTANCE), 3),
        Base("by-instance", g.STATIC, leave("", group_instance_id=g.INSTANCE), 3),
        Base("pending", g.PENDING, leave()),
        Base("two", g.TWO_JOINED, {**leave(), "members": [{"member_id": own}, {"member_id": "nobody"}, {"member_id": memory("b")}]}),
        Base("nobody", g.NOBODY, leave("a"), edges=False),
        Base("consumer", g.CONSUMER, leave("m")),
        Base("static-consumer", g.STATIC_CONSUMER, leave("", group_instance_id=g.INSTANCE), 3),
    ],
    "SyncGroup": [
        Base("leader", g.JOINED, sync("a")),
        Base("again", g.ALONE, sync("a")),
        Base("follower", g.TWO_JOINED, sync("b", assignments=[]), wake=leader_syncs),
        Base("static", g.STATIC, sync("a", group_instance_id=g.INSTANCE), 3),
        Base("preparing", g.PREPARING, sync("a"), edges=False),
        Base("pending", g.PENDING, sync("a", generation_id=0), edges=False),
        Base("nobody", g.NOBODY, sync("a", member_id="a", generation_id=1, assignments=[]), edges=False),
        Base("consumer", g.CONSUMER, sync("m", member_id="m", generation_id=epoch, assignments=[])),
    ],
    "JoinGroup": [
        Base("first", g.NOBODY, join()),
        Base("again", g.ALONE, join(member_id=own), wake=lets_go),
        Base("pending", g.PENDING, join(member_id=own), 4),
        Base("new", g.ALONE, join(), 3, 3, wake=lets_go),
        Base("static", g.STATIC, join(group_instance_id=g.INSTANCE), 5, wake=lets_go),
        Base("static-again", g.STATIC, join(group_instance_id=g.INSTANCE, member_id=own), 5, wake=lets_go),
        Base("new-static", g.ALONE, join(group_instance_id="another"), 5, wake=lets_go),
        Base("left", g.LEFT, join(), edges=False),
        Base("offsets", g.COMMITTED, join(), edges=False),
        Base("preparing", g.PREPARING, join(member_id=own), edges=False),
        Base("consumers-left", g.CONSUMER_LEFT, join(), edges=False),
    ],
    "ConsumerGroupHeartbeat": [
        Base("first", g.NOBODY_OF_CONSUMERS, joins()),
        Base("again", g.CONSUMER, joins()),
        Base("new", g.CONSUMER, joins("n")),
        Base("full", g.CONSUMER, joins(member_epoch=epoch, topic_partitions=g.OWNED)),
        Base("short", g.CONSUMER, heartbeat(epoch)),
        Base("leaves", g.CONSUMER, heartbeat(-1)),
        Base("leaves-for-a-while", g.STATIC_CONSUMER, heartbeat(-2, instance_id=g.INSTANCE)),
        Base("second-instance", g.STATIC_CONSUMER, joins("n", instance_id=g.INSTANCE)),
        Base("comes-back", g.AWAY, joins("n", instance_id=g.INSTANCE)),
        Base("revoking", g.REVOKING, heartbeat(epoch), edges=False),
        Base("revoked", g.REVOKING, heartbeat(epoch, topic_partitions=[{"topic_id": topic_id("plain"), "partitions": memory("kept")}]),
             edges=False),
        Base("waits-for-revocation", g.REVOKING, heartbeat(memory("n-epoch"), "n"), edges=False),
        Base("leaves-while-revoking", g.REVOKING, heartbeat(-1), edges=False, short_lived=True),
        Base("left", g.CONSUMER_LEFT, joins(), edges=False),
        Base("offsets", g.COMMITTED, joins(), edges=False),
        Base("upgrades", g.UPGRADED, joins(), edges=False),
        Base("connect", g.OTHER_TYPE, joins(), edges=False),
    ],
}


# ---- the edges ----
def beside(delta):
    """A generation or an epoch beside the one that is known."""
    return lambda side: side.memory.get("epoch", side.memory.get("generation", 0)) + delta


def strings(base, name):
    number = next(NUMBER)
    rows = [("empty", ""), ("null", None), ("unknown", f"unknown-{number}"), ("long", f"{number:0250}"), ("umlaut", f"\u00fc-{number}"),
            ("not-utf8", b"\xff\xc3-%d" % number)]
    if name in ("member_id", "group_instance_id", "instance_id"):
        rows += [("own", lambda side: side.memory.get("a", "m")), ("instance", g.INSTANCE)]
    if name == "committed_metadata":
        rows += [("most", "m" * 4096), ("more", "m" * 4097), ("string", "m" * 32766)]
    if name in ("protocol_type", "server_assignor", "states_filter", "types_filter", "protocol_name"):
        rows += [(word, word) for word in ("consumer", "connect", "classic", "uniform", "range", "RANGE", "roundrobin", "stable", "Empty",
                                           "Assigning")]
    return rows


def singles(base, field):
    """(label, value) of one value."""
    if field.name == "subscribed_topic_regex":
        return REGEXES
    if field.type == "string" and field.name != "name" and not field.name.startswith("subscribed_topic"):
        return strings(base, field.name)
    if field.name in GENERATIONS:
        return edges.numbers(field.type) + [("earlier", beside(-1)), ("now", beside(0)), ("later", beside(1))]
    if field.name == "session_timeout_ms":
        return edges.numbers(field.type) + [(str(ms), ms) for ms in (5_999, 6_000, 1_800_000, 1_800_001)]
    return edges.singles(field)


def values(base, field, value):
    of_one = singles(base, field)
    return edges.arrays(field, value, of_one) if field.array else of_one


def is_never_answered(api, path, label):
    """By Kafka, where it is to complete a rebalance: it fails inside, and forgets whom to tell."""
    return (api.name, path, label) in (("JoinGroup", "protocols", "twice"), ("JoinGroup", "protocols.metadata", "garbage"))


def sent(api, version, base, path, label):
    """Whether that edge may be sent."""
    if is_never_answered(api, path, label):
        return (base.name, version) in (("first", 3), ("pending", 9))
    return (api.name, base.name, path) != ("JoinGroup", "new", "rebalance_timeout_ms")  # the shortest is over at once


def is_short_lived(path, label):
    """Whoever joined so is out again as soon as it has not sent its SyncGroup; or regular expressions are resolved, soon."""
    return path == "subscribed_topic_regex" or path == "rebalance_timeout_ms" and label != "max"


def edge_cases(api, version, base):
    for path, field, value in edges.fields_of(api.message("request").root, version, base.body):
        shown = edges.shown(path)
        for label, edge in values(base, field, value):
            if sent(api, version, base, shown, label):
                yield Case(api, version, f"{base.name}:{shown}={label}", edges.changed(base.body, path, edge), state=base.state,
                           wake=base.wake, short_lived=is_short_lived(shown, label),
                           patient=is_never_answered(api, shown, label))


def large(offered):
    """More than a record, or a batch of the topic, may have. After the OffsetCommit Kafka tells a partition twice: nobody looks."""
    many = [{"partition_index": 0, "committed_offset": 5, "committed_metadata": "m" * 4096} for _ in range(400)]
    for api, version in families.versions("OffsetCommit", offered)[-1:]:
        topics = [{"name": "plain", "topic_id": topic_id("plain"), "partitions": many}]
        yield Case(api, version, "large:metadata", commit(topics=topics), state=g.COMMITTED, short_lived=True)
    for api, version in families.versions("SyncGroup", offered)[-1:]:
        rows = [{"member_id": own, "assignment": bytes(2 << 20)}]
        yield Case(api, version, "large:assignment", sync("a", assignments=rows), state=g.JOINED, short_lived=True)
    for api, version in families.versions("ConsumerGroupHeartbeat", offered)[-1:]:
        names = [f"{i:0200}" for i in range(8_000)]
        yield Case(api, version, "large:names", joins(subscribed_topic_names=names), state=g.NOBODY_OF_CONSUMERS)


def cases(offered):
    for name in ORDER:
        versions = families.versions(name, offered)
        for base in BASES[name]:
            mine = [(api, version) for api, version in versions if base.since <= version <= base.until]
            for api, version in mine:
                yield Case(api, version, f"{base.name}:as-it-is", base.body, state=base.state, wake=base.wake,
                           short_lived=base.short_lived)
                if base.edges and (base is BASES[name][0] or (api, version) in (mine[0], mine[-1])):
                    yield from edge_cases(api, version, base)
        base = BASES[name][0]
        for api, version in versions:
            for case in families.around(api, version, base.name, base.body, False):
                yield dataclasses.replace(case, state=base.state)
    yield from large(offered)


assert all(name in BY_NAME for name in ORDER)
