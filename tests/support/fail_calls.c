/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For LD_PRELOAD: lets a call by which one chosen file of a process gets memory, descriptors or the like fail, as it would on a
 * machine that has no more of them.
 *
 *	FAIL_CALLER	whose calls: a part of the name of its file, for example liblastref.so; "" is the program itself
 *	FAIL_AT		the first call that fails, counted from 1 over all threads
 *	FAIL_MANY	if set, all calls after that one fail as well
 *	FAIL_SAY	a file that is made once a call has failed
 *
 * Who calls is told by the return address, so the file is tested as it is shipped. What libc calls for its own needs goes
 * past us, except for malloc() and its like: without FAIL_CALLER these fail for everybody.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *caller;
static uintptr_t caller_start, caller_end;
static long fail_at;
static bool many;
static const char *say;
static long calls;

static int note_caller(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	if (caller[0] == '\0' ? info->dlpi_name[0] != '\0' : !strstr(info->dlpi_name, caller))
		return 0;
	caller_start = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD)
			caller_end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;
	}
	return 1;
}

/* The first call may come before our own constructor; there is one thread then. */
static void begin(void)
{
	static bool begun;
	const char *number = getenv("FAIL_AT");

	if (begun)
		return;
	begun = true;
	caller = getenv("FAIL_CALLER");
	many = getenv("FAIL_MANY") != NULL;
	say = getenv("FAIL_SAY");
	if (caller)
		dl_iterate_phdr(note_caller, NULL);
	else
		caller_end = UINTPTR_MAX;
	fail_at = number ? atol(number) : 0;
}

/* By the system call itself: open() is one of ours. */
static void tell(void)
{
	long fd = say ? syscall(SYS_openat, AT_FDCWD, say, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : -1;

	if (fd >= 0)
		syscall(SYS_close, fd);
}

static bool fails(const void *return_address)
{
	long call;

	begin();
	if (fail_at == 0 || (uintptr_t)return_address < caller_start ||
	    (uintptr_t)return_address >= caller_end)
		return false;
	call = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	if (call != fail_at && !(many && call > fail_at))
		return false;
	tell();
	return true;
}

#define FAILS() fails(__builtin_return_address(0))

/* A function of libc's behind ours. */
#define REAL(name)                                                                                 \
	({                                                                                         \
		static __typeof__(&name) real;                                                     \
		if (!real)                                                                         \
			*(void **)&real = dlsym(RTLD_NEXT, #name);                                 \
		real;                                                                              \
	})

#define FAIL_WITH(error, value)                                                                    \
	do {                                                                                       \
		if (FAILS()) {                                                                     \
			errno = error;                                                             \
			return value;                                                              \
		}                                                                                  \
	} while (0)

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset)
{
	FAIL_WITH(ENOMEM, MAP_FAILED);
	return REAL(mmap64)(address, length, protection, flags, fd, offset);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	FAIL_WITH(ENOMEM, MAP_FAILED);
	return REAL(mmap)(address, length, protection, flags, fd, offset);
}

int memfd_create(const char *name, unsigned int flags)
{
	FAIL_WITH(EMFILE, -1);
	return REAL(memfd_create)(name, flags);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
	FAIL_WITH(ENOSPC, -1);
	return REAL(fallocate64)(fd, mode, offset, length);
}

int ftruncate64(int fd, off64_t length)
{
	FAIL_WITH(ENOSPC, -1);
	return REAL(ftruncate64)(fd, length);
}

int madvise(void *address, size_t length, int advice)
{
	FAIL_WITH(EAGAIN, -1);
	return REAL(madvise)(address, length, advice);
}

int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list arguments;

	if (flags & (O_CREAT | __O_TMPFILE)) {
		va_start(arguments, flags);
		mode = va_arg(arguments, mode_t);
		va_end(arguments);
	}
	FAIL_WITH(EMFILE, -1);
	return REAL(open64)(path, flags, mode);
}

int pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
	if (FAILS())
		return EAGAIN;
	return REAL(pthread_key_create)(key, destroy);
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
	if (FAILS())
		return ENOMEM;
	return REAL(pthread_setspecific)(key, value);
}

int sigaltstack(const stack_t *new, stack_t *old)
{
	FAIL_WITH(ENOMEM, -1);
	return REAL(sigaltstack)(new, old);
}

int on_exit(void (*function)(int, void *), void *argument)
{
	FAIL_WITH(ENOMEM, -1);
	return REAL(on_exit)(function, argument);
}

ssize_t process_vm_readv(pid_t pid, const struct iovec *to, unsigned long to_count,
			 const struct iovec *from, unsigned long from_count, unsigned long flags)
{
	FAIL_WITH(ENOMEM, -1);
	return REAL(process_vm_readv)(pid, to, to_count, from, from_count, flags);
}

/* dlsym() may allocate, so libc's own names are used here. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

void *malloc(size_t size)
{
	FAIL_WITH(ENOMEM, NULL);
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	FAIL_WITH(ENOMEM, NULL);
	return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
	FAIL_WITH(ENOMEM, NULL);
	return __libc_realloc(block, size);
}
