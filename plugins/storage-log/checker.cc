#include "storage-log/checker.h"

#include "storage-log/segment/log_check.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

std::string text(uint64_t number) { return std::to_string(number); }

}  // namespace

// ---- what is told ----

Status Checker::note(std::string place, std::string what) {
  Finding finding;
  finding.kind = CHR_REPORT_NOTE;
  finding.place = std::move(place);
  finding.what = std::move(what);
  return tell(finding);
}

std::string Checker::folder() const { return std::string(from_abi(store_.parts().host.node().directory)); }

std::string Checker::place_of(uint64_t sequence) const {
  for (const FoundFrame& frame : store_.replay().tail().frames) {
    if (frame.header.sequence == sequence)
      return store_.parts().journal.name_of(frame.file) + " at " + text(frame.at);
  }
  return "the journal, commit " + text(sequence);
}

Checker::Finding Checker::of_group(uint64_t id) const {
  Finding finding;
  finding.group = id;
  if (const std::shared_ptr<Group> group = store_.parts().groups.find(id)) finding.name = group->name;
  return finding;
}

// ---- the check ----

Status Checker::check(const Host& host, const StorageReportFn& report, chr_storage_check* seen) {
  CHRONIK_TRY(const std::unique_ptr<StoppedStore> store, StoppedStore::make(host));
  return Checker(*store, report, *seen).run();
}

Status Checker::run() {
  CHRONIK_CHECK(count_bytes());
  const Status read = store_.read();
  if (!read && read.error().code == Code::kCorrupt) CHRONIK_CHECK(tell_root(read.error()));
  CHRONIK_CHECK(read);
  CHRONIK_CHECK(check_checkpoint());
  CHRONIK_CHECK(check_journal());
  for (const std::shared_ptr<Group>& group : store_.parts().groups.all()) CHRONIK_CHECK(check_group(*group));
  return check_unlisted_files();
}

Status Checker::count_bytes() {
  uint64_t bytes = 0;
  CHRONIK_CHECK(
      store_.parts().segments.files().list([&](std::string_view, uint64_t size) { bytes += size; }));
  report_.set_all_bytes(bytes);
  return {};
}

Status Checker::tell_root(const Error& error) {
  const Result<Checkpoints::Copies> copies = store_.parts().checkpoints.copies();
  Finding finding;
  finding.place = copies && !copies->file.empty() ? copies->file : folder();
  finding.what = error.message;
  return tell(finding);
}

Status Checker::check_checkpoint() {
  CHRONIK_TRY(const Checkpoints::Copies copies, store_.parts().checkpoints.copies());
  checkpoint_ = copies.file;
  if (!copies.first_is_whole || !copies.second_is_whole)
    CHRONIK_CHECK(note(checkpoint_, std::string("the ") + (copies.first_is_whole ? "second" : "first") +
                                        " of its two copies fails its check; the other one is whole"));
  if (store_.replay().head().has_lost_names) {
    Finding finding;
    finding.place = checkpoint_;
    finding.what = "an earlier start lost a group and its name, so that no group with a new name can be made";
    CHRONIK_CHECK(tell(finding));
  }
  return note_read(copies.bytes);
}

// ---- the journal ----

Status Checker::check_journal() {
  StoreParts& parts = store_.parts();
  const Replay& replay = store_.replay();
  const std::vector<const File*> files = parts.journal.files();
  for (const std::string& name : replay.findings().missing) {
    Finding finding;
    finding.place = name;
    finding.what =
        "the file is missing or cut short: what was written behind " + checkpoint_ +
        " may be lost, and a start refuses; restore the file, or put a new node in the place of this one";
    CHRONIK_CHECK(tell(finding));
  }
  CHRONIK_CHECK(tell_lost());
  CHRONIK_CHECK(check_frames(JournalScan(parts.host, files, parts.journal.block())));
  if (const std::vector<FoundFrame>& dropped = replay.tail().dropped; !dropped.empty()) {
    const FoundFrame& first = dropped.front();
    CHRONIK_CHECK(note(parts.journal.name_of(first.file) + " at " + text(first.at),
                       "the last commits, from number " + text(replay.tail().next_sequence) +
                           " on, were cut short when the store ended, or damaged since; nothing says that "
                           "they were acknowledged"));
  }
  for (const File* file : files) CHRONIK_CHECK(note_read(file->info().size));
  return {};
}

Status Checker::tell_lost() {
  for (const ReplayFindings::Lost& lost : store_.replay().findings().lost) {
    Finding finding = of_group(lost.group);
    finding.place = place_of(lost.sequence);
    finding.what = "a commit is damaged (number " + text(lost.sequence) + ")";
    const std::shared_ptr<Group> group = store_.parts().groups.find(lost.group);
    if (lost.group == 0) {
      finding.what += ", and nobody knows of which groups it was: all are set aside";
    } else if (!lost.counts || (lost.is_known && group == nullptr)) {
      finding.kind = CHR_REPORT_NOTE;
      finding.what += lost.counts ? "; the group was removed later" : "; the checkpoint has what it said";
    } else if (group == nullptr) {
      finding.what += ": the group and its name are lost, and no group with a new name can be made";
    } else {
      chr_storage_bounds bounds{};
      group->log->bounds(&bounds);
      finding.first = bounds.last_index + 1;
      finding.last = UINT64_MAX;
      finding.what += ": the group is set aside, and serves only its entries from before";
    }
    CHRONIK_CHECK(tell(finding));
  }
  return {};
}

