#include "host/files/file_completer.h"

#include "host/files/file_error.h"
#include "host/observe/metrics.h"
#include "host/runtime/runtime.h"

namespace chronik::host {
namespace {

const std::string log_component = "files";

Status status_of(const FileOp& op) {
  if (op.error == 0) return {};
  return std::unexpected(file_error(op.error, op.is_sync ? "sync" : "write", op.file->name()));
}

}  // namespace

FileCompleter::FileCompleter(Runtime& runtime)
    : runtime_(runtime),
      writes_(runtime.metrics().define(CHR_METRIC_COUNTER, "chronik_files_writes_total", {},
                                       "Writes to files of plugins.")),
      bytes_(runtime.metrics().define(CHR_METRIC_COUNTER, "chronik_files_written_bytes_total", {},
                                      "Bytes of the writes to files of plugins.")),
      syncs_(runtime.metrics().define(CHR_METRIC_COUNTER, "chronik_files_syncs_total", {},
                                      "Syncs of files of plugins, beside those of durable writes.")),
      in_flight_(runtime.metrics().define(CHR_METRIC_GAUGE, "chronik_files_in_flight", {},
                                          "Writes and syncs of files that have begun and not ended.")),
      durable_seconds_(runtime.metrics().define(CHR_METRIC_HISTOGRAM, "chronik_files_durable_write_seconds",
                                                {}, "How long a durable write to a file took.")) {}

void FileCompleter::begin(FileOp& op) {
  op.began_ns = monotonic_ns();
  runtime_.metrics().add(in_flight_, 1);
}

void FileCompleter::count(const FileOp& op) {
  Metrics& metrics = runtime_.metrics();
  metrics.add(in_flight_, -1);
  if (op.is_sync) return metrics.add(syncs_, 1);
  metrics.add(writes_, 1);
  metrics.add(bytes_, static_cast<double>(op.bytes - op.left));
  if (op.durable && op.error == 0)
    metrics.observe(durable_seconds_, static_cast<double>(monotonic_ns() - op.began_ns) / 1e9);
}

void FileCompleter::end(std::vector<std::unique_ptr<FileOp>> ops) {
  std::vector<chr_done> done(ops.size());
  std::vector<std::string> messages(ops.size());
  for (size_t i = 0; i < ops.size(); ++i) {
    const std::unique_ptr<FileOp> op = std::move(ops[i]);
    done[i].token = op->token;
    if (const Status status = end_waited(*op); !status) {
      done[i].code = static_cast<chr_status>(status.error().code);
      messages[i] = status.error().message;
      done[i].message = to_abi(messages[i]);
    }
  }
  runtime_.complete(done.data(), static_cast<uint32_t>(done.size()), log_component);
}

void FileCompleter::end(std::unique_ptr<FileOp> op) {
  std::vector<std::unique_ptr<FileOp>> ops;
  ops.push_back(std::move(op));
  end(std::move(ops));
}

Status FileCompleter::end_waited(FileOp& op) {
  count(op);
  op.file->end(op.error != 0);
  return status_of(op);
}

}  // namespace chronik::host
