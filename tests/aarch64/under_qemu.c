/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What qemu-user lacks, preloaded into the programs that it runs.
 *
 * execve(): qemu hands it to this machine's kernel, which knows no aarch64 (unless binfmt_misc is set up, which needs rights). So the
 * kernel is given qemu, with the program as its argument. Criterion starts itself anew for each test, and `lastref run` starts CMD:
 * both need it. What is no program for aarch64 (a script, a program of this machine) is started as it is.
 *
 * stat() of /proc/self/task: qemu has a thread of its own in each process, which is none of the program's.
 *
 * Of the environment, QEMU_AARCH64 is where qemu is; QEMU_SET_ENV tells each qemu to preload this library; LD_PRELOAD, which it makes of
 * that, is left out, because qemu itself and the programs of this machine could not load it.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PRELOAD "LD_PRELOAD="
#define ITEMS_MAX 1024

/* Arguments or variables, ended by NULL. */
struct list {
	size_t count;
	char *items[ITEMS_MAX + 1];
};

static void add(struct list *list, const char *item)
{
	if (list->count < ITEMS_MAX)
		list->items[list->count] = (char *)(uintptr_t)item;
	list->count++;
}

static bool is_for_aarch64(const char *path)
{
	Elf64_Ehdr header = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, &header, sizeof(header));

	if (fd >= 0)
		close(fd);
	return got == sizeof(header) && memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
	       header.e_machine == EM_AARCH64;
}

int execve(const char *path, char *const arguments[], char *const environment[])
{
	const char *qemu = getenv("QEMU_AARCH64");
	struct list given = { 0 };
	struct list kept = { 0 };
	bool by_qemu = qemu && access(path, X_OK) == 0 && is_for_aarch64(path);

	for (; environment && *environment; environment++) {
		if (strncmp(*environment, PRELOAD, strlen(PRELOAD)) != 0)
			add(&kept, *environment);
	}
	if (by_qemu) {
		add(&given, qemu);
		add(&given, "-0");
		add(&given, *arguments ? *arguments : path);
		add(&given, path);
		arguments += *arguments != NULL;
	}
	while (*arguments)
		add(&given, *arguments++);
	if (kept.count > ITEMS_MAX || given.count > ITEMS_MAX) {
		errno = E2BIG;
		return -1;
	}
	return (int)syscall(SYS_execve, by_qemu ? qemu : path, given.items, kept.items);
}

/* glibc's own calls its own execve(). */
int execvp(const char *file, char *const arguments[])
{
	const char *entry = strchr(file, '/') ? "" : getenv("PATH");
	char path[PATH_MAX];

	if (!entry || *entry == '\0')
		return execve(file, arguments, environ);
	while (*entry) {
		int length = (int)strcspn(entry, ":");

		snprintf(path, sizeof(path), "%.*s/%s", length, entry, file);
		execve(path, arguments, environ);
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			return -1;
		entry += length + (entry[length] == ':');
	}
	return -1;
}

int stat(const char *restrict path, struct stat *restrict status)
{
	int result = fstatat(AT_FDCWD, path, status, 0);

	if (result == 0 && strcmp(path, "/proc/self/task") == 0)
		status->st_nlink--;
	return result;
}
