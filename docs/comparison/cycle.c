/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two objects that hold each other.
 */
#include "counted.h"

struct session;

struct stream {
	COUNT refs;
	struct session *owner;
};

static void stream_destroy(struct stream *stream);
COUNTED(stream, struct stream, refs, stream_destroy, .owns = LASTREF_OWNS(struct stream, owner));

struct session {
	COUNT refs;
	struct stream *stream;
};

static void session_destroy(struct session *session)
{
	stream_unref(session->stream);
	free(session);
}

COUNTED(session, struct session, refs, session_destroy, .owns = LASTREF_OWNS(struct session, stream));

static void stream_destroy(struct stream *stream)
{
	session_unref(stream->owner);
	free(stream);
}

static void chat(void)
{
	struct session *session = zeroed(sizeof(*session));
	struct stream *stream = zeroed(sizeof(*stream));

	session_ref_init(session);
	stream_ref_init(stream);
	stream->owner = session_ref(session); /* wrong: who lets go first? */
	session->stream = stream;
	session_unref(session);
}

int main(void)
{
	for (int i = 0; i < 100; i++)
		chat();
	wipe_stack();
	return 0;
}
