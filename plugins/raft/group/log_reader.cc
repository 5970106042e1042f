#include "raft/group/log_reader.h"

#include "raft/group/log_repair.h"
#include "raft/group/log_trim.h"
#include "raft/group/role_report.h"

#include <chronik/entries_lease.hpp>
#include <chronik/plugin.hpp>

#include <algorithm>
#include <utility>

namespace chronik::raft {
namespace {

constexpr uint32_t kEntriesAtOnce = 16384;  // a batch of one record is little but its header
constexpr uint32_t kHeadersAtOnce = 4096;
constexpr uint32_t kFirstHeaders = 16;  // most who ask want one
constexpr uint32_t kMoreHeaders = 1024;

// What keeps the payloads of one read where they are.
struct Payloads {
  std::vector<Payload> in_memory;
  Lease stored;
  bool is_recalled() const { return stored.is_recalled(); }
};
using Answer = EntriesLease<Payloads>;

// What storage found, or what it would find in what others have committed and this node's disk had not yet
// when it was asked: that is in memory, after `written`.
Result<chr_entry_header> find_unwritten_too(const RaftLog& log, Index written, Index visible, int32_t by,
                                            int64_t value, Result<chr_entry_header> stored) {
  if (!stored && stored.error().code != Code::kNotFound) return stored;
  const bool largest = by == CHR_FIND_MAX_TIMESTAMP;
  if (stored && stored->index <= written && !largest) return stored;
  const EntryHeader* best = nullptr;
  log.visit(written + 1, [&](const Entry& entry) {
    const EntryHeader& header = entry.header;
    if (header.index > visible) return false;
    if (header.kind != CHR_ENTRY_DATA) return true;
    const int64_t has = by == CHR_FIND_OFFSET ? header.end_offset() - 1 : header.max_timestamp;
    if (largest ? best == nullptr || has > best->max_timestamp : has >= value) best = &header;
    return largest || best == nullptr;
  });
  if (best == nullptr || (stored && largest && stored->max_timestamp >= best->max_timestamp)) return stored;
  return chr_entry_header(*best);
}

}  // namespace

void ColdHints::remember(int64_t offset, Index index) {
  if (hints_.size() < kMaxHints) {
    hints_.push_back({offset, index});
  } else {
    hints_[next_++ % kMaxHints] = {offset, index};
  }
}

Index ColdHints::find(int64_t offset) const {
  const auto known = std::ranges::find(hints_, offset, &Hint::offset);
  return known == hints_.end() ? 0 : known->index;
}

chr_status LogReader::read(const chr_group_read* args, chr_entries* out, uint64_t token, chr_error* error) {
  if (group_.state == GroupState::kRecovering || group_.state == GroupState::kClosed)
    return report(error, CHR_E_UNAVAILABLE, "the group is not open");
  if (group_.state == GroupState::kFailed) return report(error, group_.failure);
  const RaftLog& log = group_.raft->log();
  out->n = 0;
  out->entries = nullptr;
  out->lease = nullptr;
  if (args->offset < siblings_.trim.start() || args->offset > log.end_offset())
    return report(error, CHR_E_OUT_OF_RANGE,
                  "offset " + std::to_string(args->offset) + " is outside of the log, which holds " +
                      std::to_string(siblings_.trim.start()) + " to " + std::to_string(log.end_offset()));
  // mutant reads-uncommitted: const int64_t bound = log.end_offset();
  const int64_t bound =
      args->bound == CHR_BOUND_COMMITTED ? siblings_.role.high_watermark() : log.end_offset();
  if (args->offset >= bound || read_memory(*args, bound, out)) return CHR_OK;
  if (const Index from = hints_.find(args->offset); from != 0 && from >= log.first_index()) {
    read_storage(*args, from, false, out, token);
  } else {
    locate_and_read(*args, out, token);
  }
  return CHR_PENDING;
}

bool LogReader::read_memory(const chr_group_read& args, int64_t bound, chr_entries* out) {
  const RaftLog& log = group_.raft->log();
  const Entry* first = log.find_offset(args.offset);
  const bool headers_only = args.headers_only != 0;
  if (first == nullptr || (!first->in_memory() && !headers_only)) return false;
  auto answer = std::make_unique<Answer>();
  uint64_t bytes = 0;
  log.visit(first->header.index, [&](const Entry& entry) {
    if (entry.header.base_offset >= bound || (!entry.in_memory() && !headers_only)) return false;
    if (entry.header.kind != CHR_ENTRY_DATA) return true;
    bytes += entry.header.bytes;
    if (!answer->empty() && bytes > args.max_bytes) return false;
    answer->add({entry.header, headers_only ? chr_slice{} : entry.payload.slice()});
    if (!headers_only) answer->held().in_memory.push_back(entry.payload);
    return true;
  });
  Answer::publish(std::move(answer), out);
  return true;
}

void LogReader::locate_and_read(const chr_group_read& args, chr_entries* out, uint64_t token) {
  group_.services.store.find(
      group_.storage_group, CHR_FIND_OFFSET, args.offset,
      [this, alive = group_.alive(), args, out, token](Result<chr_entry_header> header) {
        if (header) return read_storage(args, header->index, true, out, token);
        // Nothing durable holds it yet: an empty answer, the reader comes back.
        const bool none = header.error().code == Code::kNotFound;
        if (!none) siblings_.repair.read_failed(header.error(), 0);
        none ? group_.host().complete(token, CHR_OK) : group_.host().complete(token, header.error());
      });
}

// Storage counts no bytes where it returns none: headers come in pages, until they
// describe enough, or are many.
struct LogReader::HeaderScan {
  chr_group_read args;
  bool certain;
  chr_entries* out;
  uint64_t token;
  std::unique_ptr<Answer> answer = std::make_unique<Answer>();
  uint64_t bytes = 0;
  uint32_t seen = 0;
  uint32_t page = kFirstHeaders;

