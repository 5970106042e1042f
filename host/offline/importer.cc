#include "host/offline/importer.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/config/units.h"

namespace chronik::host {
namespace {

constexpr uint64_t kBatchBytes = 4 << 20;
constexpr size_t kBatchItems = 4096;

}  // namespace

Importer::Importer(LonePlugin& plugin, const Storage& storage, std::filesystem::path folder, int socket)
    : plugin_(plugin),
      storage_(storage),
      folder_(std::move(folder)),
      in_(socket),
      out_(socket),
      queue_(plugin.runtime(), storage),
      progress_("storage copy", "copied") {}

Status Importer::run() {
  CHRONIK_CHECK(tell_what_is_there());
  for (;;) {
    CHRONIK_CHECK(in_.next());
    Status taken;
    switch (in_.type()) {
      case MessageType::kTotals:
        taken = take_totals();
        break;
      case MessageType::kGroup:
        taken = take_group();
        break;
      case MessageType::kKey:
        taken = take_key();
        break;
      case MessageType::kEntry:
        taken = take_entry();
        break;
      case MessageType::kEnd:
        CHRONIK_CHECK(queue_.submit(std::move(batch_)));
        return queue_.wait();
      default:
        taken = fail(Code::kFailed, "a message between two processes is malformed");
    }
    CHRONIK_CHECK(taken);
  }
}

Status Importer::tell_what_is_there() {
  std::vector<std::pair<std::string, uint64_t>> groups;
  storage_.list_groups([&](std::string_view name, uint64_t id) { groups.emplace_back(name, id); });
  uint64_t bytes = 0;
  for (const auto& [name, id] : groups) {
    CHRONIK_TRY(const chr_storage_bounds bounds, storage_.bounds(id));
    bytes += bounds.bytes;
    CHRONIK_CHECK(out_.write(MessageType::kHave, bounds.last_index, name));
  }
  CHRONIK_CHECK(out_.write(MessageType::kGo, {}, {}));
  progress_.set_done(bytes);
  return out_.flush();
}

// Payload alone is less than what a storage takes: where even that does not fit, there is no use in
// beginning.
Status Importer::take_totals() {
  CHRONIK_TRY(const ExportSizes totals, in_.head_as<ExportSizes>());
  progress_.set_total(totals.bytes);
  const uint64_t missing = totals.bytes - std::min(totals.bytes, progress_.done());
  std::error_code error;
  const auto space = std::filesystem::space(folder_, error);
  if (error || space.available >= missing) return {};
  return fail(Code::kNoSpace,
              fmt::format("{} are still to be copied, but {} has only {} left", human_size(missing),
                          folder_.string(), human_size(space.available)));
}

Status Importer::take_group() {
  CHRONIK_TRY(const std::string name, in_.body());
  CHRONIK_TRY(group_, storage_.open_group(name));
  batch_.groups.push_back({group_, {}, {}});
  ++batch_.items;
  return send_full_batch();
}

Result<chr_slice> Importer::take_body() {
  chr_slice slice{nullptr, in_.body_size(), nullptr};
  ++batch_.items;
  if (slice.n == 0) return slice;
  if (const chr_status status = plugin_.host().alloc(slice.n, &slice); status != CHR_OK)
    return fail(static_cast<Code>(status), "there is no memory for what is copied");
  batch_.leases.push_back(Lease::adopt(slice.lease));
  CHRONIK_CHECK(in_.read_body(const_cast<uint8_t*>(slice.p)));
  batch_.bytes += slice.n;
  return slice;
}

ImportBatch::Group& Importer::group() {
  if (batch_.groups.empty()) batch_.groups.push_back({group_, {}, {}});
  return batch_.groups.back();
}

Status Importer::take_key() {
  CHRONIK_TRY(const chr_slice value, take_body());
  group().keys.emplace_back(in_.head(), value);
  return send_full_batch();
}

Status Importer::take_entry() {
  chr_entry entry{};
  CHRONIK_TRY(entry.header, in_.head_as<chr_entry_header>());
  CHRONIK_TRY(entry.payload, take_body());
  group().entries.push_back(entry);
  progress_.add(entry.payload.n);
  return send_full_batch();
}

Status Importer::send_full_batch() {
  if (batch_.bytes < kBatchBytes && batch_.items < kBatchItems) return {};
  return queue_.submit(std::exchange(batch_, {}));
}

}  // namespace chronik::host
