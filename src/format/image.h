/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image: what the runtime keeps of one process, as bytes.
 *
 * One layout serves three places: the arena in the process under test (private memory, or under `lastref run` a file mapped
 * MAP_SHARED, which the parent still reads after a kill -9), the file of `lastref run -o`, and `lastref report`. An image is a header
 * with a table of segments. A segment has a kind; all segments of one kind, in table order, form one space of elements, and
 * elements name each other by their ordinal in their space, counted from 0.
 *
 * In the arena every segment is LR_SEGMENT_SIZE bytes; in a file the last segment of a kind is as long as it must be, and
 * each has a checksum. Integers are in the byte order of the machine, which the header tells. docs/image-format.md describes this
 * for readers of files; this header is the definition.
 *
 * Layer: format. No I/O, no allocation.
 */
#ifndef LR_FORMAT_IMAGE_H
#define LR_FORMAT_IMAGE_H

#include "base/file_stamp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LR_IMAGE_MAGIC "LASTREF" /* eight bytes with its zero */
#define LR_IMAGE_VERSION 2u
#define LR_IMAGE_BYTE_ORDER 0x01020304u

/* A multiple of the page and of every element's size. */
#define LR_SEGMENT_SIZE (192u * 1024u)
#define LR_SEGMENTS_MAX 32768u

enum lr_segment_kind {
	LR_RECORDS, /* struct lr_record: one an object */
	LR_SITES,   /* struct lr_site */
	LR_TYPES,   /* struct lr_type_entry */
	LR_MODULES, /* struct lr_module */
	LR_CURSORS, /* struct lr_cursor_block */
	LR_NOTES,   /* struct lr_note */
	LR_TEXT,    /* strings, see lr_text_ref */
	LR_LOOKS,   /* struct lr_look: one an object that a check looked at */
	LR_EDGES,   /* struct lr_edge: one a reference that such an object holds */
	LR_KINDS,
};

/*
 * A string of the image: the offset in the text space, 0 for none. There stand a uint32_t length and so many bytes, with a
 * zero byte after them; it never crosses a segment, and begins at a multiple of 4.
 */
typedef uint32_t lr_text_ref;
#define LR_TEXT_MAX (64u * 1024u) /* longer strings are cut when they are stored */

struct lr_segment {
	uint32_t kind;
	uint32_t checksum; /* CRC-32 of its bytes; 0 and unused in the arena */
	uint64_t offset;   /* from the begin of the image */
	uint64_t length;   /* bytes in use; in the arena LR_SEGMENT_SIZE */
};

/* How far the process came; only ever grows. */
enum lr_process_state {
	LR_PROCESS_RUNNING, /* or ended with no code of ours run: a signal, _exit, exec */
	LR_PROCESS_CHECKED, /* the check at exit has run and left its notes */
	LR_PROCESS_LEFT,    /* said by the reader's side: it is gone, and had not been checked */
	LR_PROCESS_OFF, /* ended with checking switched off by the program: what is live is no leak */
	LR_PROCESS_SNAPSHOT, /* in a file: it was running and went on */
};

enum lr_counter {
	LR_LOST_OBJECTS,	 /* not registered: no memory, or too many */
	LR_LOST_SITES,		 /* registered without their stack */
	LR_LOST_TYPES,		 /* objects of types beyond the 65,535th */
	LR_UNKNOWN_UNREGISTERED, /* by hand, of objects born before checking was on, or in the parent */
	LR_BORN_UNCHECKED,	 /* 1 if checking was ever off since the start */
	LR_REPORTED,		 /* objects that checks called by the program reported */
	LR_MISUSES,		 /* misuses reported */
	LR_LOST_EVENTS,		 /* not logged: a signal came while the runtime was at work */
	LR_UNWRITTEN_EVENTS,	 /* not logged: the output took no more */
	LR_NO_UNWINDER, /* why stacks are the caller's address only: enum lr_no_unwinder, 0 if they are not */
	LR_OTHER_COPIES, /* copies of the library in the process that stayed off because of this one */
	LR_UNKNOWN_IGNORED, /* lastref_ignore() of what was not registered */
	LR_COUNTERS,
};

