// chronik-server storage check and storage copy with the storages that are shipped: from each of the durable ones to the other.
#include <gtest/gtest.h>

#include <fstream>

#include "file_recorder.hpp"
#include "host/app/data_dir.h"
#include "process.h"
#include "subject.hpp"

namespace chronik::host {
namespace {

namespace fs = std::filesystem;
using conformance::Disk;
using conformance::EntryMaker;
using conformance::ModelGroup;
using conformance::Store;
using conformance::Subject;
using conformance::TestWrite;
using testing::Output;
using testing::Process;

using Content = std::map<std::string, ModelGroup>;

// A store in its own words, outside of a node.
void use_plugin(const std::string& name) {
  Subject& subject = Subject::get();
  subject.plugin = std::string(CHRONIK_PLUGINS) + "/" + name + ".so";
  subject.is_durable = true;
  subject.settings.clear();
  if (name == "storage-log")
    subject.settings = {{"journal_file_bytes", 1 << 20}, {"segment_bytes", 256 << 10}};
  if (name == "storage-lmdb") subject.settings = {{"preallocate", 65536}};
}

class StoragePair : public ::testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  std::string from() const { return GetParam().first; }
  std::string to() const { return GetParam().second; }
  fs::path data_dir() const { return folder_.path() / "data"; }
  fs::path folder_of(const std::string& storage) const { return data_dir() / storage; }

