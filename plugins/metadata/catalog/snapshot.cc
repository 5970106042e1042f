// Catalog::save and load: the bytes of a snapshot.
#include <fmt/format.h>

#include "metadata/catalog/catalog.h"
#include "metadata/wire/metadata.pb.h"

namespace chronik::metadata {
namespace {

constexpr std::string_view kMagic = "CMET";
// 1 had no moves and no nodes that were removed, 2 has no records. A catalog without records, that is before
// feature levels were finalized, is written as builds of before read it.
constexpr uint32_t kFormat = 3, kFormatOfBefore = 2;

void put_u32(uint32_t value, std::string* out) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>(value >> shift & 0xFF));
}

Status check_format(SnapshotReader* in) {
  CHRONIK_TRY(const std::string_view magic, in->take_bytes(kMagic.size()));
  if (magic != kMagic) return fail(Code::kCorrupt, "the snapshot is none of metadata");
  CHRONIK_TRY(const uint32_t format, in->take_u32());
  if (format < 1 || format > kFormat)
    return fail(Code::kUnsupported,
                fmt::format("the snapshot has format {}, this node knows {}; upgrade it", format, kFormat));
  return {};
}

}  // namespace

void SnapshotWriter::put(const google::protobuf::MessageLite& message) {
  buffer_.clear();
  put_u32(static_cast<uint32_t>(message.ByteSizeLong()), &buffer_);
  message.AppendToString(&buffer_);
  put(buffer_);
}

Result<uint32_t> SnapshotReader::take_u32() {
  CHRONIK_TRY(const std::string_view bytes, take_bytes(4));
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[static_cast<size_t>(i)]);
  return value;
}

Status Catalog::save(const SnapshotWriter::Write& write) const {
  wire::SnapshotHead head;
  head.set_cluster_id(cluster_id_);
  head.set_catalog_version(version_);
  each_table([&](const auto& table) { table.save(&head); });
  head.set_digest(digest());

  std::string begin(kMagic);
  put_u32(head.records() > 0 ? kFormat : kFormatOfBefore, &begin);
  SnapshotWriter out(write);
  out.put(begin);
  out.put(head);
  each_table([&](const auto& table) { table.save_rows(&out); });
  if (!out.is_going()) return fail(Code::kFailed, "the snapshot was not taken");
  return {};
}

Result<Catalog> Catalog::load(std::string_view bytes) {
  SnapshotReader in(bytes);
  CHRONIK_CHECK(check_format(&in));
  CHRONIK_TRY(const wire::SnapshotHead head, in.take_message<wire::SnapshotHead>());
  Catalog catalog;
  catalog.cluster_id_ = head.cluster_id();
  catalog.version_ = head.catalog_version();
  Status loaded;
  catalog.each_table([&](auto& table) {
    if (loaded) loaded = table.load(head, &in);
  });
  if (!loaded) return std::unexpected(loaded.error());
  if (!in.is_done()) return fail(Code::kCorrupt, "the snapshot goes on after its end");
  if (catalog.digest() != head.digest())
    return fail(Code::kCorrupt, "the snapshot does not match its digest");
  return catalog;
}

}  // namespace chronik::metadata
