// The writing side of a copy: what comes through a socket, written to a storage that was started on a folder
// of its own. What is there already stays, and is not asked for again.
#pragma once

#include "host/offline/exporter.h"
#include "host/offline/import_queue.h"
#include "host/offline/lone_plugin.h"
#include "host/offline/messages.h"
#include "host/offline/progress.h"

namespace chronik::host {

class Importer {
 public:
  // plugin is started; folder: for how much room it has.
  Importer(LonePlugin& plugin, const Storage& storage, std::filesystem::path folder, int socket);

  // Until all has come and is durable.
  Status run();

 private:
  Status tell_what_is_there();
  Status take_totals();
  Status take_group();
  Status take_key();
  Status take_entry();
  Result<chr_slice> take_body();
  ImportBatch::Group& group();
  Status send_full_batch();

  LonePlugin& plugin_;
  Storage storage_;
  std::filesystem::path folder_;
  MessageReader in_;
  MessageWriter out_;
  ImportQueue queue_;
  Progress progress_;
  ImportBatch batch_;
  uint64_t group_ = 0;
};

}  // namespace chronik::host