enum lr_no_unwinder {
	LR_NO_UNWIND_TABLE = 1,	  /* the program has none */
	LR_NO_UNWINDER_BUILT = 2, /* the runtime has none for this machine */
};

struct lr_image_header {
	char magic[8];
	uint32_t version;
	uint32_t byte_order;
	uint32_t header_size; /* bytes up to the end of the table */
	uint32_t segments; /* table entries in use; stored with release after the entry and its segment are there */
	uint32_t complete; /* in a file: 1, written last; in the arena 0 */
	uint32_t state;	   /* enum lr_process_state */
	uint32_t pid;
	uint32_t exit_status; /* as wait() gives it; put in by `lastref run` */
	uint64_t started;     /* CLOCK_BOOTTIME, ns: orders the processes of one run */
	uint64_t taken;	      /* of a snapshot: CLOCK_REALTIME, ns; else 0 */
	lr_text_ref command;  /* the program's name and arguments */
	uint32_t stack_depth; /* frames kept of a stack */
	uint64_t counters[LR_COUNTERS];
	struct lr_segment table[]; /* LR_SEGMENTS_MAX in the arena, `segments` in a file */
};

/* Segments follow it and are mapped one by one, so both sizes are multiples of the largest page of any machine, 64 KiB. */
#define LR_ARENA_HEADER_SIZE                                                                       \
	((sizeof(struct lr_image_header) + LR_SEGMENTS_MAX * sizeof(struct lr_segment) + 65535) &  \
	 ~(size_t)65535)

/*
 * One object. Written by the owning thread in the order: fields, then state. A reader in the process takes `birth`, `state`, the rest,
 * and `birth` again: birth numbers are never reused, so an equal pair means that the record did not change hands.
 */
struct lr_record {
	uint64_t object; /* address, complemented: no scan of memory takes the registry for a holder */
	uint32_t site;	/* of birth: ordinal + 1 in LR_SITES, 0 unknown */
	uint32_t state; /* LR_STATE_*, and below it the value described there */
	uint64_t birth; /* type (ordinal + 1 in LR_TYPES) << 48 | number: dentry#17 is 17 */
};

#define LR_STATE_FREE 0u
#define LR_STATE_ALIVE (1u << 30) /* value: LR_ALIVE_* flags */
#define LR_STATE_DYING (2u << 30) /* the destructor runs; value: the site of the last unref */
#define LR_STATE_DEAD                                                                              \
	(3u << 30) /* the record is not reused yet; value: the site of the last unref */
#define LR_STATE_MASK (3u << 30)
#define LR_ALIVE_REPORTED 1u  /* a check called by the program has reported it */
#define LR_ALIVE_IGNORED 2u   /* lastref_ignore() */
#define LR_ALIVE_AGE_SHIFT 2u /* above these: how many checkpoints there were before its birth */
#define LR_ALIVE_AGE_MAX ((LR_STATE_ALIVE >> LR_ALIVE_AGE_SHIFT) - 1)
#define LR_SITE_ID_MAX (LR_STATE_ALIVE - 1)

#define LR_BIRTH_NUMBER_BITS 48
#define LR_BIRTH_NUMBER_MASK ((UINT64_C(1) << LR_BIRTH_NUMBER_BITS) - 1)

/* One frame of a stack; the stack is the path from here to the root. Frames near main() are shared by many stacks. */
struct lr_site {
	uint64_t pc; /* return address in bits 0..47, module (ordinal + 1 in LR_MODULES) in bits 48..63 */
	uint64_t hash;	 /* of the path from the root to here */
	uint32_t parent; /* the caller: ordinal + 1 in LR_SITES, 0 for the outermost frame */
	uint32_t flags;	 /* LR_SITE_* */
};

#define LR_SITE_PC_MASK ((UINT64_C(1) << 48) - 1)
#define LR_SITE_EXACT                                                                              \
	1u /* pc is the instruction itself (interrupted by a signal), not the one after a call */
#define LR_SITE_CUT 2u	   /* outermost frame kept, but the stack went on */
#define LR_SITE_LOGGED 4u  /* the event log has this stack in full already */
#define LR_SITE_LOGGING 8u /* a thread is writing it there */

