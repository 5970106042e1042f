// What a table of the catalog is: one kind of state, with all that the catalog asks of it, in one file. A new
// kind costs its file, its messages in wire/metadata.proto and its place in Catalog::Tables.
//
//   apply(body, change)      for each body of a Command that concerns the table; others are not offered to it
//   add_to(digest)           numbers of its own in the head of the catalog's digest
//   digest()                 the sum of the digests of its rows
//   publish(image)           its part of an image; what did not change is shared with the image before
//   save(head)               its fields in the head of a snapshot
//   save_rows(out)           its messages behind the head, one a row
//   load(head, in)           both of them again; refuses what contradicts itself
//
// What a table does not have it takes from Table, which does nothing.
#pragma once

#include <chronik/result.hpp>

#include <functional>
#include <string>
#include <string_view>

#include "metadata/model/command.h"
#include "metadata/model/digest.h"
#include "metadata/model/image.h"

namespace google::protobuf {
class MessageLite;
}
namespace chronik::metadata::wire {
class SnapshotHead;
}

namespace chronik::metadata {

class Catalog;

// One command on its way through the tables.
struct Change {
  const Catalog& catalog;  // all tables, for rules between them
  uint64_t version;        // that the catalog will have, if anything changes
  uint64_t generation;     // what has another one may be in an image, and is copied before it is edited
  Outcome* out;
};

// The rows of a snapshot on their way out: messages behind their lengths.
class SnapshotWriter {
 public:
  // write returns false to give up.
  using Write = std::function<bool(std::string_view)>;
  explicit SnapshotWriter(const Write& write) : write_(write) {}

  void put(std::string_view bytes) { going_ = going_ && write_(bytes); }
  void put(const google::protobuf::MessageLite& message);
  bool is_going() const { return going_; }

 private:
  const Write& write_;
  bool going_ = true;
  std::string buffer_;
};

class SnapshotReader {
 public:
  explicit SnapshotReader(std::string_view bytes) : rest_(bytes) {}
  bool is_done() const { return rest_.empty(); }
  Result<std::string_view> take_bytes(size_t n) {
    if (rest_.size() < n) return fail(Code::kCorrupt, "the snapshot ends early");
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  Result<uint32_t> take_u32();
  template <class Message>
  Result<Message> take_message() {
    CHRONIK_TRY(const uint32_t n, take_u32());
    CHRONIK_TRY(const std::string_view bytes, take_bytes(n));
    Message out;
    if (!out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
      return fail(Code::kCorrupt, "the snapshot holds bytes that are no message");
    return out;
  }

 private:
  std::string_view rest_;
};

struct Table {
  void add_to(Digest*) const {}
  uint64_t digest() const { return 0; }
  void publish(Image*, uint64_t /*generation*/) {}
  void save(wire::SnapshotHead*) const {}
  void save_rows(SnapshotWriter*) const {}
  Status load(const wire::SnapshotHead&, SnapshotReader*) { return {}; }
};

}  // namespace chronik::metadata
