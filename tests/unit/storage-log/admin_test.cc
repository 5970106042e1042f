// storage-log: what the check of a stopped store says of each kind of damage, that it says nothing of a sound one, and that it
// changes nothing.
#include "stopped_log.h"

namespace chronik::conformance {
namespace {

TEST_F(StoppedLog, ASoundStoreHasNothingToSay) {
  fill(End::kStop);
  const Found found = check();
  EXPECT_EQ(found.all(), "");
  EXPECT_EQ(found.seen.groups, 2u);
  EXPECT_EQ(found.seen.entries, 12u);
  EXPECT_EQ(found.seen.keys, 4u);
  EXPECT_EQ(found.seen.bytes, 2 * (5 * 40 + 6000u));
}

TEST_F(StoppedLog, AKilledStoreHasNothingToSay) {
  fill(End::kKill);
  EXPECT_EQ(check().all(), "");
  add_unmarked(3);
  EXPECT_EQ(check().all(), "");
}

// Trims, truncations, drops, checkpoints and restarts: whatever a store goes through, nothing of it looks damaged.
TEST_F(StoppedLog, NoSoundStoreIsCalledDamaged) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    Disk disk;
    std::mt19937_64 random(seed);
    std::map<std::string, ModelGroup> models;
    for (int life = 0; life < 6; ++life) {
      Store store(disk);
      ASSERT_EQ(store.failure(), "") << seed;
      for (int i = 0; i < 60; ++i) {
        const std::string name(1, static_cast<char>('a' + random() % 3));
        ModelGroup& model = models[name];
        EntryMaker maker(random());
        maker.resume(model.last());
        TestWrite write{store.group(name), {}};
        const uint64_t kind = random() % 12;
        const uint64_t last = model.entries.empty() ? 0 : model.last()->header.index;
        if (kind == 0)
          write.trim(last == 0 ? 1 : 1 + random() % (last + 1));
        else if (kind == 1 && last > 3)
          write.truncate(last - random() % 3);
        else if (kind == 2)
          write.put("k" + std::to_string(random() % 3), std::string(random() % 9000, 'v'));
        else if (kind == 3 && random() % 4 == 0)
          write.drop();
        else
          write.append(maker.batch(1 + random() % 4, random() % 5 == 0 ? 9000 : random() % 700));
        ASSERT_EQ(store.write(write), CHR_OK) << seed;
        model.apply(write);
        if (kind == 3 && write.steps.back().type == CHR_STORAGE_DROP) models.erase(name);
        if (random() % 16 == 0) store.host().advance(std::chrono::milliseconds(60));
      }
      if (random() % 2 == 0) store.crash();
    }
    const Found found = check(disk);
    EXPECT_TRUE(found.status) << found.all();
    EXPECT_EQ(found.seen.damages, 0u) << "seed " << seed << ":\n" << found.all();
    uint64_t entries = 0;
    for (const auto& [name, model] : models) entries += model.entries.size();
    EXPECT_EQ(found.seen.entries, entries) << seed;
  }
}

// ---- segments ----

TEST_F(StoppedLog, ADamagedPayloadIsOneEntry) {
  fill(End::kStop);
  const std::string segment = disk_.image().at("1-1.segment");
  for (const uint64_t index : {4, 5})
    flip("1-1.segment", record_at(segment, index) + sizeof(RecordHead) + 20);
  const Found found = check();
  EXPECT_EQ(found.all(), "damage group 1 (a) 4-5: its payload fails its check [1-1.segment at " +
                             std::to_string(record_at(segment, 4)) + "]\n");
  EXPECT_EQ(found.seen.damages, 1u);
  EXPECT_EQ(found.seen.entries, 12u);
}

TEST_F(StoppedLog, BehindADamagedHeadItGoesOn) {
  fill(End::kStop);
  const std::string segment = disk_.image().at("1-1.segment");
  flip("1-1.segment", record_at(segment, 2) + 20);
  flip("1-1.segment", record_at(segment, 5) + sizeof(RecordHead));
  flip("1-1.segment", record_at(segment, 6) + 70);
  EXPECT_EQ(check().all(), "damage group 1 (a) 2-2: its head fails its check [1-1.segment at " +
                               std::to_string(record_at(segment, 2)) +
                               "]\n"
                               "damage group 1 (a) 5-5: its payload fails its check [1-1.segment at " +
                               std::to_string(record_at(segment, 5)) +
                               "]\n"
                               "damage group 1 (a) 6-6: its head fails its check [1-1.segment at " +
                               std::to_string(record_at(segment, 6)) + "]\n");
}

