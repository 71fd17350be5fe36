/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every item an epoll instance watches: what kind of file it is, and under which number it was added. */
#include "kernel.h"

extern const void pipefifo_fops __ksym;
extern const void socket_file_ops __ksym __weak;
extern const void eventfd_fops __ksym __weak;
extern const void eventpoll_fops __ksym __weak;
extern const void io_uring_fops __ksym __weak;

SEC("iter/epoll")
int dump_epoll(struct bpf_iter__epoll *ctx)
{
	struct epitem *epi = ctx->epi;
	struct seq_file *seq = ctx->meta->seq;
	const void *ops;
	int fd;

	/* seq_num of the closing call is that of the last item, so with one item it is 0 once more. */
	if (ctx->meta->seq_num == 0 && (epi || !ctx->ep->rbr.rb_root.rb_node))
		seq_puts(seq, "B\n");

	if (!epi) {
		seq_puts(seq, "E\n");
		return 0;
	}
	ops = epi->ffd.file->f_op;
	fd = epi->ffd.fd;
	if (ops == &pipefifo_fops)
		seq_printf(seq, "pipe:%d\n", fd);
	else if (ops == &socket_file_ops)
		seq_printf(seq, "socket:%d\n", fd);
	else if (ops == &eventfd_fops)
		seq_printf(seq, "eventfd:%d\n", fd);
	else if (ops == &eventpoll_fops)
		seq_printf(seq, "epoll:%d\n", fd);
	else if (ops == &io_uring_fops)
		seq_printf(seq, "io_uring:%d\n", fd);
	else
		seq_printf(seq, "other:%d\n", fd);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
