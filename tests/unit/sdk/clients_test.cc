// The typed clients of consensus, metadata and storage: answers reach their callback once, whether they are
// there at once, later, or never were.
#include <chronik/consensus.hpp>
#include <chronik/metadata.hpp>
#include <chronik/storage.hpp>
#include <chronik/testing/fake_consensus.hpp>
#include <chronik/testing/fake_metadata.hpp>

#include <gtest/gtest.h>

namespace chronik::testing {
namespace {

// How often a callback ran, and with what.
struct Told {
  int times = 0;
  Code code{};  // of the last error
  bool good = false;

  template <class T>
  void operator()(const Result<T>& result) {
    ++times;
    good = result.has_value();
    if (!result) code = result.error().code;
  }
};

// ---- consensus ----

constexpr chr_state_machine_v1 kMachine = {
    sizeof kMachine,
    1,
    [](void* applied, const chr_entry*, uint32_t n, uint64_t) -> chr_status {
      *static_cast<uint32_t*>(applied) += n;
      return CHR_OK;
    },
    [](void*, const chr_role*) {},
    [](void*, uint64_t, int64_t) {},
    [](void*, uint64_t, int64_t) {},
    [](void*, int64_t) {},
    [](void*, const chr_sink*) -> chr_status { return CHR_OK; },
    [](void*, const chr_slice*, uint32_t, chr_error*) -> chr_status { return CHR_OK; },
};

class ConsensusClient : public ::testing::Test {
 protected:
  void open() {
    const Result<Consensus> found = Consensus::acquire(Host(host_.core()));
    ASSERT_TRUE(found) << found.error().message;
    consensus_ = *found;
    chr_group_options options{};
    options.id.name = options.id.label = to_abi("g");
    options.id.partition = -1;
    const int32_t voter = Host(host_.core()).node().id;
    options.voters = &voter;
    options.n_voters = 1;
    host_.on_shard(0, [&] {
      consensus_.open_group(options, kMachine, &applied_, &group_, [this](const Status& s) { opened_(s); });
    });
    host_.run();
  }
  static chr_proposal data(std::string_view bytes) {
    chr_proposal proposal{};
    proposal.kind = CHR_ENTRY_DATA;
    proposal.records = 1;
    proposal.offset_at = proposal.epoch_at = -1;
    proposal.payload = {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), nullptr};
    return proposal;
  }