TEST_F(StoppedLog, AMissingSegmentCostsItsEntries) {
  fill(End::kStop);
  std::filesystem::remove(path("2-1.segment"));
  EXPECT_EQ(check().all(), "damage group 2 (b) 1-6: the file is missing [2-1.segment]\n");
}

TEST_F(StoppedLog, ACutSegmentCostsItsEnd) {
  fill(End::kStop);
  const std::string segment = disk_.image().at("2-1.segment");
  cut("2-1.segment", record_at(segment, 3) + 100);
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 1u);
  EXPECT_TRUE(found.has("damage group 2 (b) 3-6: the file ends after " +
                        std::to_string(record_at(segment, 3) + 100) + " bytes, and "))
      << found.all();
  const Store store(disk_, Store::Settings::kUsual, Store::Life::kStopped);
  ASSERT_TRUE(store.admin().open());
  size_t n = 0;
  const Status read = store.admin().entries(2, 1, [&](const chr_entry&) { return ++n != 0; });
  ASSERT_FALSE(read);
  EXPECT_TRUE(read.error().message.contains("entry 3 of group 2")) << read.error().message;
  EXPECT_EQ(n, 2u);
  store.admin().close();
}

// A power loss leaves what was not synced as it likes; a start writes it anew from the journal.
TEST_F(StoppedLog, WhatTheJournalHasTheSegmentNeedNotHave) {
  fill(End::kKill);
  const std::string segment = disk_.image().at("1-1.segment");
  for (const uint64_t index : {1, 2, 4}) flip("1-1.segment", record_at(segment, index) + 30);
  EXPECT_EQ(check().all(), "");
  EXPECT_EQ(served(disk_.image()), content_);
  flip("1-1.segment", record_at(segment, 3) + 500);  // went there directly
  EXPECT_EQ(check().all(), "damage group 1 (a) 3-3: its payload fails its check [1-1.segment at " +
                               std::to_string(record_at(segment, 3)) + "]\n");
}

// ---- indexes and values ----

TEST_F(StoppedLog, ADamagedIndexIsANote) {
  open_with_segments_of(512 << 10);  // else a short scan finds all
  {
    Store store(disk_);
    EntryMaker maker(1);
    for (int i = 0; i < 400; ++i)
      ASSERT_EQ(store.write(TestWrite{store.group("a"), {}}.append({maker.next(3000)})), CHR_OK);
  }
  ASSERT_EQ(check().all(), "");
  for (const auto& [name, bytes] : disk_.image())
    if (name.ends_with(".index")) flip(name, 40);
  const std::string index = disk_.image().contains("1-1.index") ? "1-1.index" : find("1-", ".index");
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 0u) << found.all();
  EXPECT_TRUE(found.has("note group 1 (a): a block of the index fails its check")) << found.all();
  EXPECT_TRUE(found.has("[" + index + " at 0]")) << found.all();
  cut(index, 4000);
  EXPECT_TRUE(check().has("[" + index + " at 0]"));
  cut(index, uint64_t{1} << 40);  // sparse: nobody reads so much
  EXPECT_TRUE(check().has("[" + index + " at 0]"));
  std::filesystem::remove(path(index));
  EXPECT_FALSE(check().has(index)) << "there may be none";
}

TEST_F(StoppedLog, TheFileOfAValueIsNamedWithItsKey) {
  fill(End::kStop);
  const std::string file = find("1-", ".value");
  const Image image = disk_.image();
  flip(file, 4000);
  EXPECT_EQ(check().all(), "damage group 1 (a) key piece: its value fails its check [" + file + "]\n");
  cut(file, 4000);
  EXPECT_EQ(check().all(), "damage group 1 (a) key piece: its value fails its check [" + file + "]\n");
  const Store store(disk_, Store::Settings::kUsual, Store::Life::kStopped);
  ASSERT_TRUE(store.admin().open());
  const Status keys = store.admin().keys(1, {}, [](std::string_view, const chr_slice&) { return true; });
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, Code::kCorrupt);
  EXPECT_TRUE(keys.error().message.contains("key piece of group 1")) << keys.error().message;
  store.admin().close();
  std::filesystem::remove(path(file));
  EXPECT_EQ(check().all(), "damage group 1 (a) key piece: the file of its value is missing [" + file + "]\n");
}

// ---- the checkpoint ----

