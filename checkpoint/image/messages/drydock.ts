/**
 * What belongs to the whole checkpoint, and what CRIU's messages have no field for. It stands in images of its own:
 * CRIU's tools refuse or lose fields that they do not know.
 */
import { type MessageTable, optional, repeated, required } from '../schema.ts';

export const DRYDOCK_MESSAGES = {
  /** What the whole checkpoint was made on. */
  drydock_entry: {
    /** Version of the messages that Drydock adds to CRIU's. */
    version: required(1, 'uint32'),
    /** Kernel profile: rings can only be rebuilt where the layouts are the same. */
    kernel: required(2, 'string'),
    hz: required(3, 'uint32'),
    page_size: required(4, 'uint32'),
    /** Nanoseconds at the moment of the checkpoint. */
    monotonic: optional(5, 'uint64'),
    boottime: optional(6, 'uint64'),
    realtime: optional(7, 'uint64'),
    /** Rings in an order in which they can be created. */
    ring_order: repeated(8, 'uint32'),
    notes: repeated(9, 'drydock_note_entry'),
    /** Each set of credentials once; images of CRIU's have copies. */
    creds: repeated(10, 'creds_entry'),
    /** What CRIU's messages have no field for, by CRIU's ids. */
    tasks: repeated(11, 'drydock_task_entry'),
    mms: repeated(12, 'drydock_mm_entry'),
    objects: repeated(13, 'drydock_object_entry'),
    files: repeated(14, 'drydock_file_entry'),
  },
  drydock_task_entry: {
    pid: required(1, 'uint32'),
    /** Place in drydock_entry.creds. */
    creds_id: required(2, 'uint32'),
  },
  drydock_mm_entry: {
    vm_id: required(1, 'uint32'),
    /** The kernel's flags (VM_*) of each of mm_entry.vmas. */
    vm_flags: repeated(2, 'uint64', { hex: true }),
  },
  /** Memory that several mappings or files show; its pages are in pagemap-shmem-SHMID.img. */
  drydock_object_entry: {
    shmid: required(1, 'uint32'),
    kind: required(2, 'drydock_object_kind'),
    size: required(3, 'uint64'),
    /** Of a memfd. */
    name: optional(4, 'string'),
  },
  /** An open file and its inode. Files of files.img that have none here are there for CRIU's messages alone. */
  drydock_file_entry: {
    id: required(1, 'uint32'),
    /** Id of the first file that has this inode. */
    inode_id: required(2, 'uint32'),
    mode: required(3, 'uint32'),
    uid: required(4, 'uint32'),
    gid: required(5, 'uint32'),
    size: required(6, 'uint64'),
    deleted: optional(7, 'bool'),
    /** A device's number, as the kernel keeps it. */
    device: optional(8, 'uint32', { device: true }),
    /** Bytes in the file's ghost image when it is deleted, else in contents.img. */
    content: optional(9, 'uint64'),
    /** A file that is memory. */
    shmid: optional(10, 'uint32'),
    /** Where CRIU's message for this type of file has none. */
    path: optional(11, 'string'),
    pos: optional(12, 'uint64'),
    flags: optional(13, 'uint32', { flags: 'rfile.flags' }),
    /** An eventfd that is read one by one. */
    semaphore: optional(14, 'bool'),
    /** Of an epoll instance: the files that are watched, in the order of eventpoll_file_entry.tfd. */
    watched: repeated(15, 'uint32'),
    /** SO_PEEK_OFF of a socket, when it is set. */
    peek_off: optional(16, 'uint32'),
    owner: optional(17, 'drydock_owner_entry'),
  },
  /** Who gets the signals of a file: fown_entry says nothing of a signal without anybody. */
  drydock_owner_entry: {
    signum: required(1, 'uint32'),
    uid: required(2, 'uint32'),
    euid: required(3, 'uint32'),
    pid_type: optional(4, 'uint32'),
    pid: optional(5, 'uint32'),
  },
  /** Followed by what a regular file with a name holds: CRIU finds that in the file system. */
  drydock_content_entry: {
    inode_id: required(1, 'uint32'),
    bytes: required(2, 'uint64'),
  },
  /** Something of the state that is not in the image as it was. */
  drydock_note_entry: {
    /** Number of the item in the inventory of state (kernel-model/inventory). */
    item: required(1, 'uint32'),
    action: required(2, 'drydock_action'),
    text: required(3, 'string'),
    ring_id: optional(4, 'uint32'),
    pid: optional(5, 'uint32'),
  },
} as const satisfies MessageTable;
