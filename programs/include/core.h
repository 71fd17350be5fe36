/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Compile once, run everywhere: questions about the running kernel's types that the loader answers by
 * patching constants into the program.
 */
#ifndef DRYDOCK_CORE_H
#define DRYDOCK_CORE_H

/* Second argument of __builtin_preserve_field_info (enum bpf_core_relo_kind of the kernel's UAPI). */
enum field_info {
	FIELD_BYTE_OFFSET = 0,
	FIELD_BYTE_SIZE = 1,
	FIELD_EXISTS = 2,
	FIELD_SIGNED = 3,
	FIELD_LSHIFT_U64 = 4,
	FIELD_RSHIFT_U64 = 5,
};

#define core_field_exists(field) __builtin_preserve_field_info(field, FIELD_EXISTS)

/*
 * Value of an unsigned bitfield. The loader says where the storage unit stands, how wide it is and how far
 * to shift; of the four loads the one that fits is taken.
 */
#define core_bitfield(object, field)                                                             \
	({                                                                                       \
		const void *unit_ = (const void *)(object) +                                     \
				    __builtin_preserve_field_info((object)->field, FIELD_BYTE_OFFSET); \
		u64 word_ = 0;                                                                   \
		barrier_var(unit_);                                                              \
		switch (__builtin_preserve_field_info((object)->field, FIELD_BYTE_SIZE)) {       \
		case 1:                                                                          \
			word_ = *(const u8 *)unit_;                                              \
			break;                                                                   \
		case 2:                                                                          \
			word_ = *(const u16 *)unit_;                                             \
			break;                                                                   \
		case 4:                                                                          \
			word_ = *(const u32 *)unit_;                                             \
			break;                                                                   \
		case 8:                                                                          \
			word_ = *(const u64 *)unit_;                                             \
			break;                                                                   \
		}                                                                                \
		word_ <<= __builtin_preserve_field_info((object)->field, FIELD_LSHIFT_U64);      \
		word_ >> __builtin_preserve_field_info((object)->field, FIELD_RSHIFT_U64);       \
	})

/* Keeps the compiler from folding a relocated address into the instructions that use it. */
#define barrier_var(variable) asm volatile("" : "+r"(variable))

/* A member that is a struct of one or several words, as one 64-bit word. */
#define probe_word(object, field)                                                        \
	({                                                                               \
		u64 word_ = 0;                                                           \
		bpf_probe_read_kernel(&word_, sizeof(word_), &(object)->field);          \
		word_;                                                                   \
	})

/* Untyped pointers are read through the helper, a member at a time. */
#define probe(object, field)                                                             \
	({                                                                               \
		typeof((object)->field) value_ = {};                                     \
		bpf_probe_read_kernel(&value_, sizeof(value_), &(object)->field);        \
		value_;                                                                  \
	})

#endif
