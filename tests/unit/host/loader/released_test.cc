// Plugins of every released minor, built with the headers of then: today's host loads them, and they work
// with today's plugins.
#include <chronik/consensus.h>
#include <chronik/retry_policy.h>
#include <gtest/gtest.h>

#include <chronik/testing/config_defaults.hpp>
#include <chronik/testing/fake_host.hpp>

#include "host/loader/instances.h"

namespace chronik::host {
namespace {

using chronik::testing::FakeHost;

// Plugins on one host, in virtual time, started in the order of what they require.
class Running {
 public:
  explicit Running(const std::vector<std::string>& files) { begin(files); }
  ~Running() {
    if (!instances_) return;
    const Status stopped = instances_->stop_all([this](size_t, const auto& call) { return finish(call); });
    EXPECT_TRUE(stopped) << stopped.error().message;
    instances_->destroy_all();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  const std::string& problem() const { return problem_; }
  template <class Table>
  const Table* service(const char* id, void** instance) {
    return static_cast<const Table*>(instances_->find_service(id, instance));
  }

 private:
  void fail(const Error& error) { problem_ = error.message; }

  void begin(const std::vector<std::string>& files) {
    std::vector<PluginFile> probed;
    for (const std::string& file : files) {
      auto found = PluginFile::probe(file);
      if (!found) return fail(found.error());
      probed.push_back(std::move(*found));
    }
    auto set = PluginSet::resolve(std::move(probed));
    if (!set) return fail(set.error());
    set_.emplace(std::move(*set));
    if (const Status loaded = set_->load(); !loaded) return fail(loaded.error());
    for (size_t i = 0; i < set_->size(); ++i)
      chronik::testing::give_config_defaults(host_, (*set_)[i].schema());
    host_.config_int("delay", 1000);
    host_.config_int("attempts", 3);
    instances_.emplace(*set_);
    for (size_t i = 0; i < set_->size(); ++i) {
      if (const Status created = instances_->create(i, host_.core(), "{}"); !created)
        return fail(created.error());
    }
    for (size_t i = 0; i < set_->size() && problem_.empty(); ++i) start(i);
  }

  void start(size_t i) {
    chr_status status = CHR_OK;
    const Status ended =
        finish([&](uint64_t token, chr_error* error) { return status = instances_->start(i, token, error); });
    if (status == CHR_PENDING) instances_->started(i, ended ? CHR_OK : CHR_E_FAILED);
    if (!ended) return fail(ended.error());
    for (const std::string& id : (*set_)[i].manifest().provides) {
      void* instance = nullptr;
      const void* table = instances_->find_service(id, &instance);
      host_.provide(id.c_str(), table, instance);
    }
  }

  Status finish(const std::function<chr_status(uint64_t, chr_error*)>& call) {
    chr_done done{};
    done.code = CHR_E_TIMEOUT;
    chr_error error = make_abi_error();
    chr_status status = CHR_OK;
    host_.on_shard(0, [&] { status = call(host_.begin(&done), &error); });
    if (status == CHR_PENDING) {
      host_.advance(std::chrono::seconds(60));
      status = done.code;
    }
    if (status < 0) return std::unexpected(from_abi(error, status));
    return {};
  }

  FakeHost host_{1, 1, 1, FakeHost::Link::kRecorded};
  std::optional<PluginSet> set_;
  std::optional<Instances> instances_;
  std::string problem_;
};

class Released : public ::testing::TestWithParam<const char*> {
 protected:
  static std::string exhibit(const char* kind) {
    return plugin_path(CHRONIK_MUSEUM_DIR, std::string("museum-") + GetParam() + "-" + kind);
  }
};

TEST_P(Released, RetryPolicyAnswers) {
  Running running({exhibit("retry")});
  ASSERT_EQ(running.problem(), "");
  void* self = nullptr;
  const auto* policy = running.service<chr_retry_policy_v1>(CHR_RETRY_POLICY_ID, &self);
  ASSERT_NE(policy, nullptr);
  chr_retry retry{sizeof retry, 2, 0, CHR_E_TIMEOUT, 0, 0};
  uint64_t delay_ns = 0;
  EXPECT_EQ(policy->next_delay(self, &retry, &delay_ns), CHR_OK);
  EXPECT_EQ(delay_ns, 2000u);
  retry.attempt = 4;
  EXPECT_EQ(policy->next_delay(self, &retry, &delay_ns), CHR_E_CANCELLED);
}

// The consumer's start is a round trip: open, lead, propose, apply, read, close.
TEST_P(Released, StorageCarriesTodaysRaftAndTheConsumerUsesIt) {
  Running running({exhibit("consumer"), exhibit("storage"), plugin_path(CHRONIK_PLUGIN_DIR, "raft")});
  EXPECT_EQ(running.problem(), "");
}

TEST_P(Released, ConsumerOverTodaysStorage) {
  Running running({exhibit("consumer"), plugin_path(CHRONIK_PLUGIN_DIR, "storage-memory"),
                   plugin_path(CHRONIK_PLUGIN_DIR, "raft")});
  EXPECT_EQ(running.problem(), "");
}

TEST_P(Released, IsRefusedWhereItsConsensusIsMissing) {
  Running running({exhibit("consumer")});
  EXPECT_NE(running.problem().find("requires chronik.consensus/1, which no selected plugin provides"),
            std::string::npos)
      << running.problem();
}

INSTANTIATE_TEST_SUITE_P(Minors, Released, ::testing::Values("1-0"), [](const auto& row) {
  return row.param[0] == '1' ? "Minor" + std::string(row.param + 2) : std::string("Other");
});

}  // namespace
}  // namespace chronik::host
