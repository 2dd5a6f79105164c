/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that loads and unloads the libraries that tests/surroundings/libraries.sh makes. Status 77: the loader did not put the
 * second library where the first one was.
 *
 * The program has a type of the same name as one of the libraries, as if both included its header.
 */
#include <lastref/lastref.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct apple {
	struct lastref_count refs;
	char text[40];
};

LASTREF_DEFINE(apple, struct apple, refs, NULL);

/* The compiler must not unroll the loops over two: calls from one place are to come from one address. */
static volatile int two = 2;

struct library {
	void *handle;
	void *(*make)(void);
	void (*drop)(void *object);
};

static struct library load(const char *path)
{
	struct library library = { .handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) };

	if (!library.handle) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	*(void **)&library.make = dlsym(library.handle, "make");
	*(void **)&library.drop = dlsym(library.handle, "drop");
	return library;
}

static void unload(struct library *library)
{
	if (dlclose(library->handle) != 0)
		exit(1);
}

/* The one call from here: the second library's stack is the first one's, address by address, if its layout is. */
static __attribute__((noinline)) void *make_with(const struct library *library)
{
	void *object = library->make();

	__asm__ volatile("" : "+r"(object));
	return object;
}

static void leave_two(const char *path)
{
	struct library library = load(path);

	for (int i = 0; i < two; i++)
		make_with(&library);
	unload(&library);
}

static __attribute__((noinline)) uintptr_t make_one(const char *path, bool stays)
{
	struct library library = load(path);

	make_with(&library);
	if (!stays)
		unload(&library);
	return (uintptr_t)library.drop >> 12;
}

static void make_in_turn(char **paths)
{
	uintptr_t places[2];

	for (int i = 0; i < two; i++)
		places[i] = make_one(paths[i], i > 0);
	if (places[0] != places[1])
		exit(77);
}

struct turns {
	pthread_t thread;
	char **paths;
	int rounds;
};

static void *take_turns(void *turns_)
{
	const struct turns *turns = turns_;

	for (int i = 0; i < turns->rounds; i++) {
		struct library library = load(turns->paths[i & 1]);
		void *objects[4];

		for (int j = 0; j < 4; j++)
			objects[j] = make_with(&library);
		for (int j = 0; j < 4; j++) {
			library.drop(objects[j]);
			free(objects[j]);
		}
		unload(&library);
	}
	return NULL;
}

static void take_turns_in_two_threads(int rounds, char **paths)
{
	struct turns turns[2];

	for (int i = 0; i < 2; i++) {
		turns[i] = (struct turns){ .paths = paths, .rounds = rounds };
		if (pthread_create(&turns[i].thread, NULL, take_turns, &turns[i]) != 0)
			exit(1);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(turns[i].thread, NULL);
	printf("live %zu\n", lastref_live_objects());
}

static void misuse(const char *path)
{
	struct library library = load(path);
	struct apple *apple = make_with(&library);

	library.drop(apple);
	unload(&library);
	apple_unref(apple);
}

static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;

static void *wait_for_ever(void *unused)
{
	pthread_mutex_lock(&never);
	return unused;
}

static void have_another_thread(void)
{
	pthread_t thread;

	pthread_mutex_lock(&never);
	if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
		exit(1);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (strcmp(what, "left-among-threads") == 0)
		have_another_thread();
	if (strncmp(what, "left", 4) == 0)
		leave_two(argv[2]);
	if (strcmp(what, "left-and-checked") == 0)
		printf("found %zu\n", lastref_leak_check());
	if (strcmp(what, "twins") == 0 && argc == 4)
		make_in_turn(argv + 2);
	if (strcmp(what, "rounds") == 0 && argc == 5)
		take_turns_in_two_threads(atoi(argv[2]), argv + 3);
	if (strcmp(what, "misuse") == 0)
		misuse(argv[2]);
	return 0;
}
