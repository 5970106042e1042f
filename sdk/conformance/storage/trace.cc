#include "trace.hpp"

#include <algorithm>

namespace chronik::conformance {
namespace {

using Event = Trace::Event;
using Kind = Trace::Kind;

constexpr uint64_t kSector = 512;

// A change that is not durable yet. What a cut that is durable took away does not come back.
struct Pending {
  size_t event;
  uint64_t limit = UINT64_MAX;
};

uint64_t length(const Event& event) { return event.kind == Kind::kZero ? event.n : event.bytes.size(); }

// [from, to) of what the event writes.
void put(const Event& event, uint64_t from, uint64_t to, std::string& content) {
  if (content.size() < event.at + to) content.resize(event.at + to);
  if (event.kind == Kind::kZero) {
    std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(event.at + from), to - from, '\0');
  } else {
    content.replace(event.at + from, to - from, event.bytes, from, to - from);
  }
}

void apply(const Event& event, uint64_t limit, std::string& content) {
  if (event.kind == Kind::kResize) return content.resize(event.at);
  if (event.at < limit) put(event, 0, std::min(length(event), limit - event.at), content);
}

void apply_some_sectors(const Event& event, uint64_t limit, std::string& content, std::mt19937_64& random) {
  if (event.kind == Kind::kResize) {
    if (random() % 2 == 0) content.resize(event.at);
    return;
  }
  if (event.at >= limit) return;
  const uint64_t end = std::min(length(event), limit - event.at);
  // A file may have got its size without the bytes.
  if (event.ends_later && random() % 4 == 0 && content.size() < event.at + end)
    content.resize(event.at + end);
  for (uint64_t from = 0; from < end;) {
    const uint64_t to = std::min(end, from + kSector - (event.at + from) % kSector);
    if (random() % 2 == 0) put(event, from, to, content);
    from = to;
  }
}

bool changes_bytes(const Event& event) {
  return event.kind == Kind::kWrite || event.kind == Kind::kZero || event.kind == Kind::kResize;
}

}  // namespace

Trace::Trace(Image base) : base_(std::move(base)) {
  for (const auto& [name, content] : base_) names_[name] = name;
}

size_t Trace::add(Event event) {
  if (event.kind == Kind::kName) rename(event, names_);
  events_.push_back(std::move(event));
  return events_.size() - 1;
}

size_t Trace::wrote(const std::string& name, uint64_t at, const void* bytes, uint64_t n) {
  return add({Kind::kWrite, known(name), at, std::string(static_cast<const char*>(bytes), n)});
}

std::string Trace::known(const std::string& name) {
  if (std::string file = file_of(name); !file.empty()) return file;
  std::string file = made(name);
  synced_names();
  return file;
}

std::string Trace::file_of(const std::string& name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? std::string() : found->second;
}

std::string Trace::made(const std::string& name) {
  const std::string file = name + "#" + std::to_string(++files_);
  add({Kind::kName, name, 0, file});
  return file;
}

void Trace::renamed(const std::string& from, const std::string& to) {
  add({Kind::kName, to, 0, file_of(from), 0, false, from});
}

void Trace::end_all() {
  std::vector<bool> is_open(events_.size());
  for (size_t i = 0; i < events_.size(); ++i) {
    if (events_[i].ends_later) is_open[i] = true;
    if (events_[i].kind == Kind::kEnd) is_open[events_[i].at] = false;
  }
  for (size_t i = 0; i < is_open.size(); ++i) {
    if (is_open[i]) ended(i);
  }
}

Trace Trace::until(size_t end) const {
  Trace trace(base_);
  for (size_t i = 0; i < end; ++i) trace.add(events_[i]);
  trace.files_ = files_;
  return trace;
}

std::vector<size_t> Trace::boundaries() const {
  std::vector<size_t> at;
  for (size_t i = 0; i < events_.size(); ++i) {
    const Kind kind = events_[i].kind;
    if (kind != Kind::kSync && kind != Kind::kSyncOne && kind != Kind::kSyncNames) continue;
    at.push_back(i);
    at.push_back(i + 1);
  }
  at.push_back(events_.size());
  return at;
}

void Trace::rename(const Event& event, Names& names) {
  if (event.bytes.empty()) {
    names.erase(event.file);
    return;
  }
  const auto before = names.find(event.from);
  if (before != names.end() && before->second == event.bytes) names.erase(before);
  names[event.file] = event.bytes;
}

Trace::Names Trace::names_before(size_t end, Survivors survivors, std::mt19937_64& random) const {
  Names names;
  for (const auto& [name, content] : base_) names[name] = name;
  std::vector<size_t> pending;
  for (size_t i = 0; i < end; ++i) {
    if (events_[i].kind == Kind::kName) pending.push_back(i);
    if (events_[i].kind != Kind::kSyncNames) continue;
    for (const size_t k : pending) rename(events_[k], names);
    pending.clear();
  }
  for (const size_t k : pending) {
    if (survivors == Survivors::kAll || (survivors == Survivors::kSomeSectors && random() % 2 == 0))
      rename(events_[k], names);
  }
  return names;
}

Image Trace::image(size_t end, Survivors survivors, std::mt19937_64& random) const {
  Image durable = base_;
  std::vector<Pending> pending;
  std::map<size_t, size_t> ended;  // of what ends later
  for (size_t i = 0; i < end; ++i) {
    const Event& event = events_[i];
    if (changes_bytes(event)) pending.push_back({i});
    if (event.kind == Kind::kEnd) ended[event.at] = i;
    if (event.kind != Kind::kSync && event.kind != Kind::kSyncOne) continue;
    // A write that is durable has its size, and so have the cuts before it.
    const auto covers = [&](size_t k) {
      if (events_[k].file != event.file) return false;
      if (event.kind == Kind::kSyncOne)
        return k == event.at || (events_[k].kind == Kind::kResize && k < event.at);
      if (!events_[k].ends_later) return k < event.at;
      const auto at = ended.find(k);
      return at != ended.end() && at->second < event.at;
    };
    for (size_t p = 0; p < pending.size(); ++p) {
      const Event& change = events_[pending[p].event];
      if (!covers(pending[p].event)) continue;
      apply(change, pending[p].limit, durable[event.file]);
      for (size_t q = 0; q < p && change.kind == Kind::kResize; ++q) {
        if (events_[pending[q].event].file == event.file)
          pending[q].limit = std::min(pending[q].limit, change.at);
      }
    }
    std::erase_if(pending, [&](const Pending& one) { return covers(one.event); });
  }
  for (const Pending& one : pending) {
    const Event& change = events_[one.event];
    std::string& content = durable[change.file];
    if (survivors == Survivors::kAll) apply(change, one.limit, content);
    if (survivors == Survivors::kSomeSectors) apply_some_sectors(change, one.limit, content, random);
  }
  Image image;
  for (const auto& [name, file] : names_before(end, survivors, random)) image[name] = durable[file];
  return image;
}

}  // namespace chronik::conformance