TEST_F(StoppedLog, OneCopyOfTheCheckpointIsANote) {
  fill(End::kStop);
  const std::string file = find("checkpoint-");
  const uint64_t size = std::filesystem::file_size(path(file));
  flip(file, 50);
  EXPECT_EQ(check().all(),
            "note: the first of its two copies fails its check; the other one is whole [" + file + "]\n");
  flip(file, 50);
  cut(file, size - 1);
  const Found found = check();
  EXPECT_EQ(found.all(),
            "note: the second of its two copies fails its check; the other one is whole [" + file + "]\n");
}

TEST_F(StoppedLog, BothCopiesOfTheCheckpointAreTheRoot) {
  fill(End::kStop);
  const std::string file = find("checkpoint-");
  const uint64_t size = std::filesystem::file_size(path(file));
  flip(file, 50);
  flip(file, size / 2 + 60);
  const Found found = check();
  ASSERT_FALSE(found.status);
  EXPECT_EQ(found.status.error().code, Code::kCorrupt);
  ASSERT_EQ(found.seen.damages, 1u);
  EXPECT_TRUE(found.has("damage: the file " + file + " is damaged on disk")) << found.all();
  EXPECT_TRUE(found.has("[" + file + "]")) << found.all();
}

TEST_F(StoppedLog, AMissingCheckpointIsTheRoot) {
  fill(End::kStop);
  std::filesystem::remove(path(find("checkpoint-")));
  const Found found = check();
  ASSERT_FALSE(found.status);
  EXPECT_EQ(found.status.error().code, Code::kCorrupt);
  EXPECT_TRUE(found.has("but no checkpoint")) << found.all();
}

TEST_F(StoppedLog, ANewerFormatIsNoDamage) {
  fill(End::kStop);
  const std::string file = find("checkpoint-");
  const uint64_t size = std::filesystem::file_size(path(file));
  for (const uint64_t at : {uint64_t{16}, size / 2 + 16}) flip(file, at, 3 ^ 4);
  const Found found = check();
  ASSERT_FALSE(found.status);
  EXPECT_EQ(found.status.error().code, Code::kUnsupported);
  EXPECT_TRUE(found.status.error().message.contains("format 4")) << found.all();
  EXPECT_TRUE(found.lines.empty()) << found.all();
}

TEST_F(StoppedLog, AFolderOfAnotherStorageIsNoDamage) {
  std::ofstream(path("data.mdb")) << "something";
  const Found found = check();
  ASSERT_FALSE(found.status);
  EXPECT_EQ(found.status.error().code, Code::kUnsupported);
  EXPECT_TRUE(found.status.error().message.contains("data.mdb")) << found.all();
  EXPECT_TRUE(found.status.error().message.contains("set storage.plugin")) << found.all();
  EXPECT_TRUE(found.lines.empty()) << found.all();
}

TEST_F(StoppedLog, AStartThatWasCutShortLeftNothing) {
  std::ofstream(path("checkpoint-1.new")) << "half of";
  EXPECT_EQ(check().status.error().code, Code::kNotFound);
}

TEST_F(StoppedLog, FilesThatNobodyListsAreANote) {
  fill(End::kStop);
  for (const char* name : {"1-99.segment", "7-1.index", "1-77.value"}) std::ofstream(path(name)) << "12345";
  EXPECT_EQ(
      check().all(),
      "note: 3 files are in use no more (15 bytes): the next start removes what a kill left [1-77.value]\n");
}

// ---- the journal ----

TEST_F(StoppedLog, AFlippedBitOfACommitIsTurnedBack) {
  fill(End::kKill);
  const auto all = frames(disk_.image().at("journal-0"));
  const auto& [at, header] = all[1];
  flip("journal-0", at + 100);
  EXPECT_EQ(check().all(), "note: of a commit (number " + std::to_string(header.sequence) +
                               ") its payload fails: one bit is flipped, and is turned back [journal-0 at " +
                               std::to_string(at) + "]\n");
}

TEST_F(StoppedLog, ADamagedPayloadOfACommitIsOneEntry) {
  fill(End::kKill);
  const std::string journal = disk_.image().at("journal-0");
  const size_t frame = frames(journal)[1].first;  // entry 2 of group a
  for (const size_t i : {0, 9, 18}) flip("journal-0", frame + 72 + 32 + 88 + i, 0x21);
  EXPECT_EQ(check().all(), "damage group 1 (a) 2-2: its payload fails its check [journal-0 at " +
                               std::to_string(frame) + "]\n");
}

