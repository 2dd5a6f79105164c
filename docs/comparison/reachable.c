/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Over-retained, and still reachable: each login takes a reference for the table of sessions, and no logout gives it back.
 */
#include "counted.h"

#define SESSIONS 500

struct session {
	COUNT refs;
	int number;
};

static void session_destroy(struct session *session)
{
	free(session);
}

COUNTED(session, struct session, refs, session_destroy);

static struct session *sessions[SESSIONS];

static struct session *login(int number)
{
	struct session *session = zeroed(sizeof(*session));

	session_ref_init(session);
	session->number = number;
	sessions[number] = session_ref(session);
	return session;
}

static void logout(struct session *session)
{
	session_unref(session); /* wrong: it stays in the table */
}

int main(void)
{
	for (int i = 0; i < SESSIONS; i++)
		logout(login(i));
	wipe_stack();
	return 0;
}
