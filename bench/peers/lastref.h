/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the peers that are lastref share.
 */
#ifndef BENCH_PEERS_LASTREF_H
#define BENCH_PEERS_LASTREF_H

#include "bench/peers/peer.h"

/* Switch checking on. */
void peer_lastref_start(void);

#endif