TEST_F(StoppedLog, ADamagedCommitSetsItsGroupAside) {
  fill(End::kKill);
  const std::string journal = disk_.image().at("journal-0");
  const auto [frame, header] = frames(journal)[3];  // entry 4 of group a
  for (const size_t i : {0, 9, 18}) flip("journal-0", frame + 72 + i, 0x21);
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 1u);
  EXPECT_TRUE(found.has("damage group 1 (a) 4-: a commit is damaged (number " +
                        std::to_string(header.sequence) +
                        "): the group is set aside, and serves only its entries from before [journal-0 at " +
                        std::to_string(frame) + "]"))
      << found.all();
  const Store store(disk_, Store::Settings::kUsual, Store::Life::kStopped);
  ASSERT_TRUE(store.admin().open());
  std::vector<chr_status> states;
  ASSERT_TRUE(store.admin().groups([&](const chr_storage_group& g) {
    states.push_back(g.state);
    EXPECT_EQ(g.last_index, g.state == CHR_OK ? 6u : 0u);
    return true;
  }));
  EXPECT_EQ(states, (std::vector<chr_status>{CHR_E_CORRUPT, CHR_OK}));
  EXPECT_FALSE(store.admin().keys(1, {}, [](std::string_view, const chr_slice&) { return true; }));
  store.admin().close();
}

TEST_F(StoppedLog, ADamageThatAnEarlierStartMetIsTold) {
  fill(End::kKill);
  const size_t frame = frames(disk_.image().at("journal-0"))[3].first;
  for (const size_t i : {0, 9, 18}) flip("journal-0", frame + 72 + i, 0x21);
  {
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
  }
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 1u) << found.all();
  EXPECT_TRUE(found.has("damage group 1 (a): an earlier start set it aside: a commit in the journal"))
      << found.all();
}

TEST_F(StoppedLog, ACommitWithoutAnyHeaderSetsAllAside) {
  fill(End::kKill);
  const auto [frame, header] = frames(disk_.image().at("journal-0"))[3];
  for (const size_t at : {frame + 20, frame + header.size - 50}) flip("journal-0", at);
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 1u);
  EXPECT_TRUE(
      found.has("damage: a commit is damaged (number " + std::to_string(header.sequence) +
                "), and nobody knows of which groups it was: all are set aside [the journal, commit " +
                std::to_string(header.sequence) + "]"))
      << found.all();
}

TEST_F(StoppedLog, AHeaderThatIsThereTwiceIsANote) {
  fill(End::kKill);
  const auto [frame, header] = frames(disk_.image().at("journal-0"))[3];
  flip("journal-0", frame + 20);
  EXPECT_EQ(check().all(), "note: of a commit (number " + std::to_string(header.sequence) +
                               ") its first header fails; nothing of it is lost [journal-0 at " +
                               std::to_string(frame) + "]\n");
}

// Nothing says that it was acknowledged: a start takes it for the torn end, and so does the check.
TEST_F(StoppedLog, DamageAboveTheMarkIsTheTornEnd) {
  fill(End::kStop);
  add_unmarked(3);
  const auto all = frames(disk_.image().at("journal-0"));
  const auto& [frame, header] = all.back();
  flip("journal-0", frame + 100);
  const Found found = check();
  EXPECT_EQ(found.all(), "note: the last commits, from number " + std::to_string(header.sequence) +
                             " on, were cut short when the store ended, or damaged since; nothing says that "
                             "they were acknowledged [journal-0 at " +
                             std::to_string(frame) + "]\n");
  Store store(disk_);
  EXPECT_EQ(store.get(store.group("a"), "n").value, "1");
}

TEST_F(StoppedLog, AJournalThatIsCutIsTold) {
  fill(End::kStop);
  add_unmarked(3);
  cut("journal-0", std::filesystem::file_size(path("journal-0")) - 4096);
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 1u);
  EXPECT_TRUE(found.has("damage: the file is missing or cut short")) << found.all();
  EXPECT_TRUE(found.has("[journal-0]")) << found.all();
}

TEST_F(StoppedLog, AJournalThatIsGoneIsTold) {
  fill(End::kStop);
  add_unmarked(3);
  std::filesystem::remove(path("journal-0"));
  const Found found = check();
  EXPECT_EQ(found.seen.damages, 1u);
  EXPECT_TRUE(found.has("damage: the file is missing or cut short")) << found.all();
  EXPECT_TRUE(found.has("[journal-0]")) << found.all();
}

}  // namespace
}  // namespace chronik::conformance
