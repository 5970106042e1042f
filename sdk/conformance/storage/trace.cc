#include "trace.hpp"

#include <algorithm>

namespace chronik::conformance {

std::vector<size_t> Trace::boundaries() const {
  std::vector<size_t> at;
  for (size_t i = 0; i < events_.size(); ++i) {
    if (events_[i].kind != Kind::kSync && events_[i].kind != Kind::kSyncOne) continue;
    at.push_back(i);
    at.push_back(i + 1);
  }
  at.push_back(events_.size());
  return at;
}

void Trace::apply(const Event& event, std::string& content) {
  if (event.kind == Kind::kResize) {
    content.resize(event.at);
    return;
  }
  if (content.size() < event.at + event.bytes.size()) content.resize(event.at + event.bytes.size());
  content.replace(event.at, event.bytes.size(), event.bytes);
}

void Trace::apply_some_sectors(const Event& event, std::string& content, std::mt19937_64& random) {
  constexpr uint64_t kSector = 512;
  if (event.kind == Kind::kResize) {
    if (random() % 2 == 0) apply(event, content);
    return;
  }
  for (uint64_t from = 0; from < event.bytes.size();) {
    const uint64_t to = std::min<uint64_t>(event.bytes.size(), from + kSector - (event.at + from) % kSector);
    if (random() % 2 == 0)
      apply({Kind::kWrite, event.file, event.at + from, event.bytes.substr(from, to - from)}, content);
    from = to;
  }
}

Image Trace::image(size_t end, Survivors survivors, std::mt19937_64& random) const {
  Image durable = base_;
  std::vector<size_t> pending;
  for (size_t i = 0; i < end; ++i) {
    const Event& event = events_[i];
    if (event.kind == Kind::kWrite || event.kind == Kind::kResize) pending.push_back(i);
    if (event.kind != Kind::kSync && event.kind != Kind::kSyncOne) continue;
    std::erase_if(pending, [&](size_t k) {
      const bool covered = event.kind == Kind::kSync ? events_[k].file == event.file : k == event.at;
      if (covered) apply(events_[k], durable[event.file]);
      return covered;
    });
  }
  for (const size_t k : pending) {
    std::string& content = durable[events_[k].file];
    if (survivors == Survivors::kAll) apply(events_[k], content);
    if (survivors == Survivors::kSomeSectors) apply_some_sectors(events_[k], content, random);
  }
  return durable;
}

}  // namespace chronik::conformance
