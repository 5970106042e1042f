// chronik/storage_plugin.hpp, storage_admin_plugin.hpp, entries_lease.hpp: tables of a storage, from its
// classes; what a read hands out.
#include <chronik/entries_lease.hpp>
#include <chronik/storage_admin.hpp>
#include <chronik/storage_admin_plugin.hpp>
#include <chronik/storage_plugin.hpp>
#include <chronik/testing/fake_host.hpp>

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

namespace chronik {
namespace {

class BareStore {
 public:
  chr_status open_group(chr_str name, uint64_t* group, chr_error*) {
    if (name.n == 0) throw std::runtime_error("a name has bytes");
    *group = name.n;
    return CHR_OK;
  }
  void list_groups(void(CHR_CALL*)(void*, chr_str, uint64_t), void*) {}
  chr_status write(const chr_storage_write*, uint32_t, chr_error*) { return CHR_E_UNSUPPORTED; }
  chr_status read(const chr_storage_read*, chr_entries*, uint64_t, chr_error*) { return CHR_E_UNSUPPORTED; }
  chr_status find(uint64_t, int32_t, int64_t, chr_entry_header*, uint64_t, chr_error*) {
    return CHR_E_NOT_FOUND;
  }
  chr_status get(uint64_t, chr_str, chr_slice*, uint64_t, chr_error*) { return CHR_E_UNSUPPORTED; }
  chr_status bounds(uint64_t, chr_storage_bounds*) { return CHR_E_UNSUPPORTED; }
  chr_status usage(chr_storage_usage*) { return CHR_E_UNSUPPORTED; }
};

TEST(StorageTable, CallsTheStoreAndLetsNoExceptionOut) {
  BareStore store;
  const chr_storage_v1& table = kStorageTable<BareStore>;
  EXPECT_EQ(table.struct_size, sizeof table);
  EXPECT_EQ(table.rev, 1u);
  uint64_t group = 0;
  EXPECT_EQ(table.open_group(&store, to_abi("abc"), &group, nullptr), CHR_OK);
  EXPECT_EQ(group, 3u);
  EXPECT_EQ(table.find(&store, 1, CHR_FIND_OFFSET, 0, nullptr, 0, nullptr), CHR_E_NOT_FOUND);
  chr_error error = make_abi_error();
  EXPECT_EQ(table.open_group(&store, to_abi(""), &group, &error), CHR_E_FAILED);
  EXPECT_STREQ(error.message, "a name has bytes");
}

// Two groups with a key and an entry each; how many are open.
class Stopped {
 public:
  static Result<std::unique_ptr<Stopped>> open(const Host& host) {
    if (host.config_int("damaged") != 0) return fail(Code::kCorrupt, "no root");
    return std::make_unique<Stopped>();
  }
  Stopped() { ++open_stores; }
  ~Stopped() { --open_stores; }
  Status groups(const StorageGroupFn& fn) const {
    for (const uint64_t id : {1, 2}) {
      chr_storage_group group{};
      group.struct_size = sizeof group;
      group.group = id;
      if (!fn(group)) return stopped_by_caller();
    }
    return {};
  }
  template <class F>
  Status keys(uint64_t group, std::string_view after, F fn) const {
    if (group > 2) return fail(Code::kNotFound, "no such group");
    if (after < "key" && !fn("key", chr_slice{})) return stopped_by_caller();
    return {};
  }
  Status entries(uint64_t group, uint64_t from, const StorageEntryFn& fn) const {
    chr_entry entry{};
    entry.header.index = group * 10 + from;
    return fn(entry) ? Status() : stopped_by_caller();
  }

  static inline int open_stores = 0;
};

struct Checking {
  static Status check(const Host& host, const StorageReportFn& report, chr_storage_check* seen) {
    seen->groups = 2;
    seen->notes = 1;
    chr_storage_report note{};
    note.struct_size = sizeof note;
    note.kind = CHR_REPORT_NOTE;
    if (!report(note)) return stopped_by_caller();
    if (host.config_int("damaged") != 0) return fail(Code::kCorrupt, "no root");
    return {};
  }
};

class StorageAdminServiceTest : public ::testing::Test {
 protected:
  void damage() { host_.config_int("damaged", 1); }

  testing::FakeHost host_;
  StorageAdminService<Stopped, Checking> service_{Host(host_.core())};
  void* instance_ = nullptr;
  const chr_storage_admin_v1* table_ = service_.table(&instance_);
  StorageAdmin admin_{table_, instance_};
};

TEST_F(StorageAdminServiceTest, WalksWhatIsOpen) {
  ASSERT_TRUE(admin_.open());
  EXPECT_EQ(Stopped::open_stores, 1);
  std::vector<uint64_t> seen;
  EXPECT_TRUE(admin_.groups([&](const chr_storage_group& group) {
    seen.push_back(group.group);
    return true;
  }));
  const auto key = [&](std::string_view name, chr_slice) {
    seen.push_back(name.size());
    return true;
  };
  EXPECT_TRUE(admin_.keys(2, "", key));
  EXPECT_TRUE(admin_.keys(2, "key", key));
  EXPECT_TRUE(admin_.entries(2, 5, [&](const chr_entry& entry) {
    seen.push_back(entry.header.index);
    return true;
  }));
  EXPECT_EQ(seen, (std::vector<uint64_t>{1, 2, 3, 25}));
  const Status absent = admin_.keys(3, "", key);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::kNotFound);
  EXPECT_EQ(absent.error().message, "no such group");
  ASSERT_TRUE(admin_.open()) << "again";
  EXPECT_EQ(Stopped::open_stores, 1);
  admin_.close();
  admin_.close();
  EXPECT_EQ(Stopped::open_stores, 0);
}

TEST_F(StorageAdminServiceTest, NothingIsWalkedThatIsNotOpen) {
  const auto any = [](const auto&...) -> bool { throw std::runtime_error("called"); };
  const auto expect_closed = [&] {
    for (const Status& status : {admin_.groups(any), admin_.keys(1, "", any), admin_.entries(1, 1, any)}) {
      ASSERT_FALSE(status);
      EXPECT_EQ(status.error().code, Code::kInvalidArgument);
      EXPECT_EQ(status.error().message, "open() was not called");
    }
  };
  expect_closed();
  ASSERT_TRUE(admin_.open());
  admin_.close();
  expect_closed();
  damage();
  const Status opened = admin_.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  expect_closed();
}

TEST_F(StorageAdminServiceTest, ACallbackThatSaysNoEndsTheCall) {
  const auto no = [](const auto&...) { return false; };
  ASSERT_TRUE(admin_.open());
  chr_storage_check seen{};
  for (const Status& status :
       {admin_.groups(no), admin_.keys(1, "", no), admin_.entries(1, 1, no), admin_.check(no, &seen)}) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::kCancelled);
  }
  EXPECT_EQ(seen.groups, 2u) << "filled also where the check ended early";
  admin_.close();
}