struct lr_type_entry {
	lr_text_ref name;
	lr_text_ref c_type;
	uint64_t size;
	uint64_t name_hash; /* of whole name and c_type, size, and place and kind of the count */
	uint64_t dealt; /* birth numbers given to threads so far, in blocks; the cursors tell how many are left */
	uint32_t left_out; /* 1 if `types=` does not name it: none is registered */
	uint32_t reserved;
	uint64_t reserved_too;
};

struct lr_module {
	uint64_t bias; /* runtime address - address in the file */
	uint64_t start;
	uint64_t end;
	lr_text_ref path;
	uint32_t build_id_size;
	union {
		uint8_t build_id[32];
		struct lr_file_stamp stamp; /* if build_id_size is 0; all 0 if not known */
	};
};

/* The birth numbers that one thread still has to deal, for types [first_type, first_type + LR_CURSORS_IN_BLOCK). */
#define LR_CURSORS_IN_BLOCK 47u
struct lr_cursor {
	uint64_t next;
	uint64_t end;
};

struct lr_cursor_block {
	uint32_t first_type; /* ordinal in LR_TYPES */
	uint32_t owned;	     /* 1 while a thread uses it */
	uint64_t reserved;
	struct lr_cursor cursors[LR_CURSORS_IN_BLOCK];
};

/* What the check in the process saw of one object, which nobody can see after its death. */
struct lr_note {
	uint64_t birth;	  /* as in the record: names the object */
	int64_t count;	  /* if LR_NOTE_COUNT */
	uint64_t size;	  /* if LR_NOTE_SIZE: what .size_of said */
	lr_text_ref text; /* if LR_NOTE_DESCRIBED or LR_NOTE_MESSAGE */
	uint32_t flags;
};

#define LR_NOTE_COUNT 1u
#define LR_NOTE_SIZE 2u
#define LR_NOTE_DESCRIBED 4u   /* text is what .describe wrote */
#define LR_NOTE_MESSAGE 8u     /* text is what .leak_message wrote */
#define LR_NOTE_UNREADABLE 16u /* the object's memory is gone: freed without its last unref */
#define LR_NOTE_NOT_ASKED 32u  /* has a .describe, but calling it was not safe */
#define LR_NOTE_UNSETTLED                                                                          \
	128u /* of no object: `settle=` waited for `count` ms, and what text says still changed; "" nothing did */
#define LR_NOTE_FAULTED                                                                            \
	64u /* one of its type's functions was called, and followed a pointer into nowhere */
#define LR_NOTE_AT_REST 256u  /* it is of a cache, and nobody holds it */
#define LR_NOTE_DEAD 512u     /* its count is dead, but its destructor was not seen */
#define LR_NOTE_IGNORED 1024u /* text is why the program ignores it; count and size say nothing */

#define LR_NOTE_MISUSE                                                                             \
	2048u /* of no object: text is what was misused, "UNREF OF A DEAD OBJECT: box"; size is where, ordinal + 1 in LR_SITES; count how often */

/*
 * What the check in the process saw of each live object, so that references can be counted when the object is dead. There is
 * one check's worth in an image, or none: a process that was killed has had no check.
 */
struct lr_look {
	uint32_t record; /* ordinal + 1 in LR_RECORDS; of its object only if lr_look_birth() of the one there is `birth` */
	uint32_t birth; /* lr_look_birth() of its record */
	int32_t count; /* references; INT32_MAX is immortal; LR_LOOK_UNKNOWN and the like if negative */
	uint32_t size; /* bytes of the object, UINT32_MAX also if there are more */
};

/* Short for the birth in a record, type and number. */
static inline uint32_t lr_look_birth(uint64_t birth)
{
	return (uint32_t)(birth ^ birth >> 32);
}

#define LR_LOOK_UNKNOWN (-1) /* its type counts by itself, and does not tell */
#define LR_LOOK_GONE (-2)    /* its memory is not there, or another's */
#define LR_LOOK_DEAD (-3) /* its count is dead: it is inside its destructor, or that was not seen */
#define LR_LOOK_UNREAD (-4)  /* nothing says if its memory is there: it was not looked at */
#define LR_LOOK_AT_REST (-5) /* no references: it rests in a cache; 0 is another count's */

