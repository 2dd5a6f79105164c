/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mail drop in 40 lines: messages are counted, and the error path of deliver() forgets one reference.
 */
#include <lastref/lastref.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct message {
	struct lastref_count refs;
	const char *text;
};

static int message_describe(const void *object, char *buf, size_t size)
{
	return snprintf(buf, size, "\"%s\"", ((const struct message *)object)->text);
}

static void message_destroy(struct message *message)
{
	free(message);
}

LASTREF_DEFINE(message, struct message, refs, message_destroy, .describe = message_describe);

static struct message *message_new(const char *text)
{
	struct message *message = calloc(1, sizeof(*message));

	if (!message)
		abort();
	message->text = text;
	message_ref_init(message);
	return message;
}

static int deliver(struct message *message)
{
	struct message *outgoing = message_ref(message);

	if (!strchr(outgoing->text, '@'))
		return -1; /* the mistake: outgoing is not given back */
	printf("delivered: %s\n", outgoing->text);
	message_unref(outgoing);
	return 0;
}

int main(void)
{
	static const char *const mails[] = { "ann@home: hello", "bob: are you there?",
					     "cat@work: lunch?" };

	for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		struct message *message = message_new(mails[i]);

		if (deliver(message) < 0)
			printf("no address: %s\n", message->text);
		message_unref(message);
	}
	return 0;
}
