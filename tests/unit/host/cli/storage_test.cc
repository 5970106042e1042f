// chronik-server storage check and storage copy, with storages that fail on demand (offline/fake_storage.cc).
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <optional>

#include "host/app/data_dir.h"
#include "process.h"
#include "tests/unit/host/offline/fake_store.h"

namespace chronik::host {
namespace {

namespace fs = std::filesystem;
using testing::FakeGroup;
using testing::FakeStore;
using testing::Output;
using testing::Process;

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Groups of every kind; more than one batch of a copy.
FakeStore some_groups() {
  FakeStore store;
  FakeGroup& orders = store.group("orders/0");
  orders.keys = {{"raft/vote", "term 7"}, {"empty", ""}};
  for (uint64_t index = 41; index <= 60; ++index)
    orders.append(index, std::string(700'000, static_cast<char>('A' + index % 26)));
  store.group("nothing");
  store.group("keys only").keys["k"] = "v";
  FakeGroup& small = store.group("small");
  for (uint64_t index = 1; index <= 100; index += 3) small.append(index, std::to_string(index));
  return store;
}

std::string describe(const FakeStore& store) {
  std::string out;
  std::map<std::string, const FakeGroup*> by_name;
  for (const auto& [id, group] : store.groups) by_name[group.name] = &group;
  for (const auto& [name, group] : by_name) {
    out += name + ":";
    for (const auto& [key, value] : group->keys) out += " " + key + "=" + value;
    for (const auto& [index, entry] : group->log)
      out += " " + std::to_string(index) + "@" + std::to_string(entry.header.term) + "#" +
             std::to_string(std::hash<std::string>()(entry.payload));
    out += "\n";
  }
  return out;
}

class StorageCommands : public ::testing::Test {
 protected:
  StorageCommands() {
    DataDir data;
    EXPECT_TRUE(data.open({data_dir(), 3, "fake-a"}));
    EXPECT_TRUE(data.adopt_cluster("c-1"));
    fs::create_directory(source());
    some_groups().write(source());
  }

  fs::path data_dir() const { return folder_.path() / "data"; }
  fs::path source() const { return data_dir() / "fake-a"; }
  fs::path target() const { return data_dir() / "fake-b"; }
  fs::path work() const { return data_dir() / "fake-b.copying"; }

  // keys: of [storage].
  Output run(std::vector<std::string> arguments, const std::string& keys = {}) {
    std::ofstream(folder_.path() / "node.toml")
        << "node_id = 3\ndata_dir = \"data\"\n[storage]\nplugin = \"fake-a\"\n"
        << keys << "\n";
    arguments.insert(arguments.begin(), "storage");
    arguments.insert(arguments.end(), {"--config", "node.toml"});
    return Process(arguments, {"CHRONIK_PLUGIN_DIR=" CHRONIK_FAKE_STORAGES}, folder_.path()).finish();
  }
  Output copy(const std::string& keys = {}) {
    return run({"copy", "--from", "fake-a", "--to", "fake-b"}, keys);
  }

  std::string kept_by() {
    DataDir data;
    EXPECT_TRUE(data.open_stopped(data_dir()));
    return data.data_plugin();
  }
  static std::string content(const fs::path& folder) {
    const auto store = FakeStore::read(folder);
    return store ? describe(*store) : store.error().message;
  }
  void expect_copied(const Output& output) {
    EXPECT_EQ(output.code, 0) << output.err;
    EXPECT_EQ(content(target()), describe(some_groups()));
    EXPECT_EQ(kept_by(), "fake-b");
    EXPECT_FALSE(fs::exists(work()));
    EXPECT_EQ(content(source()), describe(some_groups())) << "the source is only read";
  }
  void expect_unchanged() {
    EXPECT_EQ(kept_by(), "fake-a");
    EXPECT_FALSE(fs::exists(target()));
    EXPECT_EQ(content(source()), describe(some_groups()));
  }
  static void expect_part(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << "\"" << part << "\" is not in:\n" << text;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(StorageCommands, ACheckSaysWhatWasLookedAt) {
  const Output output = run({"check"});
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_EQ(output.out, "fake-a in " + source().string() +
                            ": whole; 4 groups, 3 keys, 54 entries, 13.4 MiB of payload\n");
  EXPECT_EQ(output.err, "");
}

TEST_F(StorageCommands, ACheckNamesWhatIsDamaged) {
  std::string bytes = read_file(FakeStore::file(source()));
  bytes[bytes.find(std::string(100, 'A' + 45 % 26)) + 50] ^= 1;
  std::ofstream(FakeStore::file(source()), std::ios::binary) << bytes;
  const Output output = run({"check"});
  EXPECT_EQ(output.code, 3) << output.err;
  expect_part(output.out, "damage: group 1 (orders/0), entry 45: its payload fails its check [fake]\n");
  expect_part(output.out, ": 1 finding of damage; 4 groups");
  expect_part(output.err, "what to do: in a cluster, start the node all the same");
  const Output copied = copy();
  EXPECT_EQ(copied.code, 3);
  expect_part(copied.err, "group 1 (orders/0): the payload of entry 45 is damaged");
  expect_part(copied.err, "nothing is left of the copy");
  EXPECT_FALSE(fs::exists(work()));
  EXPECT_EQ(kept_by(), "fake-a");
}

TEST_F(StorageCommands, ACheckThatCrashesIsTold) {
  const Output output = run({"check"}, "crash_in_check = true");
  EXPECT_EQ(output.code, 1);
  expect_part(output.err, "fake-a: crashed while its folder was checked (signal 11, Segmentation fault)");
}

TEST_F(StorageCommands, ANodeThatRunsIsRefused) {
  DataDir running;
  ASSERT_TRUE(running.open({data_dir(), 3, "fake-a"}));
  for (const Output& output : {run({"check"}), copy()}) {
    EXPECT_EQ(output.code, 1);
    expect_part(output.err, "is in use by another chronik-server, process " + std::to_string(::getpid()));
  }
}

TEST_F(StorageCommands, AFolderThatIsNoNodesIsRefused) {
  fs::remove_all(data_dir());
  const Output output = run({"check"});
  EXPECT_EQ(output.code, 1);
  expect_part(output.err, "is no data_dir of a node: it has no node.toml");
  EXPECT_FALSE(fs::exists(data_dir())) << "nothing was made";
}

TEST_F(StorageCommands, ANodesFileThatIsAPipeIsNotWaitedFor) {
  fs::remove(data_dir() / "node.toml");
  ASSERT_EQ(::mkfifo((data_dir() / "node.toml").c_str(), 0600), 0);
  const Output output = run({"check"});
  EXPECT_EQ(output.code, 1);
  expect_part(output.err, "node.toml is no regular file");
}

TEST_F(StorageCommands, AStorageThatTheNodeDoesNotUseIsTold) {
  const Output output = run({"check", "--plugin", "fake-b"});
  EXPECT_EQ(output.code, 1);
  expect_part(output.err, "fake-b keeps nothing there; the node keeps its data in fake-a\n");
}

TEST_F(StorageCommands, AStorageWithoutTheServiceIsTold) {
  const Output check = run({"check", "--plugin", "fake-shut"});
  EXPECT_EQ(check.code, 1);
  expect_part(check.err, "fake-shut does not provide chronik.storage_admin/1");
  const Output copied = run({"copy", "--from", "fake-a", "--to", "fake-shut"});
  EXPECT_EQ(copied.code, 1);
  expect_part(copied.err, "fake-shut does not provide chronik.storage_admin/1");
  expect_unchanged();
}

TEST_F(StorageCommands, ACopyHasAllAndSaysWhatToDo) {
  const Output output = copy();
  expect_copied(output);
  expect_part(output.out,
              "copied 4 groups, 3 keys, 54 entries, 13.4 MiB of payload; checksum of both sides ");
  expect_part(output.out, "In node.toml, under [storage]: plugin = \"fake-b\"\n");
  expect_part(output.out, "chronik-server start --config node.toml\n");
  DataDir data;
  ASSERT_TRUE(data.open({data_dir(), 3, "fake-b"})) << "a node starts on it";
  EXPECT_FALSE(data.lost_data());
  EXPECT_EQ(data.cluster_id(), "c-1");
}

TEST_F(StorageCommands, AWriterThatTakesOneWriteAtATimeIsNoTrouble) { expect_copied(copy("narrow = true")); }

// Killed with each of its writes in turn.
TEST_F(StorageCommands, AKilledCopyGoesOnWhereItStopped) {
  for (const char* keys : {"kill_at_write = 1", "kill_at_write = 3"}) {
    const Output killed = copy(keys);
    EXPECT_EQ(killed.code, 1);
    expect_part(killed.err, "fake-b: crashed while a copy was written to it (signal 9, Killed)");
    expect_part(killed.err, "run the same command again: it goes on where it stopped");
    expect_unchanged();
  }
  const auto part = FakeStore::read(work() / "data");
  ASSERT_TRUE(part) << "nothing was kept of the copy";
  const Output output = copy();
  expect_part(output.err, "going on with the copy in ");
  expect_copied(output);  // the storage refuses an entry that comes again
}

TEST_F(StorageCommands, ACopyOfAnOlderStateBeginsAgain) {
  EXPECT_EQ(copy("kill_at_write = 3").code, 1);
  FakeStore changed = some_groups();
  changed.group("orders/0").log.erase(60);
  changed.group("orders/0").append(60, "another entry 60");
  changed.group("keys only").keys.erase("k");
  changed.write(source());
  const Output output = copy();
  EXPECT_EQ(output.code, 0) << output.err;
  expect_part(output.err, "it is begun again");
  EXPECT_EQ(content(target()), describe(changed));
}

TEST_F(StorageCommands, AFullDiskIsToldAndNotTheEnd) {
  const Output full = copy("full_at_write = 3");
  EXPECT_EQ(full.code, 1);
  expect_part(full.err,
              "the fake disk is full; free space there, then run the same command again: it goes on where it "
              "stopped. To give up, remove " +
                  work().string());
  expect_unchanged();
  expect_copied(copy());
}

TEST_F(StorageCommands, AStorageThatForgetsIsFoundOut) {
  const Output output = copy("lost_entry = 50");
  EXPECT_EQ(output.code, 1);
  expect_part(output.err, "the copy is not what its source is: group orders/0 differs: entries 20 and 19");
  expect_part(output.err, "nothing was changed for the node");
  expect_unchanged();
}

// The power failed between the last two steps.
TEST_F(StorageCommands, ACopyThatIsInPlaceIsTakenOver) {
  EXPECT_EQ(copy("kill_at_write = 3").code, 1);
  const std::string mark = read_file(work() / "copy.toml");
  expect_copied(copy());
  {
    DataDir data;
    ASSERT_TRUE(data.open_stopped(data_dir()));
    ASSERT_TRUE(data.bind("fake-a"));
    fs::create_directory(work());
    std::ofstream(work() / "copy.toml") << mark;
  }
  const Output output = copy("kill_at_write = 1");
  EXPECT_EQ(output.err.find("copying "), std::string::npos) << output.err;
  expect_copied(output);
}

// The power failed before the very last step.
TEST_F(StorageCommands, ACopyThatIsCompleteIsToldSo) {
  EXPECT_EQ(copy("kill_at_write = 3").code, 1);
  const std::string mark = read_file(work() / "copy.toml");
  expect_copied(copy());
  fs::create_directory(work());
  std::ofstream(work() / "copy.toml") << mark;
  expect_part(copy().err,
              "keeps its data in fake-b already: the copy is complete; remove " + work().string());
}

TEST_F(StorageCommands, AnotherFolderBecomesTheNodes) {
  const fs::path other = folder_.path() / "other";
  const Output output = run({"copy", "--from", "fake-a", "--to", "fake-a", "--to-dir", "other"});
  EXPECT_EQ(output.code, 0) << output.err;
  expect_part(output.out, "data_dir = \"" + other.string() + "\"");
  EXPECT_EQ(content(other / "fake-a"), describe(some_groups()));
  EXPECT_EQ(kept_by(), "fake-a");
  DataDir before;
  DataDir after;
  ASSERT_TRUE(before.open_stopped(data_dir()));
  ASSERT_TRUE(after.open({other, 3, "fake-a"})) << "a node starts on it";
  EXPECT_EQ(to_text(after.incarnation()), to_text(before.incarnation()));
  EXPECT_EQ(after.cluster_id(), "c-1");
  EXPECT_FALSE(after.new_node());
}

TEST_F(StorageCommands, WhatCannotBeMeantIsRefused) {
  expect_part(run({"copy", "--from", "fake-a", "--to", "fake-a"}).err, "source and target are both fake-a");
  expect_part(run({"copy", "--from", "fake-b", "--to", "fake-a"}).err,
              "keeps its data in fake-a, not in fake-b");
  const Output onto = run({"copy", "--from", "fake-a", "--to", "fake-b", "--to-dir", "data"});
  expect_part(onto.err, "is the data_dir of a node already; choose an empty folder");
  const Output within = run({"copy", "--from", "fake-a", "--to", "fake-a", "--to-dir", "data/fake-a/new"});
  expect_part(within.err, "lies within " + data_dir().string() + ", which is the node's");
  EXPECT_FALSE(fs::exists(data_dir() / "fake-a" / "new"));
  fs::create_directories(folder_.path() / "old" / "fake-a-of-before");
  expect_part(run({"copy", "--from", "fake-a", "--to", "fake-a", "--to-dir", "old"}).err,
              "has files (such as fake-a-of-before)");
  fs::create_directory(target());
  std::ofstream(target() / "something") << "x";
  expect_part(copy().err, "holds files already; move them away");
  EXPECT_EQ(kept_by(), "fake-a");
  fs::remove_all(target());
  const Output wrong = copy("kill_at_write = \"soon\"");
  EXPECT_EQ(wrong.code, 1);
  expect_part(wrong.err, "node.toml:5:17: error: storage.kill_at_write");
}

}  // namespace
}  // namespace chronik::host
