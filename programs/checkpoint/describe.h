/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Records of objects that several iterators come across: files and credentials. */
#ifndef DRYDOCK_DESCRIBE_H
#define DRYDOCK_DESCRIBE_H

#include "core.h"
#include "kernel.h"
#include "records.h"

#define PATH_SIZE 4096
#define GROUPS_MAX 512

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block___full {
	u32 s_dev;
};

struct inode___full {
	unsigned short i_mode;
	struct {
		u32 val;
	} i_uid, i_gid;
	struct super_block___full *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	u32 i_rdev;
	long long i_size;
};

struct upid___full {
	int nr;
};

struct pid___full {
	struct upid___full numbers[1];
};

enum pid_type {
	PIDTYPE_PID,
};

struct fown_struct___full {
	struct pid___full *pid;
	enum pid_type pid_type;
	struct {
		u32 val;
	} uid, euid;
	int signum;
};

struct file___full {
	struct inode___full *f_inode;
};

/* Part of the file before 6.12. */
struct file___owned {
	struct fown_struct___full f_owner;
};

struct file___owner {
	struct fown_struct___full *f_owner;
};

struct eventfd_ctx___full {
	u64 count;
	unsigned int flags;
};

struct socket___full {
	short type;
};

/* One 64-bit word since 6.3, two of 32 bits before: the same on a little-endian machine. */
struct capabilities___full {
	u64 bits;
};

struct id___full {
	u32 val;
};

struct group_info___full {
	int ngroups;
	struct id___full gid[];
};

struct cred___full {
	struct id___full uid, gid, suid, sgid, euid, egid, fsuid, fsgid;
	unsigned int securebits;
	struct capabilities___full cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
	struct group_info___full *group_info;
};

#pragma clang attribute pop

extern const void eventfd_fops __ksym;
extern const void io_uring_fops __ksym;
extern const void pipefifo_fops __ksym;
extern const void eventpoll_fops __ksym;
extern const void socket_file_ops __ksym;
extern const void pidfd_fops __ksym __weak;

#define S_IFMT 0170000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFCHR 0020000

struct file_room {
	struct record_file record;
	/* The verifier sees sizes by their bits. */
	char path[2 * PATH_SIZE];
};

record_map(file_room, struct file_room);

static __inline void add_owner(struct record_file *record, struct file *file)
{
	struct fown_struct___full *owner = NULL;
	struct pid___full *pid;

	if (core_field_exists(((struct file___owner *)file)->f_owner))
		owner = ((struct file___owner *)file)->f_owner;
	else if (core_field_exists(((struct file___owned *)file)->f_owner))
		owner = &((struct file___owned *)file)->f_owner;
	if (!owner)
		return;
	record->owner_signal = probe(owner, signum);
	pid = probe(owner, pid);
	if (!pid)
		return;
	record->owner = probe(pid, numbers[0].nr);
	record->owner_type = probe(owner, pid_type);
	record->owner_uid = probe(owner, uid.val);
	record->owner_euid = probe(owner, euid.val);
}

static __inline enum file_kind file_kind(struct file *file, u32 mode)
{
	if (file->f_op == &eventfd_fops)
		return FILE_eventfd;
	if (file->f_op == &io_uring_fops)
		return FILE_io_uring;
	if (file->f_op == &pipefifo_fops)
		return FILE_pipe;
	if (file->f_op == &eventpoll_fops)
		return FILE_epoll;
	if (file->f_op == &socket_file_ops)
		return FILE_socket;
	if (file->f_op == &pidfd_fops)
		return FILE_pidfd;
	mode &= S_IFMT;
	return mode == S_IFREG || mode == S_IFDIR || mode == S_IFCHR ? FILE_regular : FILE_other;
}

static __inline void write_file(struct seq_file *seq, struct file *file)
{
	struct file_room *room = only_value(&file_room);
	struct inode___full *inode;
	struct record_file *record;
	u64 length;

	if (!room)
		return;
	record = &room->record;
	record_begin(record, file);
	record->file = (u64)file;
	record->flags = file->f_flags;
	record->position = file->f_pos;
	record->object = (u64)file->private_data;
	inode = ((struct file___full *)file)->f_inode;
	record->inode = (u64)inode;
	record->ino = inode->i_ino;
	record->size = inode->i_size;
	record->mode = inode->i_mode;
	record->links = inode->i_nlink;
	record->rdev = inode->i_rdev;
	record->uid = inode->i_uid.val;
	record->gid = inode->i_gid.val;
	record->device = inode->i_sb->s_dev;
	record->what = file_kind(file, record->mode);
	add_owner(record, file);
	if (record->what == FILE_eventfd) {
		struct eventfd_ctx___full *event = file->private_data;

		bpf_probe_read_kernel(&record->count, sizeof(record->count), &event->count);
		bpf_probe_read_kernel(&record->object_flags, sizeof(record->object_flags), &event->flags);
	} else if (record->what == FILE_socket) {
		struct socket___full *socket = file->private_data;
		short type = 0;

		bpf_probe_read_kernel(&type, sizeof(type), &socket->type);
		record->count = type;
	}
	length = bpf_d_path(&file->f_path, room->path, PATH_SIZE);
	/* An error is a large number here. */
	if (length > PATH_SIZE)
		length = 0;
	barrier_var(length);
	length &= 2 * PATH_SIZE - 1;
	record->path_size = length;
	/* Whole words: what is behind the path's NUL is of no meaning. */
	length = (length + 7) & ~7UL;
	record->head.size = sizeof(*record) + length;
	bpf_seq_write(seq, room, sizeof(*record) + length);
}

struct cred_room {
	struct record_cred record;
	u32 groups[GROUPS_MAX];
};

record_map(cred_room, struct cred_room);

/* `cred` may have no type: everything is probed. */
static __inline void write_cred(struct seq_file *seq, const void *cred)
{
	struct cred_room *room = only_value(&cred_room);
	struct cred___full *full = (void *)cred;
	struct group_info___full *info;
	struct record_cred *record;
	u64 groups = 0;

	if (!room || !cred)
		return;
	record = &room->record;
	record_begin(record, cred);
	record->address = (u64)cred;
	record->uid = probe(full, uid.val);
	record->gid = probe(full, gid.val);
	record->suid = probe(full, suid.val);
	record->sgid = probe(full, sgid.val);
	record->euid = probe(full, euid.val);
	record->egid = probe(full, egid.val);
	record->fsuid = probe(full, fsuid.val);
	record->fsgid = probe(full, fsgid.val);
	record->securebits = probe(full, securebits);
	record->inheritable = probe_word(full, cap_inheritable);
	record->permitted = probe_word(full, cap_permitted);
	record->effective = probe_word(full, cap_effective);
	record->bounding = probe_word(full, cap_bset);
	record->ambient = probe_word(full, cap_ambient);
	info = probe(full, group_info);
	if (info)
		groups = (u32)probe(info, ngroups);
	record->groups = groups;
	/* A reader sees from the record's size that some are missing. */
	if (groups > GROUPS_MAX)
		groups = GROUPS_MAX;
	bpf_probe_read_kernel(room->groups, groups * sizeof(u32),
			      (void *)info + __builtin_preserve_field_info(info->gid, FIELD_BYTE_OFFSET));
	groups = (groups + 1) & ~1UL;
	record->head.size = sizeof(*record) + groups * sizeof(u32);
	bpf_seq_write(seq, room, sizeof(*record) + groups * sizeof(u32));
}

#endif
