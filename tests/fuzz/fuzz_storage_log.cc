// A start of storage-log over a folder in which every checksum is right and all else is whatever the input says: checkpoint, frames,
// segments, indexes, and files as they are. It must end in a store that answers, or in an error; it must not crash, go round for ever, or
// take memory for what is not there.
#include <chronik/crc32c.hpp>
#include <chronik/testing/fake_files.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "storage-log/store.h"

namespace {

using namespace chronik;
using namespace chronik::storage_log;

constexpr uint64_t kJournalBytes = 256u << 10;
constexpr uint64_t kBlock = 4096;
constexpr uint64_t kGeneration = 7;

class Input {
 public:
  Input(const uint8_t* p, size_t n) : p_(p), n_(n) {}
  bool empty() const { return n_ == 0; }
  uint8_t byte() {
    if (n_ == 0) return 0;
    --n_;
    return *p_++;
  }
  bool flag() { return byte() % 2 != 0; }
  uint64_t below(uint64_t limit) { return byte() % limit; }
  // Mostly such as fit, and those that wrap.
  uint64_t number() {
    switch (byte() % 10) {
      case 0:
        return UINT64_MAX - byte();
      case 1:
        return uint64_t{1} << byte() % 64;
      case 2:
        return uint64_t{byte()} << 8 | byte();
      case 3:
        return uint64_t{byte()} * 96;
      default:
        return below(8);
    }
  }
  std::string bytes(size_t n) {
    std::string out;
    while (out.size() < n) out.push_back(static_cast<char>(byte()));
    return out;
  }

