// What the storages of these tests keep, in one small file that is written anew with every write.
#pragma once

#include <chronik/storage.h>
#include <chronik/crc32c.hpp>
#include <chronik/result.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

namespace chronik::host::testing {

struct FakeEntry {
  chr_entry_header header{};
  std::string payload;
  bool is_whole = true;  // as it was read
};

struct FakeGroup {
  uint64_t id = 0;
  std::string name;
  std::map<std::string, std::string, std::less<>> keys;
  std::map<uint64_t, FakeEntry> log;  // by index

  void append(uint64_t index, std::string payload) {
    FakeEntry entry;
    entry.header.index = index;
    entry.header.term = 1;
    entry.header.records = 1;
    entry.header.bytes = payload.size();
    entry.payload = std::move(payload);
    log[index] = std::move(entry);
  }
  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const auto& [index, entry] : log) sum += entry.payload.size();
    return sum;
  }
};

class FakeStore {
 public:
  static std::filesystem::path file(const std::filesystem::path& folder) { return folder / "fake"; }

  FakeGroup& group(const std::string& name) {
    for (auto& [id, group] : groups)
      if (group.name == name) return group;
    const uint64_t id = groups.empty() ? 1 : groups.rbegin()->first + 1;
    groups[id] = {id, name, {}, {}};
    return groups[id];
  }

  void write(const std::filesystem::path& folder) const {
    std::string out = "FAKE";
    put(&out, groups.size());
    for (const auto& [id, group] : groups) {
      put(&out, id);
      put_text(&out, group.name);
      put(&out, group.keys.size());
      for (const auto& [key, value] : group.keys) {
        put_text(&out, key);
        put_text(&out, value);
      }
      put(&out, group.log.size());
      for (const auto& [index, entry] : group.log) {
        out.append(reinterpret_cast<const char*>(&entry.header), sizeof entry.header);
        put_text(&out, entry.payload);
        put(&out, crc(entry.payload));
      }
    }
    std::ofstream(file(folder), std::ios::binary | std::ios::trunc) << out;
  }
  // NOT_FOUND: no file.
  static Result<FakeStore> read(const std::filesystem::path& folder) {
    std::ifstream in(file(folder), std::ios::binary);
    if (!in) return fail(Code::kNotFound, folder.string() + " holds no fake store");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    std::string_view rest = text;
    if (take(&rest, 4) != "FAKE") return fail(Code::kCorrupt, "this is no fake store");
    FakeStore store;
    for (uint64_t n = get(&rest); n-- > 0;) {
      FakeGroup group;
      group.id = get(&rest);
      group.name = get_text(&rest);
      for (uint64_t k = get(&rest); k-- > 0;) {
        const std::string key = get_text(&rest);
        group.keys[key] = get_text(&rest);
      }
      for (uint64_t k = get(&rest); k-- > 0;) {
        FakeEntry entry;
        std::memcpy(&entry.header, take(&rest, sizeof entry.header).data(), sizeof entry.header);
        entry.payload = get_text(&rest);
        entry.is_whole = get(&rest) == crc(entry.payload);
        group.log[entry.header.index] = std::move(entry);
      }
      store.groups[group.id] = std::move(group);
    }
    return store;
  }

  std::map<uint64_t, FakeGroup> groups;

 private:
  static uint64_t crc(std::string_view text) {
    return crc32c::extend(0, reinterpret_cast<const uint8_t*>(text.data()), text.size());
  }
  static void put(std::string* out, uint64_t number) {
    out->append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  static void put_text(std::string* out, std::string_view text) {
    put(out, text.size());
    out->append(text);
  }
  static std::string_view take(std::string_view* from, size_t n) {
    const std::string_view out = from->substr(0, n);
    from->remove_prefix(out.size());
    return out;
  }
  static uint64_t get(std::string_view* from) {
    uint64_t number = 0;
    const std::string_view bytes = take(from, sizeof number);
    std::memcpy(&number, bytes.data(), bytes.size());
    return number;
  }
  static std::string get_text(std::string_view* from) {
    const uint64_t n = get(from);
    return std::string(take(from, n));
  }
};

}  // namespace chronik::host::testing
