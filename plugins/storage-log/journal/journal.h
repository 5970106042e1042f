// The journal: the one stream of commits of all groups. Frames lie in a ring of files, each written with zeros
// beforehand and used again; several are written at a time, and count as durable in their order only.
//
//     begin() gives a frame its number and its place -> submit() writes it -> finished() tells which frames,
//     from the oldest on, are durable now -> release(): a checkpoint covers them, their files may be used again.
#pragma once

#include "storage-log/journal/frame_buffer.h"

#include <chronik/files.hpp>

#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace chronik::storage_log {

struct JournalOptions {
  uint64_t file_bytes = 64u << 20;
  uint32_t files = 4;
  uint32_t in_flight = 4;
};

// A file of the journal, as a checkpoint names it.
struct JournalFile {
  uint32_t number = 0;
  uint32_t block = 0;  // in whole ones of which its frames lie
  uint64_t bytes = 0;  // that frames may take; 0: neither is known
  bool operator==(const JournalFile&) const = default;
};

// Where a replay goes on: behind the last frame that a checkpoint covers.
struct ReplayStart {
  uint64_t generation = 0;
  uint64_t sequence = 1;      // of the next frame
  uint32_t previous_crc = 0;  // of the header before it, 0: there is none of this generation
};

// A frame that a start found in the files.
struct FoundFrame {
  const File* file = nullptr;
  uint64_t at = 0;
  FrameHeader header;
};

// All that a start found behind the last checkpoint, in order: what counts, and what is left of frames that never did.
struct JournalTail {
  uint64_t next_sequence = 1;
  std::vector<FoundFrame> frames;
  std::vector<FoundFrame> dropped;
};

std::string journal_name(uint32_t number);
// The number of a journal file, if it is the name of one.
std::optional<uint32_t> journal_number(std::string_view name);

// Under the store's mutex, but for what says otherwise.
class Journal {
 public:
  // What is to be written where. Stays as it is until finished().
  struct Frame {
    uint64_t sequence = 0;
    const File* file = nullptr;
    uint64_t at = 0;
    chr_slice bytes{};
  };

  Journal(Host host, Files files, const JournalOptions& options)
      : host_(host), files_(files), options_(options) {}

  // [blocking] At a start, once: opens the files that there are.
  Status open(const std::vector<uint32_t>& numbers);
  // [blocking] At a start, when the files were read: makes the first if there is none, and completes those whose
  // making was cut short.
  Status complete_files();
  // The frames from here on belong to this generation; all that the files hold is covered by a checkpoint.
  void begin_generation(const ReplayStart& start);

  // [blocking] Instead of that, where no checkpoint can be written: the next frame goes behind those that the files hold, and
  // belongs to their generation. What never counted is overwritten first, durably, so that nothing of it can follow a new frame.
  Status resume(const ReplayStart& start, const JournalTail& tail);
  // Leaves out files that are too small for a frame, and hold none; NO_SPACE: no other is left.
  Status leave_small_files();

  // Whether a frame may be written now: not too many are on their way.
  bool has_slot() const { return in_flight_.size() < options_.in_flight; }
  // The largest frame that there may be.
  uint64_t max_frame() const;
  // Seals what was gathered and gives it a place. nullopt: no file has room before a checkpoint covers one.
  std::optional<Frame> begin(FrameBuffer& buffer, std::span<const uint64_t> groups);
  // [shard] done(Status), on this shard. Not under the mutex: done may come before it returns.
  template <class F>
  static void submit(const Frame& frame, F done) {
    frame.file->write(frame.at, std::span(&frame.bytes, 1), CHR_FILE_DURABLE, std::move(done));
  }
  // The frame was written. The sequences up to the returned one are durable.
  uint64_t finished(uint64_t sequence);
  bool is_idle() const { return in_flight_.empty(); }
  // Whether a frame is durable of which no header on disk says so.
  bool wants_mark() const { return marked_ < news_ && news_ <= durable_; }

  // Behind the last durable frame.
  ReplayStart replay_start() const { return replay_start_; }
  // All before is covered by a checkpoint that is durable.
  void release(const ReplayStart& start);
  // A checkpoint should come: soon there is no room left.
  bool wants_checkpoint() const;
  // A further file should be made.
  bool wants_file() const;
  // [blocking] Makes it, in a bounded time; not under the mutex, and by one at a time.
  Result<std::pair<uint32_t, File>> make_file();
  // It is used once a checkpoint names it: at its release().
  void add_file(uint32_t number, File file);
  // No more of them: the disk is full.
  void stop_making_files() { makes_files_ = false; }

  // Those in which a frame has room.
  std::vector<JournalFile> used_files() const;
  // No frame goes to others than these, or behind their end: no checkpoint that counts names more.
  void use_only(const std::vector<JournalFile>& named);
  // Those of which a part is not there.
  std::vector<uint32_t> cut_files(const std::vector<JournalFile>& named) const;
  // UNSUPPORTED: their frames lie in smaller blocks than this disk takes.
  Status check_blocks(const std::vector<JournalFile>& named) const;

  // Bytes of all files.
  uint64_t capacity() const;
  // So much of it may be written before a checkpoint must come.
  uint64_t left() const;
  uint64_t block() const { return block_; }
  // Whether writes pass the page cache.
  bool is_direct() const { return !ring_.empty() && ring_.front()->file.info().direct != 0; }
  const std::vector<const File*> files() const;
  // Of one of them: "journal-2".
  std::string name_of(const File* file) const;
  // [blocking] After a failure: what was never durable is not to come back at the next start. Tries to overwrite
  // the headers of those frames.
  void erase_unfinished();

 private:
  struct RingFile {
    File file;
    uint32_t number = 0;
    uint64_t size = 0;
    uint64_t last_sequence = 0;  // of the frames in it
    bool is_named = false;       // by a checkpoint, so that a start misses it
  };
  struct InFlight {
    uint64_t sequence = 0;
    RingFile* file = nullptr;
    uint64_t at = 0;
    uint64_t size = 0;
    uint32_t crc = 0;
    uint64_t mark = 0;
    bool is_done = false;
  };

  Result<File> open_file(uint32_t number, uint32_t flags) const;
  RingFile* find(uint32_t number) const;
  Status fill(const File& file, uint64_t from) const;
  Status erase_ends(const File& file, uint64_t at, uint64_t size, const FrameBuffer& zeros) const;
  Result<FrameBuffer> zero_block() const;
  bool is_free(const RingFile& file) const;
  bool is_any_unnamed() const;
  // Makes `current_` a file with room for so much; false: there is none.
  bool find_room(uint64_t size);

  Host host_;
  Files files_;
  JournalOptions options_;
  uint64_t block_ = 4096;
  std::vector<std::unique_ptr<RingFile>> ring_;
  uint32_t next_number_ = 0;
  bool makes_files_ = true;

  size_t current_ = 0;
  uint64_t position_ = 0;  // in the current file
  uint64_t generation_ = 0;
  uint64_t next_sequence_ = 1;
  uint32_t previous_crc_ = 0;
  std::deque<InFlight> in_flight_;
  uint64_t durable_ = 0;
  uint64_t marked_ = 0;  // what durable headers say
  uint64_t news_ = 0;    // the last frame that says more than how far all is durable
  uint64_t released_ = 0;
  uint64_t since_release_ = 0;  // bytes of frames
  bool was_short_ = false;      // a frame found no room
  ReplayStart replay_start_;
};

}  // namespace chronik::storage_log