 private:
  const uint8_t* p_;
  size_t n_;
};

// One for all runs, in memory where there is such a place.
const std::string& folder() {
  struct Folder {
    std::string path =
        std::string(std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp") + "/chronik-fuzz-XXXXXX";
    Folder() {
      if (::mkdtemp(path.data()) == nullptr) std::abort();
    }
    ~Folder() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  };
  static const Folder folder;
  return folder.path;
}

Place place(Input& in) { return {in.number(), in.number()}; }

chr_entry_header header(Input& in) {
  chr_entry_header out{};
  out.index = in.number();
  out.base_offset = static_cast<int64_t>(in.number());
  out.max_timestamp = static_cast<int64_t>(in.number());
  out.log_max_timestamp = static_cast<int64_t>(in.number());
  out.records = static_cast<uint32_t>(in.number());
  out.bytes = in.number();
  return out;
}

LogEnd end(Input& in) {
  LogEnd out;
  out.last = in.number();
  out.totals = {in.number(), in.number()};
  out.next = place(in);
  out.next_offset = static_cast<int64_t>(in.number());
  return out;
}

// ---- what lies in the folder ----

// The log of a group, as docs/internals/store-format.md has it.
void add_log(Input& in, uint64_t group, std::string* out) {
  std::vector<Segment> segments(in.below(4));
  for (Segment& segment : segments) {
    segment.number = in.flag() ? static_cast<uint64_t>(&segment - segments.data()) + 1 : in.number();
    segment.first = in.number();
    segment.begin = in.number();
    segment.end = end(in);
  }
  append_value(out, in.below(16) == 0 ? in.number() : group);
  append_value(out, segments.empty() && in.flag() ? uint64_t{0} : in.number());
  append_value(out, Totals{in.number(), in.number()});
  append_value(out, in.flag() || segments.empty() ? end(in) : segments.back().end);
  append_value(out, in.number());
  append_value(out, static_cast<uint32_t>(in.byte()));
  append_value(out, uint32_t{0});
  append_value(out, in.below(16) == 0 ? in.number() : segments.size());
  for (const Segment& segment : segments) append_value(out, segment);
}

void add_keys(Input& in, std::string* out) {
  const uint64_t n = in.below(3);
  append_value(out, in.below(16) == 0 ? in.number() : n);
  for (uint64_t i = 0; i < n; ++i) {
    const uint64_t file = in.flag() ? 0 : in.number();
    const std::string key = in.bytes(in.below(4));
    const std::string value = in.bytes(in.below(8));
    append_value(out, file);
    append_value(out, file != 0 || in.below(16) == 0 ? in.number() : value.size());
    append_value(out, in.flag() ? 0u : crc32c::extend(0, value.data(), value.size()));
    append_value(out, static_cast<uint32_t>(key.size()));
    out->append(key).append(file == 0 ? value : "");
  }
}

void add_group(Input& in, uint64_t group, std::string* out) {
  const std::string name = in.bytes(in.below(3));
  append_value(out, group);
  append_value(out, in.number());
  append_value(out, in.number());
  append_value(out, static_cast<uint32_t>(in.below(16) == 0 ? in.number() : name.size()));
  append_value(out, static_cast<uint32_t>(in.below(16) == 0 ? in.number() : 0));
  out->append(name);
  add_keys(in, out);
  add_log(in, group, out);
}

ReplayStart make_checkpoint(Input& in, const Files& files) {
  CheckpointHead head;
  head.replay = {kGeneration, in.below(8) == 0 ? in.number() : 1, 0};
  head.next_group = in.number();
  head.is_clean = in.below(8) == 0;
  head.has_lost_names = in.below(8) == 0;
  if (in.flag())
    head.journals.emplace(
        in.below(4) == 0 ? 1 + in.below(4) : 1,
        JournalFile{static_cast<uint32_t>(in.below(2)), in.flag() ? 4096u : 0u, in.flag() ? in.number() : 0});
  std::string content;
  save_head(head, kCheckpointFormat, &content);
  for (uint64_t n = in.below(3); n != 0; --n) add_group(in, in.below(8) == 0 ? in.number() : n, &content);
  if (in.below(16) == 0) content.append(in.bytes(in.byte()));
  if (!Checkpoints(files).write(content)) std::abort();
  return head.replay;
}

std::string make_change(Input& in) {
  GroupChange change;
  change.group = in.below(8) == 0 ? in.number() : in.below(4);
  change.creates = in.flag();
  const std::string name = in.bytes(change.creates ? in.below(3) : 0);
  change.name = name;
  change.drops = in.below(8) == 0;
  if (in.below(4) == 0) change.truncate = Boundary{in.number(), in.number(), end(in)};
  if (in.below(4) == 0) change.trim = Boundary{in.number(), in.number(), end(in)};
  std::vector<PlacedEntry> entries(in.below(4));
  std::deque<std::string> payloads;
  for (PlacedEntry& entry : entries) {
    entry.entry.header = header(in);
    entry.place = place(in);
    entry.in_segment = in.flag();
    if (entry.in_segment) continue;
    const std::string& payload = payloads.emplace_back(in.bytes(in.below(40)));
    entry.entry.header.bytes = payload.size();
    entry.entry.payload = {reinterpret_cast<const uint8_t*>(payload.data()), payload.size(), nullptr};
  }
  std::vector<KeyChange> keys(in.below(3));
  for (KeyChange& key : keys) {
    key.key = "key";
    key.is_deleted = in.flag();
    key.file = in.flag() ? 0 : in.number();
    key.value_bytes = in.number();
  }
  change.entries = entries;
  change.keys = keys;
  std::string out(change_bytes(change), '\0');
  write_change(change, reinterpret_cast<uint8_t*>(out.data()));
  return out;
}

void make_journal(Input& in, const ReplayStart& start) {
  std::vector<uint8_t> file(kJournalBytes);
  FrameHeader header;
  header.generation = start.generation;
  header.sequence = start.sequence;
  uint64_t at = 0;
  for (uint64_t n = in.below(5); n != 0; --n, ++header.sequence) {
    std::string payload;
    for (uint64_t changes = in.below(3); changes != 0; --changes) payload += make_change(in);
    if (in.below(8) == 0) payload = in.bytes(in.byte());
    std::vector<uint64_t> groups(in.below(3), in.below(4));
    header.size = frame_size(payload.size(), groups.size(), kBlock);
    if (at + header.size > file.size()) break;
    if (in.below(8) == 0) header.sequence = in.number();
    header.mark = in.below(8) == 0 ? in.number() : header.sequence - 1;
    header.payload_bytes = payload.size();
    if (!payload.empty()) std::memcpy(file.data() + at + sizeof header, payload.data(), payload.size());
    header.previous_crc = seal_frame(file.data() + at, header, groups);
    if (in.below(8) == 0) file[at + in.below(256) * 16] ^= in.byte();
    at += header.size;
  }
  std::ofstream(folder() + "/journal-0", std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
}

void make_segment(Input& in) {
  const SegmentId id{in.below(4), in.below(4)};
  std::string bytes;
  for (uint64_t n = in.below(5); n != 0; --n) {
    PlacedEntry entry;
    entry.entry.header = header(in);
    entry.totals = {in.number(), in.number()};
    entry.place = {id.number, bytes.size()};
    const std::string payload = in.bytes(in.below(24));
    if (in.flag()) entry.entry.header.bytes = payload.size();
    entry.payload_crc = crc32c::extend(0, payload.data(), payload.size());
    append_value(&bytes, make_head(id.group, entry));
    bytes.append(payload);
    bytes.resize((bytes.size() + 7) / 8 * 8);
  }
  const std::string path = folder() + "/" + segment_name(id);
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (in.flag()) std::filesystem::resize_file(path, uint64_t{1} << in.byte() % 19);
}

void make_index(Input& in, const Files& files) {
  SegmentFiles segments(files, {});
  std::vector<IndexPoint> points(1 + in.below(4));
  for (IndexPoint& point : points)
    point = {in.number(), static_cast<int64_t>(in.number()), static_cast<int64_t>(in.number()), in.number()};
  if (!SegmentIndexes(segments).append({in.below(4), in.below(4)}, points)) std::abort();
}

void make_file(Input& in) {
  static constexpr std::array kNames = {"checkpoint-2", "checkpoint-3.new", "journal-1", "1-1.value",
                                        "1-1.index",    "journal-01",       "x"};
  const std::string path = folder() + "/" + kNames[in.below(kNames.size())];
  const std::string bytes = in.bytes(in.byte());
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  // A journal is read to its end, however long it is.
  const bool is_read = path.find("journal") != std::string::npos;
  if (in.flag()) std::filesystem::resize_file(path, uint64_t{1} << in.byte() % (is_read ? 22 : 40));
}

// ---- what is asked of it ----

class Asker {
 public:
  explicit Asker(testing::FakeHost& host) : host_(host), store_(Host(host.core())) {}

  bool start() {
    chr_done done{};
    if (!store_.start(host_.begin(&done))) std::abort();
    host_.run();
    return done.code == CHR_OK;
  }
  void ask(Input& in) {
    std::vector<uint64_t> groups;
    store_.list_groups(
        [](void* to, chr_str, uint64_t id) { static_cast<std::vector<uint64_t>*>(to)->push_back(id); },
        &groups);
    for (const uint64_t group : groups) {
      read(group, in.number());
      find(group, in);
      write(group, in);
      read(group, 0);
    }
    host_.advance(std::chrono::seconds(1));
    for (const uint64_t group : groups) read(group, 0);
  }
  void stop() {
    chr_done done{};
    if (store_.stop(host_.begin(&done))) return;
    host_.run();
  }

 private:
  // What a call that ended, or was told to wait, has left behind.
  void finish(chr_status status, chr_done& done) {
    if (status == CHR_PENDING) host_.run();
    if (done.lease != nullptr) done.lease->ops->release(done.lease);
  }
  void read(uint64_t group, uint64_t from) {
    chr_storage_bounds bounds{};
    (void)store_.bounds(group, &bounds);
    chr_storage_read args{};
    args.group = group;
    args.from = from;
    args.max_bytes = 1 << 16;
    chr_entries out{};
    chr_done done{};
    finish(store_.read(&args, &out, token(&done), nullptr), done);
    if (out.lease != nullptr) out.lease->ops->release(out.lease);
    chr_slice value{};
    done = {};
    const chr_status got = store_.get(group, to_abi("key"), &value, token(&done), nullptr);
    finish(got, done);
    if (value.lease != nullptr) value.lease->ops->release(value.lease);
  }
  void find(uint64_t group, Input& in) {
    chr_entry_header out{};
    chr_done done{};
    finish(store_.find(group, in.flag() ? CHR_FIND_OFFSET : CHR_FIND_TIMESTAMP,
                       static_cast<int64_t>(in.number()), &out, token(&done), nullptr),
           done);
  }
  void write(uint64_t group, Input& in) {
    chr_entry entry{};
    entry.header.index = in.number();
    std::array<chr_storage_step, 3> steps{};
    for (chr_storage_step& step : steps) {
      step.type = in.flag() ? CHR_STORAGE_TRUNCATE : CHR_STORAGE_TRIM;
      step.index = in.number();
    }
    steps[2] = {};
    steps[2].type = CHR_STORAGE_APPEND;
    steps[2].entries = &entry;
    steps[2].n = 1;
    chr_done done{};
    const chr_storage_write write{group, token(&done), steps.data(), static_cast<uint32_t>(1 + in.below(3))};
    chr_status status = CHR_OK;
    host_.on_shard(0, [&] { status = store_.write(&write, 1, nullptr); });
    finish(status, done);
  }
  uint64_t token(chr_done* done) { return host_.begin(done); }

  testing::FakeHost& host_;
  Store store_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in(data, size);
  for (const auto& entry : std::filesystem::directory_iterator(folder()))
    std::filesystem::remove(entry.path());
  testing::FakeHost host;
  host.config_int("max_size", -1);
  host.config_int("journal_file_bytes", kJournalBytes);
  host.config_int("journal_files", 2);
  host.config_int("segment_bytes", 1 << 20);
  host.config_int("direct_bytes", 65536);
  host.config_int("queue_bytes", 1 << 20);
  host.config_int("open_files", 16);
  testing::FakeFiles fake(host, {.directory = folder()});
  const Files files = *Files::of(Host(host.core()));
  make_journal(in, make_checkpoint(in, files));
  for (uint64_t n = in.below(4); n != 0; --n) make_segment(in);
  for (uint64_t n = in.below(3); n != 0; --n) make_index(in, files);
  for (uint64_t n = in.below(8); n > 5; --n) make_file(in);
  Asker asker(host);
  if (asker.start()) asker.ask(in);
  asker.stop();
  for (const std::string& fatal : host.fatals())
    if (fatal.find("invariant") != std::string::npos) {
      std::fprintf(stderr, "%s\n", fatal.c_str());
      std::abort();
    }
  return 0;
}
