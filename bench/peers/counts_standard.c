/* SPDX-License-Identifier: Apache-2.0 */
/* struct lastref_count. */
#define COUNTS_OURS lastref_count
#include "bench/peers/counts_ours.h"

const struct counts_peer counts_standard = { "lastref, standard", start, loop, try_loop, live };