  FakeHost host_;
  FakeConsensus fake_{&host_};
  Consensus consensus_;
  Group group_;
  uint32_t applied_ = 0;
  Told opened_;
};

TEST_F(ConsensusClient, AGroupIsOpenedWrittenReadAndClosed) {
  open();
  ASSERT_EQ(opened_.times, 1);
  ASSERT_TRUE(opened_.good && group_);
  Told committed, read, found, closed;
  host_.on_shard(0, [&] {
    const Result<chr_placed> placed =
        group_.propose(0, data("abc"), CHR_UNTIL_COMMITTED, [&](const Status& s) { committed(s); });
    ASSERT_TRUE(placed);
    EXPECT_EQ(placed->base_offset, 0);
  });
  EXPECT_EQ(committed.times, 0) << "it is not committed yet";
  host_.run();
  EXPECT_EQ(committed.times, 1);
  EXPECT_EQ(applied_, 1u);
  host_.on_shard(0, [&] {
    chr_group_read args{};
    args.max_bytes = 1 << 20;
    group_.read(args, [&](Result<StoredEntries> entries) {
      read(entries);
      ASSERT_EQ(entries->n, 1u);
      EXPECT_EQ(entries->all()[0].payload.n, 3u);
    });
    group_.find(CHR_FIND_OFFSET, 7, [&](const Result<chr_entry_header>& header) { found(header); });
    EXPECT_EQ(group_.bounds()->high_watermark, 1);
    ASSERT_EQ(group_.members()->members.size(), 1u);
    group_.close(CHR_CLOSE_PLAIN, [&](const Status& s) { closed(s); });
  });
  host_.run();
  EXPECT_EQ(read.times, 1);
  EXPECT_EQ(found.times, 1);
  EXPECT_EQ(found.code, Code::kNotFound);
  EXPECT_EQ(closed.times, 1);
}

TEST_F(ConsensusClient, AGroupThatCannotBeOpenedIsNone) {
  fake_.fail_opens(CHR_E_CORRUPT);
  open();
  EXPECT_EQ(opened_.times, 1);
  EXPECT_EQ(opened_.code, Code::kCorrupt);
  EXPECT_FALSE(group_);
}

TEST_F(ConsensusClient, ARefusedProposalIsAnErrorAndItsCallbackIsDropped) {
  open();
  fake_.refuse_proposals(CHR_E_OVERLOADED);
  Told committed;
  host_.on_shard(0, [&] {
    const auto placed =
        group_.propose_all(0, {}, CHR_UNTIL_COMMITTED, [&](const Status& s) { committed(s); });
    ASSERT_FALSE(placed);
    EXPECT_EQ(placed.error().code, Code::kOverloaded);
  });
  host_.run();
  EXPECT_EQ(committed.times, 0);
}

TEST_F(ConsensusClient, WhatWasOverwrittenIsTold) {
  open();
  fake_.hold_commits(true);
  Told committed;
  host_.on_shard(0, [&] {
    ASSERT_TRUE(group_.propose(0, data("x"), CHR_UNTIL_COMMITTED, [&](const Status& s) { committed(s); }));
  });
  fake_.follow("g", 2, 9);
  fake_.drop_uncommitted("g");
  host_.run();
  EXPECT_EQ(committed.times, 1);
  EXPECT_EQ(committed.code, Code::kNotLeader);
}

TEST_F(ConsensusClient, RefusalsAtOnceReachTheCallbackBeforeTheReturn) {
  open();
  fake_.refuse_changes(CHR_E_CONFLICT);
  Told changed;
  host_.on_shard(0, [&] {
    const int32_t voters[] = {1, 2};
    group_.change_members(voters, [&](const Status& s) { changed(s); });
    EXPECT_EQ(changed.times, 1);
  });
  host_.run();
  EXPECT_EQ(changed.times, 1);
  EXPECT_EQ(changed.code, Code::kConflict);
}

// ---- metadata ----

TEST(MetadataClient, ChangesAndImages) {
  FakeHost host;
  EXPECT_EQ(Metadata::acquire(Host(host.core())).error().code, Code::kNotFound);
  FakeMetadata fake(&host);
  const Metadata metadata = *Metadata::acquire(Host(host.core()));
  chr_new_topic topic{};
  topic.name = to_abi("orders");
  topic.partitions = 2;
  topic.replication_factor = 1;
  Told created, ids;
  host.on_shard(0, [&] {
    metadata.create_topics({&topic, 1}, false, 1'000, [&](const Result<ChangeResults>& results) {
      created(results);
      ASSERT_TRUE(results);
      ASSERT_EQ(results->size(), 1u);
      EXPECT_EQ(results->front().code, CHR_OK);
    });
    metadata.allocate_producer_ids(1'000, [&](const Result<ProducerIds>& block) {
      ids(block);
      ASSERT_TRUE(block);
      EXPECT_GT(block->n, 0);
    });
  });
  host.run();
  EXPECT_EQ(created.times, 1);
  EXPECT_EQ(ids.times, 1);
  CatalogImage image = metadata.catalog();
  ASSERT_EQ(image.topics(), 1u);
  const Result<chr_topic> found = image.find("orders");
  ASSERT_TRUE(found);
  EXPECT_EQ(image.topic(0)->n_partitions, 2u);
  EXPECT_EQ(from_abi(image.find(found->id)->name), "orders");
  EXPECT_EQ(image.partition(*found, 1)->n_replicas, 1u);
  EXPECT_EQ(image.partition(*found, 2).error().code, Code::kNotFound);
  EXPECT_EQ(image.find("bills").error().code, Code::kNotFound);
  const CatalogImage kept = std::move(image);
  EXPECT_FALSE(image);
  EXPECT_EQ(kept.topics(), 1u);
}

