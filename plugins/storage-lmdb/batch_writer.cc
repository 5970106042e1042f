#include "storage-lmdb/batch_writer.h"

#include <algorithm>

namespace chronik::storage_lmdb {
namespace {

bool changes_end(const OwnedWrite& write) {
  return std::ranges::any_of(write.steps(), [](const chr_storage_step& step) {
    return step.type == CHR_STORAGE_APPEND || step.type == CHR_STORAGE_TRUNCATE ||
           step.type == CHR_STORAGE_DROP;
  });
}

}  // namespace

BatchWriter::Verdicts BatchWriter::write_batch(const Batch& batch) {
  if (parts_.failure.has_failed()) return Verdicts(batch.size(), {CHR_E_IO, parts_.failure.message()});
  const Supply::Rows rows = rows_of(batch);
  purge_.make_rows(rows);
  Growth growth = fullness_.allowed(batch);
  if (growth < Fullness::needed(batch) && purge_.remove_for_now()) growth = fullness_.allowed(batch);
  if (growth == Growth::kData && mover_.are_wanting(rows) && mover_.make_rows(rows))
    parts_.try_make_freed_usable();
  Verdicts verdicts(batch.size());
  Status status = attempt(batch, growth, verdicts);
  const auto needs_space = [&] {
    return !status && status.error().code == Code::kNoSpace && growth != Growth::kNone;
  };
  if (needs_space()) {
    if (purge_.can_remove()) purge_.remove_slice();
    status = parts_.make_freed_usable();
    if (status) status = attempt(batch, growth, verdicts);
  }
  if (needs_space() && growth == Growth::kData && mover_.make_rows(rows)) {
    status = parts_.make_freed_usable();
    if (status) status = attempt(batch, growth, verdicts);
  }
  if (status && growth == Growth::kData) mover_.found_rows(rows);
  while (needs_space()) {
    parts_.space.disk_is_full();
    growth = growth == Growth::kData ? Growth::kControl : Growth::kNone;
    status = attempt(batch, growth, verdicts);
  }
  fullness_.note_batch(batch, growth);
  if (status) return verdicts;
  if (status.error().code == Code::kNoSpace) {
    refuse_appends(batch);
    return Verdicts(batch.size(), {CHR_E_NO_SPACE, status.error().message});
  }
  parts_.failure.fail(status.error());
  return Verdicts(batch.size(), {CHR_E_IO, status.error().message});
}

Supply::Rows BatchWriter::rows_of(const Batch& batch) const {
  Supply::Rows rows;
  for (const OwnedWrite& write : batch)
    for (const chr_storage_step& step : write.steps()) {
      if (step.type != CHR_STORAGE_APPEND) continue;
      for (const chr_entry& entry : std::span(step.entries, step.n))
        rows.add(sizeof(RecordHead) + entry.payload.n, parts_.env->page_size());
    }
  return rows;
}

void BatchWriter::refuse_appends(const Batch& batch) {
  for (const OwnedWrite& write : batch) {
    AppendFence fence = parts_.groups.fence(write.group());
    fence.refused(write);
    parts_.groups.keep_fence(write.group(), fence);
  }
}

Status BatchWriter::attempt(const Batch& batch, Growth allowed, Verdicts& verdicts) {
  for (;;) {
    for (Verdict& verdict : verdicts)
      if (verdict.code != CHR_E_CORRUPT) verdict = {};
    Spoiler spoiler;
    const Status status = attempt_once(batch, allowed, verdicts, &spoiler);
    if (status || status.error().code != Code::kCorrupt) return status;
    if (spoiler.purge != 0) {
      purge_.give_up(spoiler.purge, status.error());
    } else if (spoiler.write < batch.size()) {
      // Its group alone is damaged. What follows in that group would follow it where that ends the log
      // otherwise; behind a trim the log goes on as it was.
      const OwnedWrite& spoils = batch[spoiler.write];
      for (size_t i = spoiler.write; i < batch.size(); ++i) {
        if (i == spoiler.write || (changes_end(spoils) && batch[i].group() == spoils.group()))
          verdicts[i] = {CHR_E_CORRUPT, status.error().message};
      }
    } else {
      return status;
    }
  }
}

Status BatchWriter::attempt_once(const Batch& batch, Growth allowed, Verdicts& verdicts, Spoiler* spoiler) {
  const uint64_t started = parts_.host.now_ns();
  Transaction transaction(parts_.host, *parts_.env, parts_.groups);
  CHRONIK_CHECK(transaction.begin());
  transaction.end_rows_at(parts_.space.row_end());
  if (!purge_.is_wanted()) transaction.leave_trimmed();
  BatchFences fences;
  CHRONIK_CHECK(apply(batch, allowed, transaction, fences, verdicts, spoiler));
  CHRONIK_CHECK(purge_.remove_beside_writes(transaction, &spoiler->purge));
  if (!transaction.is_empty()) CHRONIK_CHECK(contain([&] { return transaction.commit(parts_.space); }));
  fences.publish(
      [this](uint64_t group, const AppendFence& fence) { parts_.groups.keep_fence(group, fence); });
  if (!transaction.is_empty()) after_commit(batch, transaction.effect(), started);
  return {};
}

Status BatchWriter::apply(const Batch& batch, Growth allowed, Transaction& transaction, BatchFences& fences,
                          Verdicts& verdicts, Spoiler* spoiler) {
  for (size_t i = 0; i < batch.size(); ++i) {
    // mutant append-over-refused: AppendFence fence = parts_.groups.fence(batch[i].group());
    AppendFence& fence = fences.of(batch[i].group(), parts_.groups.fence(batch[i].group()));
    if (verdicts[i].code == CHR_E_CORRUPT) {
      fence.refused(batch[i]);
      continue;
    }
    // mutant trim-wants-room: const bool trims = std::ranges::any_of(batch[i].steps(), [](const
    //     chr_storage_step& s) { return s.type == CHR_STORAGE_TRIM; }); if (fence.refuses(batch[i]) ||
    //     batch[i].growth() > allowed || (trims && !parts_.space.has_room(Growth::kData, 1u << 20, 256))) {
    if (fence.refuses(batch[i]) || batch[i].growth() > allowed) {
      fence.refused(batch[i]);
      verdicts[i] = {CHR_E_NO_SPACE, "the store is full: free some space, or raise storage.max_size"};
      continue;
    }
    const Status status = contain([&] { return transaction.apply(batch[i]); });
    if (!status && status.error().code == Code::kCorrupt) spoiler->write = i;
    if (!status && status.error().code != Code::kInvalidArgument) return status;
    if (status) {
      fence.applied(batch[i]);
    } else {
      verdicts[i] = {CHR_E_INVALID_ARGUMENT, status.error().message};
    }
  }
  return {};
}

void BatchWriter::after_commit(const Batch& batch, const Transaction::Effect& effect, uint64_t started_ns) {
  const uint64_t now = parts_.host.now_ns();
  parts_.generations->freed(effect.freed, parts_.space.live_bytes(), now);
  parts_.supply.took(effect.rows);
  const uint64_t used_before = std::exchange(used_end_, parts_.env->used_end());
  if (used_end_ > used_before && parts_.groups.gone_bytes() != 0)
    parts_.supply.fell_short(used_end_ - used_before);
  parts_.supply.removed(effect.rows_removed);
  purge_.count_commit();
  uint64_t bytes = 0;
  for (const OwnedWrite& write : batch) bytes += write.bytes();
  parts_.metrics.note_commit(bytes, now - started_ns);
  parts_.metrics.note_groups(parts_.groups.count());
  parts_.note_sizes();
  const uint64_t after = parts_.host.now_ns();
  parts_.metrics.note_leases(parts_.generations->pressure(after), after);
}

}  // namespace chronik::storage_lmdb
