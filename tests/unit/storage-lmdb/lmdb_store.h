// The plugin storage-lmdb as the conformance kit opens it, and its file.
#pragma once

#include "subject.hpp"

#include <gtest/gtest.h>
#include <lmdb.h>

#include <string>

namespace chronik::conformance {

class LmdbStore : public ::testing::Test {
 protected:
  void SetUp() override { Subject::get() = {STORAGE_LMDB, true, {{"preallocate", 65536}}, {}, false}; }
  std::string file() const { return disk_.directory() + "/data.mdb"; }
  // Changes the store behind the plugin's back.
  void edit(const char* database, std::string key, std::string value) {
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    ASSERT_EQ(mdb_env_create(&env), 0);
    mdb_env_set_maxdbs(env, 200);
    ASSERT_EQ(mdb_env_open(env, disk_.directory().c_str(), 0, 0640), 0);
    ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
    ASSERT_EQ(mdb_dbi_open(txn, database, MDB_CREATE, &dbi), 0);
    MDB_val k{key.size(), key.data()};
    MDB_val v{value.size(), value.data()};
    ASSERT_EQ(mdb_put(txn, dbi, &k, &v, 0), 0);
    ASSERT_EQ(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
  }
  Disk disk_;
};

}  // namespace chronik::conformance
