#include "host/files/thread_backend.h"

#include "host/runtime/runtime.h"

#include <utility>

namespace chronik::host {

void ThreadBackend::start(std::unique_ptr<FileOp> op) {
  auto job = std::make_unique<Job>(Job{&completer_, std::move(op)});
  void* const context = job.release();
  // The node is stopping: no thread will come any more.
  if (!runtime_.blocking(&ThreadBackend::run, context)) run(context);
}

void CHR_CALL ThreadBackend::run(void* context) {
  const std::unique_ptr<Job> job(static_cast<Job*>(context));
  run_file_op(*job->op);
  job->completer->end(std::move(job->op));
}

}  // namespace chronik::host
