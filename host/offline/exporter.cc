#include "host/offline/exporter.h"

#include <fmt/format.h>

#include <map>

#include "host/offline/group_digest.h"
#include "host/offline/messages.h"
#include "host/offline/progress.h"

namespace chronik::host {
namespace {

using LastIndexes = std::map<std::string, uint64_t, std::less<>>;  // by the group's name

std::string_view bytes_of(const chr_slice& slice) {
  return {reinterpret_cast<const char*>(slice.p), static_cast<size_t>(slice.n)};
}

Result<LastIndexes> hear_what_is_there(MessageReader& in) {
  LastIndexes there;
  for (;;) {
    CHRONIK_CHECK(in.next());
    if (in.type() == MessageType::kGo) return there;
    CHRONIK_TRY(const uint64_t last, in.head_as<uint64_t>());
    CHRONIK_TRY(const std::string name, in.body());
    there[name] = last;
  }
}

// The copy can only go on where it is a part of what there is.
Status check_part(const LastIndexes& there, const std::vector<ListedGroup>& groups) {
  size_t known = 0;
  for (const ListedGroup& group : groups) {
    const auto found = there.find(group.name);
    if (found == there.end()) continue;
    ++known;
    if (found->second > group.last_index)
      return fail(
          Code::kConflict,
          fmt::format(
              "the copy of group {} ends at entry {}, the group itself at {}: remove the unfinished copy "
              "(its folder ends in .copying) and copy again",
              group.name, found->second, group.last_index));
  }
  if (known == there.size()) return {};
  return fail(
      Code::kConflict,
      fmt::format(
          "the copy has {} groups that its source does not have: remove the unfinished copy (its folder "
          "ends in .copying) and copy again",
          there.size() - known));
}

Error of_group(const ListedGroup& group, Error error) {
  if (error.code != Code::kCancelled)
    error.message = fmt::format("group {} ({}): {}", group.id, group.name, error.message);
  return error;
}

class GroupExport {
 public:
  GroupExport(const StorageAdmin& admin, MessageWriter& out) : admin_(admin), out_(out) {}

  Status send(const ListedGroup& group, uint64_t last_there) {
    CHRONIK_CHECK(out_.write(MessageType::kGroup, ExportSizes{1, group.entries, group.bytes}, group.name));
    CHRONIK_CHECK(settle(group, admin_.keys(group.id, {}, [&](std::string_view key, const chr_slice& value) {
      return keep(out_.write(MessageType::kKey, key, bytes_of(value)));
    })));
    return settle(group, admin_.entries(group.id, last_there + 1, [&](const chr_entry& entry) {
      return keep(out_.write(MessageType::kEntry, entry.header, bytes_of(entry.payload)));
    }));
  }

 private:
  bool keep(Status status) {
    sent_ = std::move(status);
    return sent_.has_value();
  }
  // What could not be sent, or else what could not be read.
  Status settle(const ListedGroup& group, const Status& read) const {
    CHRONIK_CHECK(sent_);
    if (read) return {};
    return std::unexpected(of_group(group, read.error()));
  }

  const StorageAdmin& admin_;
  MessageWriter& out_;
  Status sent_;
};

}  // namespace

Status export_groups(const StorageAdmin& admin, int socket) {
  MessageReader in(socket);
  MessageWriter out(socket);
  CHRONIK_TRY(const LastIndexes there, hear_what_is_there(in));
  CHRONIK_TRY(const std::vector<ListedGroup> groups, list_groups(admin));
  CHRONIK_CHECK(check_part(there, groups));
  ExportSizes totals{groups.size(), 0, 0};
  for (const ListedGroup& group : groups) {
    totals.entries += group.entries;
    totals.bytes += group.bytes;
  }
  CHRONIK_CHECK(out.write(MessageType::kTotals, totals, {}));
  GroupExport one(admin, out);
  for (const ListedGroup& group : groups) {
    const auto found = there.find(group.name);
    CHRONIK_CHECK(one.send(group, found == there.end() ? 0 : found->second));
  }
  CHRONIK_CHECK(out.write(MessageType::kEnd, {}, {}));
  return out.flush();
}

Status export_digests(const StorageAdmin& admin, const std::string& who, int socket) {
  MessageWriter out(socket);
  CHRONIK_TRY(const std::vector<ListedGroup> groups, list_groups(admin));
  Progress progress("storage copy", fmt::format("verified {}:", who));
  uint64_t total = 0;
  for (const ListedGroup& group : groups) total += group.bytes;
  progress.set_total(total);
  for (const ListedGroup& group : groups) {
    const Result<GroupDigest> digest =
        digest_group(admin, group, [&](uint64_t bytes) { progress.add(bytes); });
    if (!digest) return std::unexpected(of_group(group, digest.error()));
    CHRONIK_CHECK(out.write(MessageType::kDigest, *digest, group.name));
  }
  CHRONIK_CHECK(out.write(MessageType::kEnd, {}, {}));
  return out.flush();
}

}  // namespace chronik::host
