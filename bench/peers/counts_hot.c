/* SPDX-License-Identifier: Apache-2.0 */
/* struct lastref_hot_count. */
#define COUNTS_OURS lastref_hot_count
#include "bench/peers/counts_ours.h"

const struct counts_peer counts_hot = { "lastref, hot", start, loop, try_loop, live };