  // False: that is all.
  bool add_headers(const StoredEntries& headers) {
    for (uint32_t i = 0; i < headers.n; ++i) {
      const chr_entry_header& header = headers.entries[i].header;
      if (header.kind != CHR_ENTRY_DATA) continue;
      bytes += header.bytes;
      if (!answer->empty() && bytes > args.max_bytes) return false;
      answer->add({header, {}});
    }
    seen += headers.n;
    return headers.n == std::exchange(page, kMoreHeaders) && bytes < args.max_bytes && seen < kHeadersAtOnce;
  }
};

chr_storage_read LogReader::stored_range(const chr_group_read& args, Index from) const {
  const RaftLog& log = group_.raft->log();
  chr_storage_read read{};
  read.headers_only = args.headers_only;
  read.group = group_.storage_group;
  read.from = from;
  // Above what is durable, storage may still hold entries that were truncated.
  read.to = std::min(args.bound == CHR_BOUND_COMMITTED ? siblings_.role.visible() : log.last_index(),
                     log.stable()) +
            1;
  read.max_bytes = args.max_bytes;
  read.max_entries = kEntriesAtOnce;
  read.max_lease_ms = args.max_lease_ms;
  return read;
}

// certain: `from` is known to hold the offset; otherwise it was a guess, and an empty answer proves nothing.
void LogReader::read_storage(const chr_group_read& args, Index from, bool certain, chr_entries* out,
                             uint64_t token) {
  if (args.headers_only != 0)
    return read_headers(std::make_shared<HeaderScan>(HeaderScan{args, certain, out, token}), from);
  group_.services.store.read(stored_range(args, from), [this, alive = group_.alive(), args, from, certain,
                                                        out, token](Result<StoredEntries> entries) {
    if (!entries) siblings_.repair.read_failed(entries.error(), from);
    storage_read(args, certain, out, token, std::move(entries));
  });
}

void LogReader::read_headers(const std::shared_ptr<HeaderScan>& scan, Index from) {
  chr_storage_read read = stored_range(scan->args, from);
  read.max_entries = scan->page;
  group_.services.store.read(read, [this, alive = group_.alive(), scan, from](Result<StoredEntries> headers) {
    if (!headers) siblings_.repair.read_failed(headers.error(), from);
    headers_read(scan, std::move(headers));
  });
}

void LogReader::headers_read(const std::shared_ptr<HeaderScan>& scan, Result<StoredEntries> headers) {
  const bool more = headers && scan->add_headers(*headers) && group_.is_open();
  if (more) return read_headers(scan, headers->entries[headers->n - 1].header.index + 1);
  const bool none = scan->answer->empty();
  Answer::publish(std::move(scan->answer), scan->out);
  if (!headers && none) return group_.host().complete(scan->token, headers.error());
  if (none && scan->seen > 0 && !scan->certain) return locate_and_read(scan->args, scan->out, scan->token);
  group_.host().complete(scan->token, CHR_OK);
}

void LogReader::storage_read(const chr_group_read& args, bool certain, chr_entries* out, uint64_t token,
                             Result<StoredEntries> read) {
  if (!read) return group_.host().complete(token, read.error());
  uint32_t data = 0;
  for (uint32_t i = 0; i < read->n; ++i) data += read->entries[i].header.kind == CHR_ENTRY_DATA;
  if (data == 0 && read->n > 0 && !certain) return locate_and_read(args, out, token);
  if (read->n > 0) {
    const EntryHeader last(read->entries[read->n - 1].header);
    hints_.remember(last.end_offset(), last.index + 1);
  }
  if (data == read->n) {
    out->n = read->n;
    out->entries = read->entries;
    out->lease = read->lease.release();
  } else {
    auto answer = std::make_unique<Answer>();
    for (uint32_t i = 0; i < read->n; ++i)
      if (read->entries[i].header.kind == CHR_ENTRY_DATA) answer->add(read->entries[i]);
    answer->held().stored = std::move(read->lease);
    Answer::publish(std::move(answer), out);
  }
  chr_done done{};
  done.token = token;
  done.u[0] = out->n;
  group_.host().complete(&done, 1);
}

chr_status LogReader::find(int32_t by, int64_t value, chr_entry_header* out, uint64_t token,
                           chr_error* error) {
  if (!group_.is_open()) return report(error, CHR_E_UNAVAILABLE, "the group is not open");
  const Index written = group_.raft->log().stable();
  group_.services.store.find(
      group_.storage_group, by, value,
      [this, alive = group_.alive(), by, value, written, out, token](Result<chr_entry_header> header) {
        if (group_.is_open()) {
          const RaftLog& log = group_.raft->log();
          header = find_unwritten_too(log, written, siblings_.role.visible(), by, value, std::move(header));
          // What was written meanwhile may be gone from memory: now storage has it.
          if (!header && header.error().code == Code::kNotFound && log.window_start() > written + 1)
            return static_cast<void>(find(by, value, out, token, nullptr));
        }
        found(by, value, false, out, token, std::move(header));
      });
  return CHR_PENDING;
}

void LogReader::found(int32_t by, int64_t value, bool again, chr_entry_header* out, uint64_t token,
                      Result<chr_entry_header> header) {
  if (!group_.is_open()) return group_.host().complete(token, CHR_E_UNAVAILABLE, "the group closed");
  if (!header) return group_.host().complete(token, header.error());
  const RaftLog& log = group_.raft->log();
  // Storage may still hold entries that were truncated, and those that were trimmed, which callers know by their offsets.
  const bool stands = header->index < log.first_index() || log.matches(header->index, header->term);
  if (stands && header->index <= siblings_.role.visible()) {
    *out = *header;
    return group_.host().complete(token, CHR_OK);
  }
  // The largest timestamp of all is not committed yet: look for the largest of what is.
  const Entry* last = log.find(siblings_.role.visible());
  if (by != CHR_FIND_MAX_TIMESTAMP || again || last == nullptr)
    return group_.host().complete(token, CHR_E_NOT_FOUND, "no committed entry qualifies");
  const int64_t committed_max = last->header.log_max_timestamp;
  group_.services.store.find(group_.storage_group, CHR_FIND_TIMESTAMP, committed_max,
                             [this, alive = group_.alive(), by, value, written = log.stable(), committed_max,
                              out, token](Result<chr_entry_header> other) {
                               if (group_.is_open())
                                 other =
                                     find_unwritten_too(group_.raft->log(), written, siblings_.role.visible(),
                                                        CHR_FIND_TIMESTAMP, committed_max, std::move(other));
                               found(by, value, true, out, token, std::move(other));
                             });
}

chr_status LogReader::epoch_end(uint64_t term, uint64_t* found_term, int64_t* end_offset) {
  if (!group_.is_open()) return CHR_E_UNAVAILABLE;
  const TermEnd end = group_.raft->log().term_end(term);
  if (end.term == 0) return CHR_E_NOT_FOUND;
  *found_term = end.term;
  *end_offset = end.end_offset;
  return CHR_OK;
}

chr_status LogReader::bounds(chr_group_bounds* out) {
  if (group_.state == GroupState::kRecovering || group_.state == GroupState::kClosed)
    return CHR_E_UNAVAILABLE;
  const RaftLog& log = group_.raft->log();
  out->leader = siblings_.role.reported_role().leader;
  out->term = group_.raft->term();
  out->log_start = siblings_.trim.start();
  out->high_watermark = siblings_.role.high_watermark();
  out->log_end = log.end_offset();
  out->bytes = siblings_.trim.bytes();
  out->commit_index = siblings_.role.visible();
  out->last_index = log.last_index();
  out->n_voters = static_cast<uint32_t>(group_.raft->membership().voters.size());
  out->usable = siblings_.role.is_usable() ? 1 : 0;
  return CHR_OK;
}

}  // namespace chronik::raft