  // A node's folder whose storage has groups of every kind, and was killed.
  void make_node() {
    DataDir data;
    ASSERT_TRUE(data.open({data_dir(), 3, from()}));
    ASSERT_TRUE(data.adopt_cluster("c-1"));
    use_plugin(from());
    Disk disk;
    Store store(disk);
    ASSERT_EQ(store.failure(), "");
    EntryMaker maker(3);
    for (int i = 0; i < 12; ++i)
      write(store, "orders/0", TestWrite().append(maker.batch(5, i % 3 == 0 ? 90'000 : 700)));
    write(store, "orders/0", TestWrite().put("raft/vote", "term 7").trim(9));
    maker.skip_indexes(100);
    write(store, "orders/1", TestWrite().append(maker.batch(3, 0)).append({maker.next(2'000'000)}));
    write(store, "keys only", TestWrite().put("raft/snapshot/0", std::string(600'000, 's')).put("empty", ""));
    write(store, "nothing", TestWrite().remove("absent"));
    write(store, "dropped", TestWrite().append(maker.batch(3, 50)).put("k", "v"));
    write(store, "dropped", TestWrite().drop());
    expected_.erase("dropped");
    store.crash();
    conformance::write_directory(folder_of(from()), disk.image());
  }
  void write(Store& store, const std::string& name, TestWrite what) {
    what.group = store.group(name);
    ASSERT_EQ(store.write(what), CHR_OK) << name;
    expected_[name].apply(what);
  }
  // What a start of the storage serves of its folder.
  void expect_content(const std::string& storage) {
    use_plugin(storage);
    Disk disk(conformance::read_directory(folder_of(storage)));
    Store store(disk);
    ASSERT_EQ(store.failure(), "");
    EXPECT_EQ(store.groups().size(), expected_.size());
    for (const auto& [name, model] : expected_) {
      std::vector<std::string> keys;
      for (const auto& [key, value] : model.keys) keys.push_back(key);
      EXPECT_TRUE(store.content(store.group(name), keys).digest() == model.digest()) << name;
    }
  }

  Output run(std::vector<std::string> arguments) {
    std::ofstream(folder_.path() / "node.toml") << "node_id = 3\ndata_dir = \"data\"\n";
    arguments.insert(arguments.begin(), "storage");
    arguments.insert(arguments.end(), {"--config", "node.toml"});
    return Process(arguments, {"CHRONIK_PLUGIN_DIR=" CHRONIK_PLUGINS}, folder_.path()).finish();
  }
  static void expect_part(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << "\"" << part << "\" is not in:\n" << text;
  }
  static std::string checksum(const std::string& out) {
    const size_t at = out.find("checksum of both sides ");
    return at == std::string::npos ? "" : out.substr(at, 31);
  }

  testing::TemporaryFolder folder_;
  Content expected_;
};

TEST_P(StoragePair, ACopyThereAndBackIsTheSame) {
  ASSERT_NO_FATAL_FAILURE(make_node());
  const Output before = run({"check"});
  EXPECT_EQ(before.code, 0) << before.out << before.err;
  const std::string seen = ": whole; 4 groups, 3 keys, 56 entries, ";
  expect_part(before.out, from() + " in " + folder_of(from()).string() + seen);

  const Output there = run({"copy", "--from", from(), "--to", to()});
  ASSERT_EQ(there.code, 0) << there.err;
  expect_part(there.out, "copied 4 groups, 3 keys, 56 entries, ");
  expect_part(there.out, "In node.toml, under [storage]: plugin = \"" + to() + "\"\n");
  ASSERT_NO_FATAL_FAILURE(expect_content(to()));
  const Output after = run({"check"});
  EXPECT_EQ(after.code, 0) << after.err;
  expect_part(after.out, to() + " in " + folder_of(to()).string() + seen);

  fs::rename(folder_of(from()), folder_.path() / "old");
  const Output back = run({"copy", "--from", to(), "--to", from()});
  ASSERT_EQ(back.code, 0) << back.err;
  EXPECT_NE(checksum(back.out), "");
  EXPECT_EQ(checksum(back.out), checksum(there.out));
  ASSERT_NO_FATAL_FAILURE(expect_content(from()));
  EXPECT_EQ(run({"check"}).code, 0);
  DataDir data;
  EXPECT_TRUE(data.open({data_dir(), 3, from()})) << "a node starts on it";
}

TEST_P(StoragePair, ADamagedSourceIsNamedAndNotCopied) {
  ASSERT_NO_FATAL_FAILURE(make_node());
  // A payload that went past the journal, wherever it lies.
  const std::string part = expected_.at("orders/1").last()->payload.substr(1'000'000, 64);
  conformance::Image image = conformance::read_directory(folder_of(from()));
  for (auto& [name, bytes] : image) {
    const size_t at = bytes.find(part);
    if (at != std::string::npos) bytes[at] ^= 1;
  }
  fs::remove_all(folder_of(from()));
  conformance::write_directory(folder_of(from()), image);
  const std::string entry = std::to_string(expected_.at("orders/1").last()->header.index);
  const Output checked = run({"check"});
  EXPECT_EQ(checked.code, 3) << checked.err;
  expect_part(checked.out, "(orders/1), entry " + entry + ": its payload fails its check [");
  const Output copied = run({"copy", "--from", from(), "--to", to()});
  EXPECT_EQ(copied.code, 3) << copied.err;
  expect_part(copied.err, entry);
  EXPECT_FALSE(fs::exists(folder_of(to())));
  EXPECT_FALSE(fs::exists(folder_of(to()).string() + ".copying"));
}

// Whoever renamed a folder, or set another storage, has lost nothing.
TEST_P(StoragePair, AFolderOfTheOtherStorageIsNoDamage) {
  ASSERT_NO_FATAL_FAILURE(make_node());
  {
    DataDir data;
    ASSERT_TRUE(data.open_stopped(data_dir()));
    ASSERT_TRUE(data.bind(to()));
  }
  fs::rename(folder_of(from()), folder_of(to()));
  const Output checked = run({"check"});
  EXPECT_EQ(checked.code, 1) << checked.err;
  EXPECT_EQ(checked.out, "");
  expect_part(checked.err, "set storage.plugin to the storage that wrote it");
  EXPECT_EQ(checked.err.find("what to do"), std::string::npos) << checked.err;
  const Output copied = run({"copy", "--from", to(), "--to", from()});
  EXPECT_EQ(copied.code, 1);
  expect_part(copied.err, "set storage.plugin to the storage that wrote it");
  expect_part(copied.err, "nothing is left of the copy");
}

INSTANTIATE_TEST_SUITE_P(Durable, StoragePair,
                         ::testing::Values(std::pair("storage-lmdb", "storage-log"),
                                           std::pair("storage-log", "storage-lmdb")),
                         [](const auto& pair) { return pair.index == 0 ? "LmdbToLog" : "LogToLmdb"; });

}  // namespace
}  // namespace chronik::host