// What is there twice and was served from the other place, and bits that were turned back.
Status Checker::check_frames(JournalScan scan) {
  const ReplayFindings& findings = store_.replay().findings();
  std::set<uint64_t> told;
  for (const ReplayFindings::Lost& lost : findings.lost) told.insert(lost.sequence);
  for (const auto& [entry, sequence] : findings.damaged_entries) told.insert(sequence);
  for (const FoundFrame& frame : store_.replay().tail().frames) {
    const uint64_t sequence = frame.header.sequence;
    CHRONIK_TRY(const std::string faults, scan.faults(frame));
    if (faults.empty() || told.contains(sequence)) continue;
    const bool is_mended = std::ranges::find(findings.mended, sequence) != findings.mended.end();
    CHRONIK_CHECK(note(place_of(sequence), "of a commit (number " + text(sequence) + ") " + faults +
                                               (is_mended ? " fails: one bit is flipped, and is turned back"
                                                          : " fails; nothing of it is lost")));
  }
  return {};
}

// ---- groups ----

Status Checker::check_group(const Group& group) {
  ++seen_.groups;
  const auto is_told = [&](const ReplayFindings::Lost& lost) {
    return lost.group == 0 || (lost.group == group.id && lost.counts);
  };
  if (!group.damage.empty() && std::ranges::none_of(store_.replay().findings().lost, is_told)) {
    Finding finding = of_group(group.id);
    finding.place = checkpoint_;
    finding.what = "an earlier start set it aside: " + group.damage;
    CHRONIK_CHECK(tell(finding));
  }
  Status status;
  group.keys.for_each({}, [&](std::string_view key, const StoredValue& stored) {
    status = check_key(group, key, stored);
    return status.has_value();
  });
  CHRONIK_CHECK(status);
  return check_log(group);
}

// Values in memory came with the checkpoint, or with a frame, and share their checksums.
Status Checker::check_key(const Group& group, std::string_view key, const StoredValue& stored) {
  ++seen_.keys;
  if (stored.file == 0) return {};
  const std::string name = value_name(group.id, stored.file);
  values_.insert(name);
  const Result<chr_slice> value = store_.parts().values.read(group.id, stored.file, stored);
  if (value) {
    Lease::adopt(value->lease);
    return note_read(stored.size);
  }
  if (value.error().code == Code::kOverloaded) return std::unexpected(value.error());
  Finding finding = of_group(group.id);
  finding.key = key;
  finding.place = name;
  finding.what = value.error().code == Code::kNotFound  ? "the file of its value is missing"
                 : value.error().code == Code::kCorrupt ? "its value fails its check"
                                                        : value.error().message;
  return tell(finding);
}

Status Checker::check_log(const Group& group) {
  chr_storage_bounds bounds{};
  group.log->bounds(&bounds);
  seen_.entries += bounds.entries;
  seen_.bytes += bounds.bytes;
  LogCheck::Events events;
  events.read = [this](uint64_t bytes) { return note_read(bytes); };
  events.found = [&](const LogCheck::Finding& found) {
    Finding finding = of_group(group.id);
    finding.first = found.first;
    finding.last = found.last;
    finding.place = found.place;
    finding.what = found.what;
    if (found.last == 0) finding.kind = CHR_REPORT_NOTE;
    return tell(finding);
  };
  events.place_in_journal = [&](const Place& place) {
    const auto& damaged = store_.replay().findings().damaged_entries;
    const auto found = damaged.find({group.id, place});
    return found == damaged.end() ? std::string("the journal") : place_of(found->second);
  };
  StoreParts& parts = store_.parts();
  return LogCheck(parts.segments, parts.indexes, *group.log, events).run();
}

// ---- what no group leads to ----

bool Checker::is_unlisted(std::string_view name) const {
  if (checkpoint_name(name)) return name != checkpoint_;
  const GroupTable& groups = store_.parts().groups;
  SegmentId id;
  if (parse_value_name(name, &id.group))
    return !values_.contains(std::string(name)) && !groups.keeps_files(id.group);
  if (!parse_segment_name(name, &id) && !parse_index_name(name, &id)) return false;
  if (groups.keeps_files(id.group)) return false;
  const std::shared_ptr<Group> group = groups.find(id.group);
  return group == nullptr || !group->log->lists(id.number);
}

Status Checker::check_unlisted_files() {
  uint64_t n = 0;
  uint64_t bytes = 0;
  std::string first;
  CHRONIK_CHECK(store_.parts().segments.files().list([&](std::string_view name, uint64_t size) {
    if (!is_unlisted(name)) return;
    if (n++ == 0) first = name;
    bytes += size;
  }));
  if (n == 0) return {};
  return note(first, text(n) + (n == 1 ? " file is" : " files are") + " in use no more (" + text(bytes) +
                         " bytes): the next start removes what a kill left");
}

}  // namespace chronik::storage_log
