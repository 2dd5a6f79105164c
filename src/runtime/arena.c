/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena: segments of the image, in private memory or in a file that a parent reads after our death.
 *
 * Layer: runtime. Locks: arena_lock, to add a segment; everything else is a fetch-and-add or a load.
 *
 * Why the file is grown by fallocate(), never by touching pages: on a full file system a touched page is a SIGBUS in the
 * program under test, while fallocate() is an error code, and then an object goes unregistered and is counted as lost.
 *
 * Why the descriptor is compared before each use: a program may close every descriptor it does not know and open its own
 * under the same number. Growing that one would damage the user's file. A lost descriptor is opened again by path.
 */
#include "runtime/arena.h"

#include "base/clock.h"
#include "base/fds.h"
#include "base/pages.h"
#include "base/ranks.h"
#include "format/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Descriptors of ours stay out of the way of programs that count theirs. */
#define HIGH_FD 500
#define RECORD_SEGMENTS_AT_ONCE 8

static struct lr_lock arena_lock = LR_LOCK_INIT(LR_RANK_ARENA);

static void *tables[LR_KINDS][LR_SEGMENTS_MAX];
static uint32_t used[LR_KINDS]; /* next ordinal of each kind; not LR_RECORDS, not LR_TEXT */
static uint64_t text_used;	/* guarded by arena_lock */

/* The file, if shared. Guarded by arena_lock but for the time before other threads. */
static char folder[PATH_MAX];
static char path[PATH_MAX + 64];
static int file = -1;
static struct stat identity;
static uint64_t file_size;
static uint64_t header_size; /* bytes of the header that the file system has promised */

/* Room for a header where not even one page can be had: counters work, segments do not. */
static struct lr_image_header last_resort;
static struct lr_image_header *header = &last_resort;

struct lr_image lr_arena_image = { .header = &last_resort };

bool lr_arena_is_shared(void)
{
	return file_size > 0;
}

struct lr_image_header *lr_arena_header(void)
{
	return header;
}

void lr_arena_count(enum lr_counter counter, uint64_t n)
{
	__atomic_fetch_add(&header->counters[counter], n, __ATOMIC_RELAXED);
	if (counter == LR_MISUSES)
		lr_arena_tell_run('m');
}

/*
 * A process that changed its user or its root folder cannot make a file in the folder of `lastref run`. It then reports by itself, and says
 * what it found through a pipe, so that the run's exit status is right.
 */
void lr_arena_tell_run(char what)
{
	const char *number = secure_getenv(LR_RUN_FD_VARIABLE);
	struct stat pipe;
	int fd;

	if (!folder[0] || lr_arena_is_shared() || !number)
		return;
	fd = (int)strtol(number, NULL, 10);
	/* The program may have closed it and opened something else; a byte in a pipe of its own would be ours to answer for. */
	if (fd > STDERR_FILENO && fstat(fd, &pipe) == 0 && S_ISFIFO(pipe.st_mode) &&
	    (fcntl(fd, F_GETFL) & O_NONBLOCK))
		syscall(SYS_write, fd, &what, 1);
}

