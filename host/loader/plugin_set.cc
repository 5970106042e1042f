#include "host/loader/plugin_set.h"

#include <dlfcn.h>
#include <fmt/format.h>

#define BOOST_DLL_USE_STD_FS
#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <chronik/host.hpp>
#include <chronik/status_text.hpp>
#include <map>
#include <set>

namespace chronik::host {
namespace {

// Its errors are about the user's words, so they stand without the plugin's name.
constexpr std::string_view kValidate = "validate()";

using Entry = const chr_plugin_v1*(const chr_offer*, chr_error*);

// Runs code of a plugin. One that lets an exception out breaks the ABI; that must not unwind the host.
template <class F>
Status contained(const std::string& id, std::string_view step, F&& fn) {
  chr_error error = make_abi_error();
  try {
    const chr_status status = fn(&error);
    if (status >= 0) return {};
    error.message[sizeof error.message - 1] = '\0';
    std::string reason = error.message;
    if (reason.empty()) reason = fmt::format("{}, and the plugin gave no reason", status_text(status));
    if (step != kValidate) reason = fmt::format("{}: {} failed: {}", id, step, reason);
    return fail(static_cast<Code>(status), std::move(reason));
  } catch (...) {
    return fail(Code::kFailed, fmt::format("{}: {} let an exception out, which no plugin may do", id, step));
  }
}

// Orders plugins by what they need of one another.
class Resolver {
 public:
  explicit Resolver(const std::vector<PluginFile>& files) : files_(files) {}

  std::vector<PluginSet::Problem> run() {
    find_providers();
    find_missing();
    for (size_t i = 0; i < files_.size(); ++i) visit(i);
    return std::move(problems_);
  }
  const std::vector<size_t>& order() const { return order_; }

 private:
  const Manifest& manifest(size_t i) const { return files_[i].manifest(); }

  void find_providers() {
    std::set<std::string> ids;
    for (size_t i = 0; i < files_.size(); ++i) {
      if (!ids.insert(manifest(i).id).second) {
        problem(i, fmt::format("the plugin {} is selected twice; name it once", manifest(i).id));
        continue;
      }
      for (const std::string& service : manifest(i).provides) {
        const auto [it, fresh] = providers_.emplace(service, i);
        if (fresh) continue;
        const std::string& first = manifest(it->second).id;
        problem(i, fmt::format("two plugins provide {}: {} and {}; select one of them", service, first,
                               manifest(i).id));
      }
    }
  }

  void find_missing() {
    for (size_t i = 0; i < files_.size(); ++i) {
      for (const std::string& service : manifest(i).requires_) {
        if (has_provider(service)) continue;
        problem(i,
                fmt::format(
                    "{} requires {}, which no selected plugin provides; select one that does (its table, or "
                    "plugins = [\"...\"]), or leave {} out",
                    manifest(i).id, service, manifest(i).id),
                true);
      }
    }
  }

  bool has_provider(std::string_view required) const {
    return std::ranges::any_of(providers_, [&](const auto& entry) { return meets(entry.first, required); });
  }

  // Depth first: what a plugin needs comes before it. Ties keep the order in which the plugins were given.
  void visit(size_t i) {
    if (done_.contains(i)) return;
    const auto open = std::ranges::find(path_, i);
    if (open != path_.end()) {
      std::vector<std::string> ids;
      for (auto it = open; it != path_.end(); ++it) ids.push_back(manifest(*it).id);
      ids.push_back(manifest(i).id);
      std::string chain;
      for (const std::string& id : ids) chain += (chain.empty() ? "" : " -> ") + id;
      std::string services;
      for (auto it = open; it != path_.end(); ++it) {
        const size_t next = std::next(it) == path_.end() ? i : *std::next(it);
        services += fmt::format("; {} needs {} of {}", manifest(*it).id, link(*it, next), manifest(next).id);
      }
      problem(i, fmt::format("plugins require one another in a circle: {}{}; replace one of them", chain,
                             services));
      return;
    }
    path_.push_back(i);
    for (const auto* list : {&manifest(i).requires_, &manifest(i).optional}) {
      for (const std::string& service : *list) {
        for (const auto& [provided, provider] : providers_) {
          if (meets(provided, service)) visit(provider);
        }
      }
    }
    path_.pop_back();
    if (done_.insert(i).second) order_.push_back(i);
  }

  // A service that connects two plugins.
  std::string link(size_t from, size_t to) const {
    for (const auto* list : {&manifest(from).requires_, &manifest(from).optional}) {
      for (const std::string& service : *list) {
        if (manifest(to).meets_requirement(service)) return service;
      }
    }
    return "a service";
  }

  void problem(size_t i, std::string message, bool is_absence = false) {
    problems_.push_back({manifest(i).id, std::move(message), is_absence});
  }

