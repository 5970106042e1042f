// Runs the lines of tests/golden/kafka-proto/group on a Leader.
//
//   config KEY=MS...           before the first member: min-session max-session delay max-size retention
//   join NAME [KEY=VALUE...]   id= instance= type= protocols=name:metadata,... session= rebalance= v=
//   sync NAME [MEMBER:BYTES...] [id= instance= generation= type= protocol=]
//   heartbeat NAME, check-commit NAME   [id= instance= generation=]
//   leave NAME... [instance=]
//   commit TOPIC PARTITION OFFSET [ts= expire= epoch= topic-id=], commit-tombstone TOPIC PARTITION
//   offset TOPIC PARTITION [topic-id=]
//   tick MS|3s, fail-write, change-leader, show
//   check-simple-commit NAME, delete-offsets TOPIC, delete-topic TOPIC [topic-id=], delete-group, expire-offsets
//
// A client goes by its NAME: it remembers its member id and generation, as answers told it. Commands of a line
// are divided by ";". What is printed: records written, and answers as they come.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "unit/kafka-proto/group/core/leader.h"

namespace chronik::kafka::group::test {

class Script {
 public:
  Script();
  std::string run(const std::string& line);

 private:
  struct Client {
    std::string member_id;
    int32_t generation = -1;
    int incarnations = 0;
  };
  struct Words;

  void command(const Words& words);
  bool member_command(const Words& words);
  bool offset_command(const Words& words);
  void configure(const Words& words);
  void join(const Words& words);
  void sync(const Words& words);
  void leave(const Words& words);
  MemberClaim claim(const Words& words);
  void commit(const Words& words);
  void show_offset(const Words& words);
  void write_all(std::vector<Record> records);
  void delete_offsets(const Words& words);
  void show();
  void joined(const std::string& name, const JoinResult& result);
  void synced(const std::string& name, const SyncResult& result);
  void wrote(const Record& record);
  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    out_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  Leader leader_;
  std::map<std::string, Client> clients_;
  std::string out_;
};

}  // namespace chronik::kafka::group::test