TEST(MetadataClient, AFailureOfTheWholeHasNoResults) {
  FakeHost host;
  FakeMetadata fake(&host);
  fake.answer_changes(CHR_E_UNAVAILABLE);
  const Metadata metadata = *Metadata::acquire(Host(host.core()));
  Told deleted;
  const chr_uuid id{};
  host.on_shard(0, [&] {
    metadata.delete_topics({&id, 1}, 1'000, [&](const Result<ChangeResults>& results) { deleted(results); });
  });
  host.run();
  EXPECT_EQ(deleted.times, 1);
  EXPECT_EQ(deleted.code, Code::kUnavailable);
}

TEST(MetadataClient, NoneIsTold) {
  FakeHost host;
  Metadata metadata = Metadata::acquire(Host(host.core())).value_or(Metadata());
  EXPECT_FALSE(metadata);
  FakeMetadata fake(&host);
  metadata = *Metadata::acquire(Host(host.core()));
  EXPECT_TRUE(metadata);
}

TEST(Results, HaveACodeOfTheAbi) {
  EXPECT_EQ(code_of(Status()), CHR_OK);
  EXPECT_EQ(code_of(to_status(CHR_PENDING)), CHR_OK);
  EXPECT_EQ(code_of(to_status(CHR_E_TIMEOUT)), CHR_E_TIMEOUT);
  EXPECT_EQ(code_of(Result<int>(fail(Code::kConflict, "taken"))), CHR_E_CONFLICT);
}

// ---- storage: a table that answers as the test says ----

struct FakeStorage {
  chr_status status = CHR_PENDING;  // of each call
  uint64_t token = 0;
  chr_slice* value = nullptr;

  static FakeStorage* of(void* self) { return static_cast<FakeStorage*>(self); }
  static constexpr std::string_view kBytes = "bytes";
  chr_status answer(uint64_t with, chr_slice* out) {
    token = with;
    value = out;
    if (status == CHR_OK) fill();
    return status;
  }
  void fill() const { *value = {reinterpret_cast<const uint8_t*>(kBytes.data()), kBytes.size(), nullptr}; }

  static constexpr chr_storage_v1 table() {
    chr_storage_v1 out{};
    out.struct_size = sizeof out;
    out.rev = 1;
    out.get = [](void* self, uint64_t, chr_str, chr_slice* to, uint64_t token, chr_error*) {
      return of(self)->answer(token, to);
    };
    out.write = [](void* self, const chr_storage_write* write, uint32_t, chr_error* error) {
      of(self)->token = write->token;
      return of(self)->status == CHR_PENDING ? CHR_PENDING : report(error, of(self)->status, "queue is full");
    };
    out.list_groups = [](void*, void(CHR_CALL * fn)(void*, chr_str, uint64_t), void* context) {
      fn(context, to_abi("a"), 1);
      fn(context, to_abi("b"), 2);
    };
    return out;
  }
};

class StorageClient : public ::testing::Test {
 protected:
  void get() {
    host_.on_shard(0, [&] {
      storage_.get(1, "key", [this](const Result<StoredValue>& value) {
        told_(value);
        if (value) last_ = value->found ? std::string(value->text()) : "none";
      });
    });
  }
  void complete(chr_status code) {
    Host(host_.core()).complete(fake_.token, code);
    host_.run();
  }

  static constexpr chr_storage_v1 kTable = FakeStorage::table();
  FakeHost host_;
  FakeStorage fake_;
  const Storage storage_{Host(host_.core()), &kTable, &fake_};
  Told told_;
  std::string last_;
};

TEST_F(StorageClient, AValueThatIsThereComesBeforeTheReturn) {
  fake_.status = CHR_OK;
  get();
  EXPECT_EQ(told_.times, 1);
  EXPECT_EQ(last_, "bytes");
  host_.run();
  EXPECT_EQ(told_.times, 1);
}

TEST_F(StorageClient, AValueThatMustBeReadComesLater) {
  get();
  EXPECT_EQ(told_.times, 0);
  fake_.fill();
  complete(CHR_OK);
  EXPECT_EQ(told_.times, 1);
  EXPECT_EQ(last_, "bytes");
}

TEST_F(StorageClient, AnAbsentKeyIsNoError) {
  fake_.status = CHR_E_NOT_FOUND;
  get();
  EXPECT_EQ(last_, "none");
  fake_.status = CHR_PENDING;
  get();
  complete(CHR_E_NOT_FOUND);
  EXPECT_EQ(told_.times, 2);
  EXPECT_TRUE(told_.good);
}

TEST_F(StorageClient, WritesSayWhyNothingWasWritten) {
  const auto write = [&] {
    host_.on_shard(0, [&] { storage_.write(1, {}, [this](const Status& s) { told_(s); }); });
  };
  write();
  complete(CHR_E_NO_SPACE);
  EXPECT_EQ(told_.code, Code::kNoSpace);
  fake_.status = CHR_E_OVERLOADED;
  write();
  EXPECT_EQ(told_.times, 2);
  EXPECT_EQ(told_.code, Code::kOverloaded);
  std::string names;
  storage_.list_groups([&](std::string_view name, uint64_t group) {
    names += name;
    names += std::to_string(group);
  });
  EXPECT_EQ(names, "a1b2");
}

}  // namespace
}  // namespace chronik::testing
