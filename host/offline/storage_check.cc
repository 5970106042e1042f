#include "host/offline/storage_check.h"

#include <fmt/format.h>

#include <cstdio>

#include "host/config/units.h"
#include "host/loader/child.h"
#include "host/offline/lone_plugin.h"
#include "host/offline/progress.h"

namespace chronik::host {
namespace {

// "group 7 (__meta), entries 41 to 97", as far as it is known.
std::string describe_subject(const chr_storage_report& report) {
  std::string out;
  if (report.group != 0)
    out = fmt::format("group {} ({})", report.group,
                      report.name.n == 0 ? "name not known" : from_abi(report.name));
  const auto add = [&](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
  if (report.key.n != 0) add(fmt::format("key {}", from_abi(report.key)));
  if (report.first_index != 0 || report.last_index != 0) {
    if (report.first_index == report.last_index) {
      add(fmt::format("entry {}", report.first_index));
    } else if (report.last_index == UINT64_MAX) {
      add(fmt::format("entries from {} on", report.first_index));
    } else {
      add(fmt::format("entries {} to {}", report.first_index, report.last_index));
    }
  }
  return out;
}

void print_finding(const chr_storage_report& report) {
  const std::string subject = describe_subject(report);
  fmt::print("{}: {}{}{} [{}]\n", report.kind == CHR_REPORT_DAMAGE ? "damage" : "note", subject,
             subject.empty() ? "" : ": ", from_abi(report.what), from_abi(report.place));
  std::fflush(stdout);
}

std::string describe_seen(const chr_storage_check& seen) {
  return fmt::format("{}, {}, {}, {} of payload", plural(seen.groups, "group", "groups"),
                     plural(seen.keys, "key", "keys"), plural(seen.entries, "entry", "entries"),
                     human_size(seen.bytes));
}

Status run_check(LonePlugin& plugin, const std::filesystem::path& folder) {
  CHRONIK_CHECK(plugin.create());
  CHRONIK_TRY(const StorageAdmin admin, plugin.admin());
  Progress progress("storage check", "looked at");
  chr_storage_check seen{};
  CHRONIK_CHECK(plugin.run_blocking([&] {
    return admin.check(
        [&](const chr_storage_report& report) {
          progress.set_total(report.all_bytes);
          progress.set_done(report.done_bytes);
          if (report.kind == CHR_REPORT_DAMAGE || report.kind == CHR_REPORT_NOTE) print_finding(report);
          return true;
        },
        &seen);
  }));
  const std::string verdict =
      seen.damages == 0 ? "whole" : plural(seen.damages, "finding of damage", "findings of damage");
  fmt::print("{} in {}: {}; {}\n", plugin.id(), folder.string(), verdict, describe_seen(seen));
  if (seen.damages == 0) return {};
  return fail(Code::kCorrupt, fmt::format("{} is damaged", folder.string()));
}

}  // namespace

Status check_storage(const StoppedNode& node, const PluginFile& file, const std::filesystem::path& folder) {
  CHRONIK_TRY(Child child, Child::start(file.manifest().id, "its folder was checked", [&] {
                LonePlugin plugin(node.plugin_options(file, folder));
                return run_check(plugin, folder);
              }));
  return child.wait();
}

}  // namespace chronik::host