/* Grow the file without the SIGXFSZ that a file size limit sends along with the error. */
static int grow(uint64_t offset, uint64_t length)
{
	static const struct timespec at_once;
	sigset_t blocked;
	sigset_t before;
	int error = 0;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &blocked, &before);
	if (fallocate(file, 0, (off_t)offset, (off_t)length) != 0)
		error = errno;
	if (error == EFBIG && !sigismember(&before, SIGXFSZ))
		sigtimedwait(&blocked, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

static bool is_ours(int fd)
{
	struct stat now;

	return fd >= 0 && fstat(fd, &now) == 0 && now.st_dev == identity.st_dev &&
	       now.st_ino == identity.st_ino;
}

static int lift_high(int fd)
{
	int high;

	if (fd < 0)
		return -1;
	high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
	if (high < 0)
		return lr_fd_lift(fd);
	close(fd);
	return high;
}

static int check_file(void)
{
	if (is_ours(file))
		return 0;
	file = lift_high(open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
	if (is_ours(file))
		return 0;
	if (file >= 0)
		close(file);
	file = -1;
	return -EBADF;
}

static struct lr_image_header *map_shared(uint64_t started)
{
	void *mapped;

	snprintf(path, sizeof(path), "%s/%d-%llx.arena", folder, (int)getpid(),
		 (unsigned long long)started);
	file = lift_high(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	if (file < 0)
		return NULL;
	header_size = 64 * 1024;
	if (fstat(file, &identity) != 0 || grow(0, header_size) != 0 ||
	    ftruncate(file, LR_ARENA_HEADER_SIZE) != 0)
		goto fail;
	mapped = mmap(NULL, LR_ARENA_HEADER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (mapped == MAP_FAILED)
		goto fail;
	madvise(mapped, LR_ARENA_HEADER_SIZE, MADV_DONTDUMP);
	file_size = LR_ARENA_HEADER_SIZE;
	return mapped;
fail:
	unlink(path);
	close(file);
	file = -1;
	return NULL;
}

static void store_command(void)
{
	static char line[4096]; /* not on the stack, which may be a fibre's; there is one start at a time */
	ssize_t length;
	int fd = lr_fd_lift(open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC));

	length = fd >= 0 ? read(fd, line, sizeof(line)) : -1;
	if (fd >= 0)
		close(fd);
	if (length <= 0)
		return;
	length--; /* the zero after the last argument */
	for (ssize_t i = 0; i < length; i++) {
		if (line[i] == '\0')
			line[i] = ' ';
	}
	header->command = lr_arena_add_text(line, (size_t)length);
}

static void make_header(void)
{
	uint64_t started = lr_clock_ns(CLOCK_BOOTTIME);
	struct lr_image_header *made = folder[0] ? map_shared(started) : NULL;

	if (!made)
		made = lr_pages_map(LR_ARENA_HEADER_SIZE);
	/* What was counted before there was an arena goes along. */
	if (made)
		memcpy(made->counters, header->counters, sizeof(made->counters));
	header = made ? made : &last_resort;
	memcpy(header->magic, LR_IMAGE_MAGIC, sizeof(header->magic));
	header->version = LR_IMAGE_VERSION;
	header->byte_order = LR_IMAGE_BYTE_ORDER;
	header->header_size = LR_ARENA_HEADER_SIZE;
	header->pid = (uint32_t)getpid();
	header->started = started;
	lr_arena_tell_run('a');
	lr_arena_image.header = header;
	for (int kind = 0; kind < LR_KINDS; kind++)
		lr_arena_image.spaces[kind].segments = tables[kind];
	store_command();
}

void lr_arena_start(const char *run_folder)
{
	/* Again in the child of a fork, with what the environment said at the start of the program. */
	if (!folder[0] && run_folder && strlen(run_folder) < sizeof(folder))
		strcpy(folder, run_folder);
	make_header();
}

void lr_arena_restart_in_child(void)
{
	/* The parent's figures are not the child's; but of what the parent did not know, the child does not know either. */
	bool unknown = header->counters[LR_BORN_UNCHECKED] > 0 ||
		       header->counters[LR_LOST_OBJECTS] > 0 || header->counters[LR_LOST_TYPES] > 0;
	uint64_t others = header->counters[LR_OTHER_COPIES];

	for (int kind = 0; kind < LR_KINDS; kind++) {
		struct lr_space *space = &lr_arena_image.spaces[kind];

		for (uint32_t i = 0; i < space->count; i++)
			munmap(tables[kind][i], LR_SEGMENT_SIZE);
		space->count = 0;
		space->bytes = 0;
		used[kind] = 0;
	}
	text_used = 0;
	if (header != &last_resort)
		munmap(header, LR_ARENA_HEADER_SIZE);
	memset(&last_resort, 0, sizeof(last_resort));
	last_resort.counters[LR_BORN_UNCHECKED] = unknown;
	last_resort.counters[LR_OTHER_COPIES] = others;
	header = &last_resort;
	if (is_ours(file))
		close(file);
	file = -1;
	file_size = 0;
	lr_lock_restart(&arena_lock);
	lr_arena_image.header = header;
}

/* Returns @count segments in a row, or NULL. The table's pages in the file are allocated along with them. */
static void *map_segments(uint32_t count)
{
	uint64_t length = (uint64_t)count * LR_SEGMENT_SIZE;
	uint64_t table_end = sizeof(*header) + (header->segments + count) * sizeof(struct lr_segment);
	void *mapped;

	if (file_size == 0)
		return lr_pages_map(length);
	if (check_file() != 0)
		return NULL;
	if (table_end > header_size) {
		if (grow(header_size, 64 * 1024) != 0)
			return NULL;
		header_size += 64 * 1024;
	}
	if (grow(file_size, length) != 0)
		return NULL;
	mapped = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)file_size);
	return mapped == MAP_FAILED ? NULL : mapped;
}

/* Caller holds arena_lock. The release stores publish the segment to readers in the process and to the parent. */
static int add_segments(enum lr_segment_kind kind, uint32_t count)
{
	struct lr_space *space = &lr_arena_image.spaces[kind];
	char *mapped;

	if (header == &last_resort || header->segments + count > LR_SEGMENTS_MAX)
		return -ENOMEM;
	mapped = map_segments(count);
	if (!mapped)
		return -ENOMEM;
	madvise(mapped, (size_t)count * LR_SEGMENT_SIZE, MADV_DONTDUMP);
	for (uint32_t i = 0; i < count; i++) {
		struct lr_segment *entry = &header->table[header->segments];

		entry->kind = kind;
		entry->offset = file_size;
		entry->length = LR_SEGMENT_SIZE;
		if (file_size > 0)
			file_size += LR_SEGMENT_SIZE;
		tables[kind][space->count] = mapped + (size_t)i * LR_SEGMENT_SIZE;
		__atomic_store_n(&space->bytes, space->bytes + LR_SEGMENT_SIZE, __ATOMIC_RELAXED);
		/* Pairs with the acquire in lr_arena_add() and in every reader of the image. */
		__atomic_store_n(&space->count, space->count + 1, __ATOMIC_RELEASE);
		__atomic_store_n(&header->segments, header->segments + 1, __ATOMIC_RELEASE);
	}
	return 0;
}

static uint32_t per_segment(enum lr_segment_kind kind)
{
	return (uint32_t)(LR_SEGMENT_SIZE / lr_image_element_size(kind));
}

void *lr_arena_at(enum lr_segment_kind kind, uint32_t ordinal)
{
	uint32_t per = per_segment(kind);

	return (char *)tables[kind][ordinal / per] +
	       (size_t)(ordinal % per) * lr_image_element_size(kind);
}

/* Make sure that the segment of @ordinal is there. */
static int ensure_segment(enum lr_segment_kind kind, uint32_t ordinal)
{
	uint32_t segment = ordinal / per_segment(kind);
	int error = 0;

	/* Pairs with the release in add_segments(). */
	if (__atomic_load_n(&lr_arena_image.spaces[kind].count, __ATOMIC_ACQUIRE) > segment)
		return 0;
	lr_lock(&arena_lock);
	if (lr_arena_image.spaces[kind].count <= segment)
		error = add_segments(kind, 1);
	lr_unlock(&arena_lock);
	return error;
}

void *lr_arena_add(enum lr_segment_kind kind, uint32_t *ret_ordinal)
{
	uint32_t ordinal = __atomic_load_n(&used[kind], __ATOMIC_RELAXED);

	do {
		if (ensure_segment(kind, ordinal) != 0)
			return NULL;
	} while (!__atomic_compare_exchange_n(&used[kind], &ordinal, ordinal + 1, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	*ret_ordinal = ordinal;
	return lr_arena_at(kind, ordinal);
}

int64_t lr_arena_add_records(void)
{
	const struct lr_space *space = &lr_arena_image.spaces[LR_RECORDS];
	uint32_t at_once = space->count < RECORD_SEGMENTS_AT_ONCE ? 1 : RECORD_SEGMENTS_AT_ONCE;
	uint32_t first = space->count;
	int error;

	lr_lock(&arena_lock);
	error = add_segments(LR_RECORDS, at_once);
	lr_unlock(&arena_lock);
	return error ? error : (int64_t)first * per_segment(LR_RECORDS);
}

int lr_arena_add_segment(enum lr_segment_kind kind)
{
	int error;

	lr_lock(&arena_lock);
	error = add_segments(kind, 1);
	lr_unlock(&arena_lock);
	return error;
}

/* Caller holds arena_lock. Returns the offset of @size bytes in the text space, or 0. */
static uint64_t take_text(size_t size)
{
	uint64_t at = (text_used + 3) & ~UINT64_C(3);

	if (at == 0)
		at = 4; /* reference 0 means none */
	if (at / LR_SEGMENT_SIZE != (at + size - 1) / LR_SEGMENT_SIZE)
		at = (at / LR_SEGMENT_SIZE + 1) * LR_SEGMENT_SIZE;
	if (at + size > UINT32_MAX)
		return 0;
	if (lr_arena_image.spaces[LR_TEXT].count <= at / LR_SEGMENT_SIZE &&
	    add_segments(LR_TEXT, 1) != 0)
		return 0;
	text_used = at + size;
	return at;
}

lr_text_ref lr_arena_add_text(const char *text, size_t length)
{
	uint32_t kept = length < LR_TEXT_MAX ? (uint32_t)length : LR_TEXT_MAX;
	uint64_t at;
	char *place;

	lr_lock(&arena_lock);
	at = take_text(sizeof(kept) + kept + 1);
	lr_unlock(&arena_lock);
	if (at == 0)
		return 0;
	place = (char *)tables[LR_TEXT][at / LR_SEGMENT_SIZE] + at % LR_SEGMENT_SIZE;
	memcpy(place, &kept, sizeof(kept));
	memcpy(place + sizeof(kept), text, kept);
	return (lr_text_ref)at;
}
