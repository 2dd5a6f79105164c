# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The test suite of a library that leaks: several processes. Sourced after tap.sh.

# net_library: the library, net.c. A packet holds its connection.
net_library()
{
	cat >net.h <<-'C'
		#include <lastref/lastref.h>
		struct conn {
			struct lastref_count refs;
			int number;
		};
		struct packet {
			struct lastref_count refs;
			struct conn *conn;
		};
		struct conn *conn_open(int number);
		struct packet *packet_new(struct conn *conn);
		void conn_close(struct conn *conn);
		void packet_free(struct packet *packet);
	C
	cat >net.c <<-'C'
		#include "net.h"
		#include <stdio.h>
		#include <stdlib.h>

		static void conn_destroy(struct conn *conn)
		{
			free(conn);
		}
		static int conn_describe(const void *conn, char *buffer, size_t size)
		{
			return snprintf(buffer, size, "to host %d", ((const struct conn *)conn)->number);
		}
		LASTREF_DEFINE(conn, struct conn, refs, conn_destroy, .describe = conn_describe);

		static void packet_destroy(struct packet *packet)
		{
			conn_ref_clear(&packet->conn);
			free(packet);
		}
		LASTREF_DEFINE(packet, struct packet, refs, packet_destroy, .owns = LASTREF_OWNS(struct packet, conn));

		struct conn *conn_open(int number)
		{
			struct conn *conn = calloc(1, sizeof(*conn));

			conn->number = number;
			conn_ref_init(conn);
			return conn;
		}

		struct packet *packet_new(struct conn *conn)
		{
			struct packet *packet = calloc(1, sizeof(*packet));

			packet_ref_init(packet);
			conn_ref_set(&packet->conn, conn);
			return packet;
		}

		void conn_close(struct conn *conn)
		{
			conn_unref(conn);
		}

		void packet_free(struct packet *packet)
		{
			packet_unref(packet);
		}
	C
}

# net_program NAME: a program of the suite; what its main() does is read from stdin.
net_program()
{
	{
		printf '#include "net.c"\n#include <unistd.h>\nint main(void)\n{\n'
		cat
		printf '\treturn 0;\n}\n'
	} >"$1.c"
	compile "$1" "$1.c"
}

# net_suite: the programs. t_open leaks two connections; t_send one, and a packet; t_clean nothing.
net_suite()
{
	net_library
	net_program t_open <<-'C'
		for (int i = 1; i <= 2; i++)
			conn_open(i);
	C
	net_program t_send <<-'C'
		struct conn *conn = conn_open(3);
		packet_new(NULL);
		(void)conn;
	C
	net_program t_clean <<-'C'
		conn_close(conn_open(4));
	C
}

# run_suite FOLDER [PROGRAM...]: what `lastref run` writes of them, in the order of their names.
run_suite()
{
	local folder=$1 program
	shift

	[ $# -gt 0 ] || set -- t_open t_send t_clean
	mkdir -p "$folder"
	for program; do
		"$LASTREF_CMD" run --quiet --leak-exit 0 -o "$folder/$program" -- "./$program"
	done
}
