// Today's host against the museum of binaries: each exhibit loads, or is refused with the expected message at
// the expected step. Each runs in a child process, so that a crash is a failure of its row and of nothing
// else.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chronik/testing/fake_host.hpp>

#include "host/loader/instances.h"

namespace chronik::host {
namespace {

struct Exhibit {
  const char* name;                  // of the test
  std::vector<std::string> plugins;  // selected together
  const char* step;                  // where it is refused; "runs" if it is not
  const char* message;               // part of what is said
};

std::ostream& operator<<(std::ostream& out, const Exhibit& exhibit) { return out << exhibit.name; }

std::string refused(std::string_view step, const Error& error) {
  return std::string(step) + ": " + error.message;
}

// Probes, resolves, loads, creates, starts, stops and destroys; "runs", or the step that refused and why.
std::string visit(const std::vector<std::string>& plugins) {
  std::vector<PluginFile> files;
  for (const std::string& plugin : plugins) {
    auto file = PluginFile::probe(plugin_path(CHRONIK_MUSEUM_DIR, plugin));
    if (!file) return refused("probe", file.error());
    files.push_back(std::move(*file));
  }
  auto set = PluginSet::resolve(std::move(files));
  if (!set) return refused("resolve", set.error());
  if (const Status loaded = set->load(); !loaded) return refused("load", loaded.error());
  Instances instances(*set);
  std::vector<std::unique_ptr<chronik::testing::FakeHost>> hosts;
  for (size_t i = 0; i < set->size(); ++i) {
    hosts.push_back(std::make_unique<chronik::testing::FakeHost>());
    if (const Status status = instances.create(i, hosts[i]->core(), "{}"); !status) {
      return refused("create", status.error());
    }
  }
  const Instances::Await await = [&](size_t i, const auto& call) -> Status {
    chr_done done{};
    chr_error error = make_abi_error();
    const chr_status status = call(hosts[i]->begin(&done), &error);
    if (status == CHR_PENDING) hosts[i]->run();
    if (status < 0) return std::unexpected(from_abi(error, status));
    return {};
  };
  if (const Status status = instances.start_all(await); !status) {
    for (size_t i = 0; i < set->size(); ++i) {
      if (instances.state(i) == Instances::State::kRunning) return "left " + (*set)[i].id() + " running";
    }
    instances.destroy_all();
    return refused("start", status.error());
  }
  if (const Status status = instances.stop_all(await); !status) return refused("stop", status.error());
  instances.destroy_all();
  return "runs";
}

// visit() in a child process; how it ended where that was no ordinary end.
std::string visit_safely(const std::vector<std::string>& plugins) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string result = visit(plugins);
    const bool written =
        ::write(ends[1], result.data(), result.size()) == static_cast<ssize_t>(result.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string result;
  char buffer[1024];
  for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    result.append(buffer, static_cast<size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return "crashed with signal " + std::to_string(WTERMSIG(status));
  return result;
}

class Museum : public ::testing::TestWithParam<Exhibit> {};

TEST_P(Museum, LoadsOrIsRefusedClearly) {
  const std::string result = visit_safely(GetParam().plugins);
  EXPECT_TRUE(result.starts_with(GetParam().step)) << result;
  EXPECT_NE(result.find(GetParam().message), std::string::npos) << result;
}

INSTANTIATE_TEST_SUITE_P(
    Exhibits, Museum,
    ::testing::Values(
        Exhibit{"PlainC", {"museum-good"}, "runs", ""}, Exhibit{"RetryInCpp", {"museum-retry"}, "runs", ""},
        Exhibit{"InOrder", {"museum-needs-counter", "museum-good"}, "runs", ""},
        Exhibit{"LeakedLease", {"museum-leaked-lease"}, "runs", ""},
        Exhibit{"FailingInit",
                {"museum-fail-init"},
                "load",
                "museum-fail-init: chronik_plugin_v1() failed: closed on Mondays"},
        Exhibit{"FailingCreate",
                {"museum-fail-create"},
                "create",
                "museum-fail-create failed to be created: this machine has no museum"},
        Exhibit{"FailingStart",
                {"museum-fail-start"},
                "start",
                "museum-fail-start failed to start: the door is locked"},
        Exhibit{
            "FailingStartStopsOthers", {"museum-retry", "museum-fail-start"}, "start", "the door is locked"},
        Exhibit{"ThrowingBehindTheWrapper",
                {"museum-throw-guarded"},
                "start",
                "museum-throw-guarded failed to start: the lamp fell"},
        Exhibit{"ThrowingAcrossTheAbi",
                {"museum-throw-raw"},
                "start",
                "museum-throw-raw failed to start: let an exception out"},
        Exhibit{"MissingHook",
                {"museum-missing-hook"},
                "load",
                "museum-missing-hook: its chr_plugin_v1 is wrong: field stop: is NULL"},
        Exhibit{"AnotherId",
                {"museum-other-id"},
                "load",
                "field id: \"museum-twin\", but the manifest says \"museum-other-id\""},
        Exhibit{"NullFunction",
                {"museum-null-function"},
                "start",
                "museum-null-function failed to start: its table of chronik.retry_policy/1 is wrong: field "
                "next_delay: is NULL"},
        Exhibit{"TableSize",
                {"museum-table-size"},
                "start",
                "its table of chronik.retry_policy/1 is wrong: field struct_size: 0 instead of 16"},
        Exhibit{"TableRev",
                {"museum-table-rev"},
                "start",
                "its table of chronik.retry_policy/1 is wrong: field rev: 2 instead of 1"},
        Exhibit{"NoService",
                {"museum-no-service"},
                "start",
                "museum-no-service failed to start: its service() returned NULL for chronik.retry_policy/1, "
                "which "
                "its manifest says it provides"},
        Exhibit{"SilentFailure",
                {"museum-silent-start"},
                "start",
                "museum-silent-start failed to start: IO (-9), and the plugin gave no reason"},
        Exhibit{"LackingASymbol",
                {"museum-lacks-symbol"},
                "load",
                "museum-lacks-symbol: cannot be loaded: " CHRONIK_MUSEUM_DIR
                "/museum-lacks-symbol.so: undefined symbol: museum_absent; ldd "},
        Exhibit{"NextMajor",
                {"museum-major2"},
                "probe",
                "museum-major2.so: speaks ABI major 2, this host speaks 1"},
        Exhibit{"NewerMinor",
                {"museum-newer-minor"},
                "probe",
                "museum-newer-minor.so: needs ABI 1.9 or newer, this host speaks 1.0"},
        Exhibit{"MissingService",
                {"museum-missing-service"},
                "resolve",
                "museum-missing-service requires museum.absent/1, which no selected plugin provides; select "
                "one that does"},
        Exhibit{"Cycle",
                {"museum-cycle-a", "museum-cycle-b"},
                "resolve",
                "in a circle: museum-cycle-a -> museum-cycle-b -> museum-cycle-a; museum-cycle-a needs "
                "museum.b/1 of museum-cycle-b"},
        Exhibit{"TwoProviders",
                {"museum-good", "museum-twin"},
                "resolve",
                "two plugins provide museum.counter/1: museum-good and museum-twin; select one of them"},
        Exhibit{"TwoOfOneName",
                {"museum-named-left", "museum-named-right", "museum-named-left-twin"},
                "resolve",
                "two plugins provide museum.counter/1:left: museum-named-left and museum-named-left-twin; "
                "select one of them"},
        Exhibit{"NamesTellThemApart",
                {"museum-needs-counter", "museum-named-left", "museum-named-right", "museum-needs-left"},
                "runs",
                ""},
        Exhibit{"AnotherName",
                {"museum-needs-left", "museum-named-right"},
                "resolve",
                "museum-needs-left requires museum.counter/1:left, which no selected plugin provides"},
        Exhibit{
            "NameLeftOut",
            {"museum-unnamed-assignor"},
            "probe",
            "field \"provides\": \"chronik.assignor/1\": several plugins may provide it, each under a name: "
            "write \"chronik.assignor/1:NAME\""},
        Exhibit{"SelectedTwice",
                {"museum-good", "museum-good"},
                "resolve",
                "the plugin museum-good is selected twice"},
        Exhibit{"NotAPlugin",
                {"museum-ordinary"},
                "probe",
                "museum-ordinary.so: is not a chronik plugin: it does not export chronik_plugin_v1"},
        Exhibit{"NoManifest", {"museum-no-manifest"}, "probe", "museum-no-manifest.so: has no manifest"},
        Exhibit{"Text", {"museum-text"}, "probe", "museum-text.so: is not a shared object (no ELF file)"},
        Exhibit{"WrongFieldTypes",
                {"museum-bad-manifest"},
                "probe",
                "field \"id\": expected a string, got an integer; field \"provides\": expected a list of "
                "service IDs, got a string; field \"requires\": expected service IDs, got an integer; field "
                "\"abi\": \"one\""},
        Exhibit{"BrokenManifest", {"museum-broken-manifest"}, "probe", "its manifest is no TOML: line 1"},
        Exhibit{"Absent", {"museum-absent"}, "probe", "museum-absent.so: No such file or directory"}),
    [](const auto& row) { return row.param.name; });

// The symbol table alone decides: a library whose constructor would end the process is examined unharmed.
TEST(MuseumProbe, RunsNoCode) {
  const auto file = PluginFile::probe(plugin_path(CHRONIK_MUSEUM_DIR, "museum-crash-on-load"));
  ASSERT_TRUE(file);
  EXPECT_EQ(visit_safely({"museum-crash-on-load"}), "crashed with signal 6") << "or this test proves nothing";
}

TEST(MuseumProbe, NamesImportsThatReachAroundTheHost) {
  const auto wrong = PluginFile::probe(plugin_path(CHRONIK_MUSEUM_DIR, "museum-wrong-imports"));
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->forbidden_imports(), (std::vector<std::string>{"clock_gettime", "getrandom", "socket"}));
  const auto good = PluginFile::probe(plugin_path(CHRONIK_MUSEUM_DIR, "museum-good"));
  ASSERT_TRUE(good);
  EXPECT_EQ(good->forbidden_imports(), std::vector<std::string>());
}

TEST(MuseumInstances, ServicesAreFoundByThoseWhoDeclareThem) {
  std::vector<PluginFile> files;
  for (const char* name : {"museum-needs-counter", "museum-good", "museum-retry"}) {
    files.push_back(*PluginFile::probe(plugin_path(CHRONIK_MUSEUM_DIR, name)));
  }
  PluginSet set = *PluginSet::resolve(std::move(files));
  ASSERT_TRUE(set.load());
  ASSERT_EQ(set.size(), 3u);
  EXPECT_EQ(set[0].id(), "museum-good");
  EXPECT_EQ(set[1].id(), "museum-needs-counter");
  EXPECT_EQ(set[2].id(), "museum-retry");
  chronik::testing::FakeHost host;
  Instances instances(set);
  for (size_t i = 0; i < 3; ++i) ASSERT_TRUE(instances.create(i, host.core(), "{}"));
  void* instance = nullptr;
  EXPECT_EQ(instances.acquire(1, "museum.counter/1", &instance), nullptr) << "its provider does not run yet";
  chr_error error = make_abi_error();
  ASSERT_EQ(instances.start(0, 1, &error), CHR_OK);
  EXPECT_NE(instances.acquire(1, "museum.counter/1", &instance), nullptr);
  EXPECT_NE(instance, nullptr);
  EXPECT_EQ(instances.acquire(2, "museum.counter/1", &instance), nullptr)
      << "museum-retry does not declare it";
  EXPECT_EQ(instances.acquire(1, "chronik.retry_policy/1", &instance), nullptr);
  EXPECT_NE(instances.find_service("museum.counter/1", &instance), nullptr);
  ASSERT_EQ(instances.stop(0, 1, &error), CHR_OK);
  EXPECT_EQ(instances.acquire(1, "museum.counter/1", &instance), nullptr) << "its provider has stopped";
  instances.destroy_all();
}

TEST(MuseumInstances, EachProviderIsFoundByItsName) {
  std::vector<PluginFile> files;
  for (const char* name :
       {"museum-needs-left", "museum-needs-counter", "museum-named-right", "museum-named-left"}) {
    files.push_back(*PluginFile::probe(plugin_path(CHRONIK_MUSEUM_DIR, name)));
  }
  PluginSet set = *PluginSet::resolve(std::move(files));
  ASSERT_TRUE(set.load());
  ASSERT_EQ(set.size(), 4u);
  EXPECT_EQ(set[0].id(), "museum-named-left");
  EXPECT_EQ(set[1].id(), "museum-needs-left");
  EXPECT_EQ(set[2].id(), "museum-named-right");
  EXPECT_EQ(set[3].id(), "museum-needs-counter") << "it comes after all who may provide what it requires";
  chronik::testing::FakeHost host;
  Instances instances(set);
  chr_error error = make_abi_error();
  for (size_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(instances.create(i, host.core(), "{}"));
    ASSERT_EQ(instances.start(i, i + 1, &error), CHR_OK);
    ASSERT_TRUE(instances.check_services(i, Instances::Missing::kRefused));
  }
  void* left = nullptr;
  void* right = nullptr;
  EXPECT_NE(instances.acquire(3, "museum.counter/1:left", &left), nullptr);
  EXPECT_NE(instances.acquire(3, "museum.counter/1:right", &right), nullptr);
  EXPECT_NE(left, right);
  EXPECT_NE(instances.acquire(1, "museum.counter/1:left", &left), nullptr);
  EXPECT_EQ(instances.acquire(1, "museum.counter/1:right", &right), nullptr) << "it declares the left one";
  EXPECT_EQ(instances.acquire(3, "museum.counter/1", &left), nullptr) << "nobody provides it without a name";
  EXPECT_EQ(instances.acquire(3, "museum.counter/1:middle", &left), nullptr);
  instances.destroy_all();
}

}  // namespace
}  // namespace chronik::host
