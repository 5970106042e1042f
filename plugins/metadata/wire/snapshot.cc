#include "metadata/wire/snapshot.h"

#include <fmt/format.h>

#include <utility>

#include "metadata/wire/convert.h"

namespace chronik::metadata {
namespace {

constexpr std::string_view kMagic = "CMET";
// 1 had no moves and no nodes that were removed, 2 has no records. A catalog without records, that is before
// feature levels were finalized, is written as builds of before read it.
constexpr uint32_t kFormat = 3, kFormatOfBefore = 2;

void put_u32(uint32_t value, std::string* out) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>(value >> shift & 0xFF));
}

void put_message(const google::protobuf::MessageLite& message, std::string* out) {
  const std::string bytes = message.SerializeAsString();
  put_u32(static_cast<uint32_t>(bytes.size()), out);
  out->append(bytes);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool done() const { return rest_.empty(); }
  Result<std::string_view> take(size_t n) {
    if (rest_.size() < n) return fail(Code::kCorrupt, "the snapshot ends early");
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  Result<uint32_t> u32() {
    CHRONIK_TRY(const std::string_view bytes, take(4));
    uint32_t value = 0;
    for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[static_cast<size_t>(i)]);
    return value;
  }
  template <class Message>
  Result<Message> message() {
    CHRONIK_TRY(const uint32_t n, u32());
    CHRONIK_TRY(const std::string_view bytes, take(n));
    Message out;
    if (!out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
      return fail(Code::kCorrupt, "the snapshot holds bytes that are no message");
    return out;
  }

 private:
  std::string_view rest_;
};

Status check_format(Reader* reader) {
  CHRONIK_TRY(const std::string_view magic, reader->take(kMagic.size()));
  if (magic != kMagic) return fail(Code::kCorrupt, "the snapshot is none of metadata");
  CHRONIK_TRY(const uint32_t format, reader->u32());
  if (format < 1 || format > kFormat)
    return fail(Code::kUnsupported,
                fmt::format("the snapshot has format {}, this node knows {}; upgrade it", format, kFormat));
  return {};
}

wire::Record message_of(const std::string& space, const Record& record) {
  wire::Record out;
  out.set_space(space);
  out.set_key(record.key);
  out.set_value(record.value);
  out.set_version(record.version);
  return out;
}

void put_applied(const AppliedRequests& applied, wire::SnapshotHead* head) {
  for (const auto& [node, sessions] : applied.by_node()) {
    for (const AppliedRequests::Session& session : sessions) {
      wire::AppliedSession* out = head->add_applied();
      out->set_node(node);
      out->set_session(session.id);
      out->set_forgotten(session.forgotten);
      uint64_t last = session.forgotten;
      for (const uint64_t number : session.numbers) out->add_steps(number - std::exchange(last, number));
    }
  }
}

Status restore_applied(const wire::SnapshotHead& head, Catalog* catalog) {
  for (const wire::AppliedSession& from : head.applied()) {
    AppliedRequests::Session session{from.session(), from.forgotten(), {}};
    uint64_t number = from.forgotten();
    for (const uint64_t step : from.steps()) {
      if (step == 0 || step > UINT64_MAX - number)
        return fail(Code::kCorrupt, "the snapshot holds a request twice");
      session.numbers.insert(session.numbers.end(), number += step);
    }
    CHRONIK_CHECK(catalog->restore(from.node(), std::move(session)));
  }
  return {};
}

}  // namespace

Status save_snapshot(const Catalog& catalog, const std::function<bool(std::string_view)>& write) {
  const Catalog::Scalars scalars = catalog.scalars();
  wire::SnapshotHead head;
  head.set_cluster_id(scalars.cluster_id);
  head.set_catalog_version(scalars.version);
  head.set_next_producer_id(scalars.next_producer_id);
  for (const Uuid& deleted : scalars.deleted) head.add_deleted(convert::id(deleted));
  head.mutable_removed_nodes()->Add(scalars.removed_nodes.begin(), scalars.removed_nodes.end());
  head.set_nodes(catalog.nodes().size());
  head.set_topics(catalog.topics());
  head.set_digest(catalog.digest());
  const Records& records = catalog.records();
  head.set_records(records.size());
  put_applied(catalog.applied(), &head);

  std::string out(kMagic);
  put_u32(records.size() > 0 ? kFormat : kFormatOfBefore, &out);
  put_message(head, &out);
  for (const auto& [id, node] : catalog.nodes()) {
    wire::Node message;
    convert::to_wire(node, &message);
    put_message(message, &out);
  }
  bool going = write(out);
  catalog.each_topic([&](const Topic& topic) {
    if (!going) return;
    wire::Topic message;
    convert::to_wire(topic, &message);
    out.clear();
    put_message(message, &out);
    going = write(out);
  });
  for (const auto& [space, unused] : records.spaces()) {
    each_record(records.spaces(), space, {}, [&, &space = space](const Record& record) {
      if (!going) return false;
      out.clear();
      put_message(message_of(space, record), &out);
      going = write(out);
      return going;
    });
  }
  if (!going) return fail(Code::kFailed, "the snapshot was not taken");
  return {};
}

Result<Catalog> load_snapshot(std::string_view bytes) {
  Reader reader(bytes);
  CHRONIK_CHECK(check_format(&reader));
  CHRONIK_TRY(const wire::SnapshotHead head, reader.message<wire::SnapshotHead>());
  Catalog catalog;
  Catalog::Scalars scalars{head.cluster_id(),
                           head.catalog_version(),
                           head.next_producer_id(),
                           {},
                           {head.removed_nodes().begin(), head.removed_nodes().end()}};
  for (const std::string& deleted : head.deleted()) {
    CHRONIK_TRY(const Uuid id, convert::id(deleted));
    scalars.deleted.push_back(id);
  }
  catalog.restore(std::move(scalars));
  CHRONIK_CHECK(restore_applied(head, &catalog));
  for (uint64_t i = 0; i < head.nodes(); ++i) {
    CHRONIK_TRY(const wire::Node message, reader.message<wire::Node>());
    CHRONIK_TRY(Node node, convert::from_wire(message));
    CHRONIK_CHECK(catalog.restore(std::move(node)));
  }
  for (uint64_t i = 0; i < head.topics(); ++i) {
    CHRONIK_TRY(const wire::Topic message, reader.message<wire::Topic>());
    CHRONIK_TRY(Topic topic, convert::from_wire(message));
    CHRONIK_CHECK(catalog.restore(std::move(topic)));
  }
  for (uint64_t i = 0; i < head.records(); ++i) {
    CHRONIK_TRY(const wire::Record message, reader.message<wire::Record>());
    CHRONIK_TRY(Record record, convert::from_wire(message));
    CHRONIK_CHECK(catalog.restore(message.space(), std::move(record)));
  }
  if (!reader.done()) return fail(Code::kCorrupt, "the snapshot goes on after its end");
  if (catalog.digest() != head.digest())
    return fail(Code::kCorrupt, "the snapshot does not match its digest");
  return catalog;
}

}  // namespace chronik::metadata