TEST_F(StorageAdminServiceTest, WhatWasCheckedIsToldAlsoWhereTheCheckFails) {
  damage();
  chr_storage_check seen{};
  uint64_t reports = 0;
  const Status checked = admin_.check([&](const chr_storage_report&) { return ++reports != 0; }, &seen);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Code::kCorrupt);
  EXPECT_EQ(reports, 1u);
  EXPECT_EQ(seen.groups, 2u);
  EXPECT_EQ(seen.notes, 1u);
  EXPECT_EQ(seen.struct_size, sizeof seen);
}

TEST_F(StorageAdminServiceTest, ACallerOfAnOlderMinorGetsItsFieldsAndNoMore) {
  chr_storage_check seen{};
  seen.struct_size = offsetof(chr_storage_check, keys);
  seen.notes = 77;
  const chr_storage_report_fn go_on = [](void*, const chr_storage_report*) { return 0; };
  EXPECT_EQ(table_->check(instance_, go_on, nullptr, &seen, nullptr), CHR_OK);
  EXPECT_EQ(seen.groups, 2u);
  EXPECT_EQ(seen.notes, 77u);
  EXPECT_EQ(seen.struct_size, offsetof(chr_storage_check, keys));
}

// Counts how many are alive.
struct Pin {
  explicit Pin(int* count) : alive(count) { ++*alive; }
  ~Pin() { --*alive; }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;
  bool is_recalled() const { return recalled; }

  int* alive;
  bool recalled = false;
};

chr_entry_header header_of(uint64_t index, uint32_t bytes) {
  chr_entry_header header{};
  header.index = index;
  header.bytes = bytes;
  return header;
}

TEST(EntriesLease, KeepsWhatItHoldsUntilTheLastRelease) {
  const std::array<uint8_t, 3> payload = {1, 2, 3};
  int alive = 0;
  auto answer = std::make_unique<EntriesLease<Pin>>(&alive);
  EXPECT_TRUE(answer->empty());
  answer->add(header_of(4, 3), payload.data(), payload.size());
  answer->add(header_of(5, 3), nullptr, 3);
  EXPECT_EQ(answer->size(), 2u);
  Pin& pin = answer->held();
  chr_entries out{};
  EntriesLease<Pin>::publish(std::move(answer), &out);
  ASSERT_EQ(out.n, 2u);
  Lease lease = Lease::adopt(out.lease);
  EXPECT_EQ(out.entries[0].header.index, 4u);
  EXPECT_EQ(out.entries[0].payload.p, payload.data());
  EXPECT_EQ(out.entries[0].payload.n, 3u);
  EXPECT_EQ(out.entries[0].payload.lease, out.lease);
  EXPECT_EQ(out.entries[1].header.index, 5u);
  EXPECT_EQ(out.entries[1].payload.p, nullptr) << "a header alone";
  EXPECT_EQ(out.entries[1].payload.n, 0u);
  EXPECT_EQ(out.entries[1].payload.lease, nullptr);
  Lease of_a_payload = Lease::share(out.entries[0].payload.lease);
  lease = Lease();
  EXPECT_EQ(alive, 1);
  EXPECT_FALSE(of_a_payload.is_recalled());
  pin.recalled = true;
  EXPECT_TRUE(of_a_payload.is_recalled());
  of_a_payload = Lease();
  EXPECT_EQ(alive, 0);
}

TEST(EntriesLease, LeavesThePayloadsOwnLeaseToIt) {
  const Lease buffer = Lease::adopt(testing::FakeBuffer::copy("abc").lease);
  int alive = 0;
  auto answer = std::make_unique<EntriesLease<Pin>>(&alive);
  answer->add({header_of(1, 0), {nullptr, 0, buffer.get()}});
  chr_entries out{};
  EntriesLease<Pin>::publish(std::move(answer), &out);
  const Lease lease = Lease::adopt(out.lease);
  EXPECT_EQ(out.entries[0].payload.lease, buffer.get());
}

TEST(EntriesLease, WithoutEntriesThereIsNone) {
  int alive = 0;
  chr_entries out{sizeof out, 7, nullptr, nullptr};
  EntriesLease<Pin>::publish(std::make_unique<EntriesLease<Pin>>(&alive), &out);
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(out.n, 0u);
  EXPECT_EQ(out.lease, nullptr);
  out.n = 7;
  EntriesLease<Pin>::publish(nullptr, &out);
  EXPECT_EQ(out.n, 0u);
}

}  // namespace
}  // namespace chronik
