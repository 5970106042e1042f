// storage-lmdb: what a store finds in its file when it opens.
#include "parts_fixture.h"

namespace chronik::storage_lmdb {
namespace {

class StoreRecovery : public PartsFixture {
 protected:
  Status reopen() {
    close();
    return open();
  }
  void put_group_record(uint64_t id, std::string record) {
    MDB_txn* txn = nullptr;
    ASSERT_EQ(mdb_txn_begin(parts_->env->raw(), nullptr, 0, &txn), 0);
    LogKey key(id, 0);
    MDB_val k = key.group_val();
    MDB_val v{record.size(), record.data()};
    ASSERT_EQ(mdb_put(txn, parts_->env->groups(), &k, &v, 0), 0);
    ASSERT_EQ(commit(txn), 0);
  }
};

TEST_F(StoreRecovery, FindsGroupsAsTheyWere) {
  const uint64_t a = group("a");
  const uint64_t b = group("b");
  const uint64_t c = group("c");
  ASSERT_EQ(write(append(a, 1, 3000, 10), append(b, 7), append(c, 1, 3000, 10)),
            (Codes{CHR_OK, CHR_OK, CHR_OK}));
  ASSERT_EQ(write(remove(a, CHR_STORAGE_TRIM, 8), remove(c, CHR_STORAGE_DROP)), (Codes{CHR_OK, CHR_OK}));
  const uint64_t live = parts_->space.live_bytes();
  const uint64_t gone = groups_->gone_bytes();
  EXPECT_GT(gone, 16 * 4096u);
  ASSERT_TRUE(reopen());
  EXPECT_EQ(groups_->durable(), (std::map<uint64_t, std::string>{{a, "a"}, {b, "b"}}));
  EXPECT_EQ(log(a).first, 8u);
  EXPECT_EQ(log(a).entries(), 3u);
  EXPECT_EQ(log(b).last, 7u);
  EXPECT_EQ(groups_->to_purge(), (std::set<uint64_t>{a, c}));
  EXPECT_EQ(parts_->space.live_bytes(), live);
  EXPECT_EQ(groups_->gone_bytes(), gone);
  EXPECT_EQ(group("d"), c + 1) << "no id is given out again";
}

TEST_F(StoreRecovery, SetsADamagedGroupAside) {
  const uint64_t a = group("a");
  const uint64_t b = group("b");
  ASSERT_EQ(write(append(a, 1), append(b, 1)), (Codes{CHR_OK, CHR_OK}));
  put_group_record(a, "no record");
  ASSERT_TRUE(reopen());
  EXPECT_TRUE(host_.logged("a log is damaged on disk and not served"));
  EXPECT_NE(groups_->damage(a), nullptr);
  EXPECT_EQ(log(b).last, 1u);
  EXPECT_EQ(groups_->open("a").error().code, Code::kCorrupt) << "its name is not known: it may be this one";
}

}  // namespace
}  // namespace chronik::storage_lmdb