/* One reference: @from holds @to. */
struct lr_edge {
	uint32_t from;	 /* record, ordinal + 1 */
	uint32_t to;	 /* record, ordinal + 1 */
	uint32_t offset; /* of the pointer in @from; UINT32_MAX if it is not known (.visit) */
	uint32_t how;	 /* LR_EDGE_*, and above it the text of the member's name, 0 if not known */
};

#define LR_EDGE_FOUND 0u    /* a word of @from that points into @to; it may be no reference */
#define LR_EDGE_DECLARED 1u /* .owns or .visit says that it is one */
#define LR_EDGE_HOW 3u	    /* the mask of these; texts begin at multiples of 4 */

_Static_assert(sizeof(struct lr_look) == 16 && LR_SEGMENT_SIZE % 16 == 0, "looks fill a segment");
_Static_assert(sizeof(struct lr_edge) == 16, "edges fill a segment");
_Static_assert(sizeof(struct lr_record) == 24 && LR_SEGMENT_SIZE % 24 == 0, "records fill a segment");
_Static_assert(sizeof(struct lr_site) == 24, "sites fill a segment");
_Static_assert(sizeof(struct lr_type_entry) == 48 && LR_SEGMENT_SIZE % 48 == 0,
	       "types fill a segment");
_Static_assert(sizeof(struct lr_module) == 64 && LR_SEGMENT_SIZE % 64 == 0, "modules fill a segment");
_Static_assert(sizeof(struct lr_cursor_block) == 768 && LR_SEGMENT_SIZE % 768 == 0,
	       "cursor blocks fill a segment");
_Static_assert(sizeof(struct lr_note) == 32 && LR_SEGMENT_SIZE % 32 == 0, "notes fill a segment");

/* All segments of one kind. */
struct lr_space {
	void **segments; /* guarded by the owner; entries are never taken back */
	uint32_t count;	 /* entries that are there */
	uint64_t bytes;	 /* of all of them together */
};

/*
 * An image that is in memory, wherever its segments lie: in the process, the arena fills one; a reader fills one from a file with
 * lr_image_open(). Readers trust nothing: each access below checks its bounds.
 */
struct lr_image {
	const struct lr_image_header *header;
	struct lr_space spaces[LR_KINDS];
	bool cut_short; /* a file that ends early: what is there was taken */
};

/* One of the counters, which the process may be changing. */
static inline uint64_t lr_image_counter(const struct lr_image_header *header, enum lr_counter counter)
{
	return __atomic_load_n(&header->counters[counter], __ATOMIC_RELAXED);
}

/* Size of an element of @kind; 1 for LR_TEXT. */
size_t lr_image_element_size(enum lr_segment_kind kind);

/* How many elements of @kind there are, unused ones at the end included. */
uint64_t lr_image_count(const struct lr_image *image, enum lr_segment_kind kind);

/* The element @ordinal of @kind, or NULL if there is none. */
const void *lr_image_at(const struct lr_image *image, enum lr_segment_kind kind, uint64_t ordinal);

/* The string at @ref, its length in @ret_length (may be NULL); "" if there is none there. Zero-terminated. */
const char *lr_image_text(const struct lr_image *image, lr_text_ref ref, size_t *ret_length);

/* Typed forms. @id is ordinal + 1 as elements name each other; NULL for 0 and for what is not there. */
const struct lr_site *lr_image_site(const struct lr_image *image, uint32_t id);
const struct lr_module *lr_image_module(const struct lr_image *image, uint32_t id);
const struct lr_type_entry *lr_image_type(const struct lr_image *image, uint32_t id);

/**
 * lr_image_open() - find the segments of an image in memory
 * @image: filled on success
 * @bytes, @size: the whole file, or an arena of a process that is dead; must stay while @image is used
 * @tables: LR_KINDS * LR_SEGMENTS_MAX pointers of room for the spaces (lr_image_open() does not allocate)
 * @check: compare the checksums (a file) or not (an arena)
 *
 * Return: 0, also if the file ends early (then @image->cut_short); -ENOTSUP for another version or byte order; -EBADMSG for
 * what is no image or has lengths or checksums that lie.
 */
int lr_image_open(struct lr_image *image, const void *bytes, size_t size, void **tables, bool check);

#endif
