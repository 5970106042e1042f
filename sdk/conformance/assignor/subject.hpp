// The assignor under test: its shared object, its name, and an instance of it on a FakeHost.
#pragma once

#include "test_group.hpp"

#include <chronik/plugin.h>
#include <chronik/testing/fake_host.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace chronik::conformance {

class Subject {
 public:
  // What the command line says.
  std::string plugin;  // path of the shared object
  std::string name;
  bool balanced = false;  // everybody reads as much
  bool sticky = false;    // nobody loses a partition without need
  std::vector<std::pair<std::string, int64_t>> settings;

  static Subject& get();

  // Why it cannot be asked; empty: it can.
  std::string load();
  // The owner of each partition by id, checked: who it is, and that nothing else was written. Throws where
  // the assignor failed or is wrong.
  std::vector<std::string> ask(const TestGroup& group) const { return ask(group.group()); }
  std::vector<std::string> ask(AssignorGroup group) const;
  // The same as owners of the group.
  void assign(TestGroup* group) const { group->owners = ask(*group); }

 private:
  std::unique_ptr<testing::FakeHost> host_;
  const chr_plugin_v1* table_of_plugin_ = nullptr;
  chr_plugin* instance_ = nullptr;
  const chr_assignor_v1* table_ = nullptr;
  void* self_ = nullptr;
};

}  // namespace chronik::conformance