  const std::vector<PluginFile>& files_;
  std::map<std::string, size_t, std::less<>> providers_;
  std::vector<size_t> path_, order_;
  std::set<size_t> done_;
  std::vector<PluginSet::Problem> problems_;
};

}  // namespace

Status LoadedPlugin::load() {
  if (loaded()) return {};
  // Never unloaded:
  // threads, static destructors and thread-local storage of a plugin's libraries make that unsound.
  const auto mode = boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local |
                    static_cast<boost::dll::load_mode::type>(RTLD_NODELETE);
  boost::dll::shared_library library;
  std::error_code failed;
  library.load(file_.path(), mode, failed);
  if (failed) {
    const char* const reason = ::dlerror();
    return fail(Code::kFailed,
                fmt::format("{}: cannot be loaded: {}; ldd {} shows what it lacks", id(),
                            reason != nullptr ? reason : failed.message(), file_.path().string()));
  }
  Entry& entry = library.get<Entry>("chronik_plugin_v1");
  const chr_offer offer = {sizeof(chr_offer), CHR_ABI_MAJOR, CHR_ABI_MINOR, 0, CHR_FEATURE_DRAFTS};
  const chr_plugin_v1* table = nullptr;
  CHRONIK_CHECK(contained(id(), "chronik_plugin_v1()", [&](chr_error* e) {
    table = entry(&offer, e);
    return table != nullptr ? CHR_OK : (e->code < 0 ? e->code : CHR_E_FAILED);
  }));
  CHRONIK_CHECK(check_table(table));
  uint32_t n = 0;
  const chr_config_key* keys = nullptr;
  CHRONIK_CHECK(contained(id(), "config_schema()", [&](chr_error*) {
    keys = table->config_schema(&n);
    return CHR_OK;
  }));
  schema_ = {keys, keys == nullptr ? 0 : n};
  table_ = table;
  return {};
}

Status LoadedPlugin::check_table(const chr_plugin_v1* table) const {
  const auto wrong = [&](std::string_view field, std::string_view what) {
    return fail(Code::kInvalidArgument,
                fmt::format("{}: its chr_plugin_v1 is wrong: field {}: {}", id(), field, what));
  };
  if (table->struct_size != sizeof(chr_plugin_v1)) {
    return wrong("struct_size", fmt::format("{} instead of {}", table->struct_size, sizeof(chr_plugin_v1)));
  }
  if (table->abi_minor > CHR_ABI_MINOR) {
    return wrong("abi_minor", fmt::format("{}, but this host offered {}", table->abi_minor, CHR_ABI_MINOR));
  }
  if (from_abi(table->id) != id()) {
    return wrong("id", fmt::format("\"{}\", but the manifest says \"{}\"", from_abi(table->id), id()));
  }
  if (from_abi(table->version) != manifest().version) {
    return wrong("version", fmt::format("\"{}\", but the manifest says \"{}\"", from_abi(table->version),
                                        manifest().version));
  }
  const std::pair<const char*, bool> functions[] = {{"config_schema", table->config_schema != nullptr},
                                                    {"validate", table->validate != nullptr},
                                                    {"create", table->create != nullptr},
                                                    {"service", table->service != nullptr},
                                                    {"start", table->start != nullptr},
                                                    {"stop", table->stop != nullptr},
                                                    {"destroy", table->destroy != nullptr}};
  for (const auto& [name, present] : functions) {
    if (!present) return wrong(name, "is NULL");
  }
  return {};
}

Status LoadedPlugin::validate(std::string_view json) const {
  return contained(id(), kValidate, [&](chr_error* error) { return table_->validate(to_abi(json), error); });
}

std::vector<PluginSet::Problem> PluginSet::problems(const std::vector<PluginFile>& files) {
  return Resolver(files).run();
}

Result<PluginSet> PluginSet::resolve(std::vector<PluginFile> files) {
  Resolver resolver(files);
  const std::vector<Problem> problems = resolver.run();
  if (!problems.empty()) {
    std::string message;
    for (const Problem& problem : problems) message += (message.empty() ? "" : "\n") + problem.message;
    return fail(Code::kInvalidArgument, message);
  }
  PluginSet set;
  for (const size_t i : resolver.order()) set.plugins_.emplace_back(std::move(files[i]));
  return set;
}

PluginSet PluginSet::unresolved(std::vector<PluginFile> files) {
  Resolver resolver(files);
  (void)resolver.run();
  PluginSet set;
  for (const size_t i : resolver.order()) {
    if (!set.find(files[i].manifest().id)) set.plugins_.emplace_back(std::move(files[i]));
  }
  return set;
}

Status PluginSet::load() {
  for (LoadedPlugin& plugin : plugins_) CHRONIK_CHECK(plugin.load());
  return {};
}

std::optional<size_t> PluginSet::find(std::string_view plugin_id) const {
  for (size_t i = 0; i < plugins_.size(); ++i) {
    if (plugins_[i].id() == plugin_id) return i;
  }
  return std::nullopt;
}

std::optional<size_t> PluginSet::provider(std::string_view service) const {
  for (size_t i = 0; i < plugins_.size(); ++i) {
    if (plugins_[i].manifest().provides_service(service)) return i;
  }
  return std::nullopt;
}

}  // namespace chronik::host
