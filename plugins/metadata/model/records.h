// Records: (space, key) -> bytes, for whatever the cluster has to agree on and needs no table of its own.
// Spaces are kept in chunks, which images share: a change copies one of them, not the space.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::metadata {

struct Record {
  std::string key;
  std::string value;
  uint64_t version = 0;  // of the catalog that it came with; never 0, and never the same for another value
  bool operator==(const Record&) const = default;
};

class Records {
 public:
  struct Chunk {
    uint64_t generation = 0;                             // of the catalog that may still edit it in place
    std::vector<std::shared_ptr<const Record>> records;  // by key; never empty
  };
  struct Space {
    uint64_t generation = 0;
    std::vector<std::shared_ptr<Chunk>> chunks;  // by key; never empty
  };
  using Spaces = std::map<std::string, std::shared_ptr<Space>, std::less<>>;

  const Spaces& spaces() const { return spaces_; }
  // nullptr: there is none.
  const Record* find(std::string_view space, std::string_view key) const;
  void put_record(std::string_view space, Record record, uint64_t generation);
  void erase(std::string_view space, std::string_view key, uint64_t generation);
  // Of all of them, 0 where there are none.
  uint64_t digest() const { return digest_; }
  uint64_t size() const { return size_; }

 private:
  Space& edit(std::string_view space, uint64_t generation);

  Spaces spaces_;
  uint64_t digest_ = 0;
  uint64_t size_ = 0;
};

const Record* find_record(const Records::Spaces& spaces, std::string_view space, std::string_view key);
// The records of a space from a key on, in order, until fn returns false.
void each_record(const Records::Spaces& spaces, std::string_view space, std::string_view from,
                 const std::function<bool(const Record&)>& fn);

}  // namespace chronik::metadata
