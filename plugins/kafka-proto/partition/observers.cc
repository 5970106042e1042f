#include "kafka-proto/partition/observers.h"

#include <fmt/format.h>

#include <algorithm>

#include "kafka-proto/records/encoding.h"

namespace chronik::kafka {
namespace {

constexpr int16_t kProducersAlone = 1;
constexpr int16_t kSections = 2;

template <class T>
void put(std::vector<uint8_t>& out, T value) {
  out.resize(out.size() + sizeof value);
  store_be(out.data() + out.size() - sizeof value, value);
}

// Reads on; false: there is no more.
template <class T>
bool read_number(Bytes& bytes, T* out) {
  if (bytes.size() < sizeof(T)) return false;
  *out = load_be<T>(bytes.data());
  bytes = bytes.subspan(sizeof(T));
  return true;
}

bool read_bytes(Bytes& bytes, uint64_t n, Bytes* out) {
  if (bytes.size() < n) return false;
  *out = bytes.subspan(0, n);
  bytes = bytes.subspan(n);
  return true;
}

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

PartitionObserver* Observers::find(std::string_view section) const {
  const auto found = std::ranges::find(all_, section, [](const auto& each) { return each->section(); });
  return found == all_.end() ? nullptr : found->get();
}

bool Observers::has_more_than_producers() const {
  return std::ranges::any_of(all_, [](const auto& each) {
    std::vector<uint8_t> state;
    if (each->section() != kProducers) each->save(state);
    return !state.empty();
  });
}

std::vector<uint8_t> Observers::save(int16_t level) const {
  std::vector<uint8_t> out;
  if (level < kSectionsLevel && !has_more_than_producers()) {
    for (const auto& each : all_)
      if (each->section() == kProducers) each->save(out);
    return out;
  }
  put(out, kSections);
  put(out, static_cast<uint16_t>(all_.size()));
  for (const auto& each : all_) {
    const std::string_view name = each->section();
    put(out, static_cast<uint8_t>(name.size()));
    out.insert(out.end(), name.begin(), name.end());
    const size_t length_at = out.size();
    put(out, uint64_t{0});
    each->save(out);
    store_be(out.data() + length_at, static_cast<uint64_t>(out.size() - length_at - sizeof(uint64_t)));
  }
  return out;
}

Result<std::vector<Observers::Section>> Observers::read_sections(Bytes snapshot) {
  const auto corrupt = [](const char* what) {
    return fail(Code::kCorrupt, fmt::format("the snapshot of a partition is damaged: {}", what));
  };
  Bytes rest = snapshot;
  int16_t format = 0;
  uint16_t count = 0;
  if (!read_number(rest, &format)) return corrupt("it is cut off");
  if (format == kProducersAlone) return std::vector<Section>{{kProducers, snapshot}};
  if (format != kSections)
    return fail(Code::kUnsupported,
                fmt::format("a snapshot of a partition has format {}, this node reads up to {}; upgrade it",
                            format, kSections));
  if (!read_number(rest, &count)) return corrupt("it is cut off");
  std::vector<Section> sections;
  for (uint16_t i = 0; i < count; ++i) {
    uint8_t name_size = 0;
    uint64_t size = 0;
    Bytes name, bytes;
    if (!read_number(rest, &name_size) || !read_bytes(rest, name_size, &name) || !read_number(rest, &size) ||
        !read_bytes(rest, size, &bytes))
      return corrupt("a section is cut off");
    if (std::ranges::find(sections, text_of(name), &Section::name) != sections.end())
      return corrupt("a section is there twice");
    sections.push_back({text_of(name), bytes});
  }
  if (!rest.empty()) return corrupt("bytes are left over");
  return sections;
}

Status Observers::load(Bytes snapshot) {
  CHRONIK_TRY(const std::vector<Section> sections, read_sections(snapshot));
  for (const Section& section : sections)
    if (std::ranges::none_of(all_, [&](const auto& each) { return each->section() == section.name; }))
      return fail(
          Code::kUnsupported,
          fmt::format("a snapshot of a partition has the section '{}', which this node does not know; "
                      "upgrade it",
                      section.name));
  for (const auto& each : all_) {
    const auto found = std::ranges::find(sections, each->section(), &Section::name);
    CHRONIK_CHECK(each->load(found == sections.end() ? Bytes() : found->bytes));
  }
  return {};
}

}  // namespace chronik::kafka
