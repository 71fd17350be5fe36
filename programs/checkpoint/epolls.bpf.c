/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Everything that an epoll instance watches, by file: the descriptor number may stand for another file by now. */
#include "describe.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct epoll_event___full {
	u32 events;
	u64 data;
};

struct epitem___full {
	struct epoll_event___full event;
};

#pragma clang attribute pop

record_map(watch_room, struct record_watch);

SEC("iter/epoll")
int dump_watches(struct bpf_iter__epoll *ctx)
{
	struct record_watch *record = only_value(&watch_room);
	struct seq_file *seq = ctx->meta->seq;
	struct epitem *item = ctx->epi;
	struct file *file;

	if (!item || !record)
		return 0;
	file = item->ffd.file;
	record_begin(record, watch);
	record->epoll = (u64)ctx->ep;
	record->file = (u64)file;
	record->fd = item->ffd.fd;
	record->events = ((struct epitem___full *)item)->event.events;
	record->data = ((struct epitem___full *)item)->event.data;
	record_end(seq, record);
	if (file)
		write_file(seq, file);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
