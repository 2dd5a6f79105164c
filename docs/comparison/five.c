/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Five producers give their messages to one consumer, which forgets one.
 */
#include "counted.h"

#include <pthread.h>
#include <stdio.h>

#define PRODUCERS 5
#define MESSAGES 200

struct message {
	COUNT refs;
	int producer;
	int number;
	struct message *next; /* in the queue */
};

static int message_describe(const void *object, char *buf, size_t size)
{
	const struct message *message = object;

	return snprintf(buf, size, "number %d of producer %d", message->number, message->producer);
}

static void message_destroy(struct message *message)
{
	free(message);
}

COUNTED(message, struct message, refs, message_destroy, .describe = message_describe);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static struct message *queue;

static void *produce(void *producer)
{
	for (int number = 1; number <= MESSAGES; number++) {
		struct message *message = zeroed(sizeof(*message));

		message->producer = *(int *)producer;
		message->number = number;
		message_ref_init(message);
		pthread_mutex_lock(&lock);
		message->next = queue;
		queue = message;
		pthread_cond_signal(&filled);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static struct message *take(void)
{
	struct message *message;

	pthread_mutex_lock(&lock);
	while (!queue)
		pthread_cond_wait(&filled, &lock);
	message = queue;
	queue = message->next;
	pthread_mutex_unlock(&lock);
	message->next = NULL;
	return message;
}

static void consume(struct message *message)
{
	if (message->producer == 3 && message->number == 141)
		return; /* wrong */
	message_unref(message);
}

int main(void)
{
	pthread_t threads[PRODUCERS];
	int numbers[PRODUCERS];

	(void)message_describe;
	for (int i = 0; i < PRODUCERS; i++) {
		numbers[i] = i + 1;
		if (pthread_create(&threads[i], NULL, produce, &numbers[i]) != 0)
			abort();
	}
	for (int i = 0; i < PRODUCERS * MESSAGES; i++)
		consume(take());
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	wipe_stack();
	return 0;
}
