/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate.
 *
 * Layer: runtime. Locks: gate_lock.
 *
 * A dying thread stores DYING and then loads lr_gate_shut; a check stores lr_gate_shut and then loads the record's state. With both
 * orders kept, at least one sees the other (Dekker). Deaths are frequent and checks are rare, so the dying side has a
 * compiler barrier only, and the check makes every running thread execute a full one by membarrier(2):
 *
 *      dying thread                        check
 *      state = DYING                       lr_gate_shut = true
 *      (compiler barrier)                  membarrier
 *      lr_gate_shut?  no: destroy          state == ALIVE? then the dying side has not loaded lr_gate_shut yet,
 *                     yes: gate_lock       and will find it true: it waits for gate_lock before its destructor.
 *
 * So with gate_lock held and ALIVE seen, the object's memory stays good until gate_lock is given back; that is long
 * enough for a tryref, and the reference keeps it good after that. (The use of membarrier in place of a fence on the hot side
 * follows userspace-rcu's "membarrier" flavor.)
 */
#include "runtime/gate.h"

#include "base/ranks.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct lr_lock gate_lock = LR_LOCK_INIT(LR_RANK_GATE);
static bool registered;

int lr_gate_shut;
static __thread int shut_here; /* how many of these by this thread */

static long membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0);
}

void lr_gate_start(void)
{
	registered = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

void lr_gate_lock(void)
{
	lr_lock(&gate_lock);
}

void lr_gate_unlock(void)
{
	lr_unlock(&gate_lock);
}

void lr_gate_wait(void)
{
	lr_lock(&gate_lock);
	lr_unlock(&gate_lock);
}

void lr_gate_open(void)
{
	shut_here--;
	__atomic_fetch_sub(&lr_gate_shut, 1, __ATOMIC_RELEASE);
}

bool lr_gate_shut_one(void)
{
	if (!registered)
		return false;
	shut_here++;
	__atomic_fetch_add(&lr_gate_shut, 1, __ATOMIC_SEQ_CST);
	if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0)
		return true;
	lr_gate_open();
	return false;
}

void lr_gate_leave(void)
{
	while (shut_here > 0)
		lr_gate_open();
}

/*
 * A function of the program that a check called may have forked, and the check goes on in the
 * child: then it opens the gate.
 */
void lr_gate_restart_in_child(void)
{
	lr_lock_restart(&gate_lock);
	lr_gate_shut = shut_here;
	lr_gate_start();
}
