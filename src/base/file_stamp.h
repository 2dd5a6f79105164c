/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells a file from the one that the linker put in its place since, where neither has a build-id.
 *
 * Layer: base. No I/O: it is filled from what stat() says.
 */
#ifndef LR_BASE_FILE_STAMP_H
#define LR_BASE_FILE_STAMP_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct lr_file_stamp {
	uint64_t size;	   /* bytes; 0 if nothing is known of the file */
	uint64_t modified; /* ns since 1970 */
};

static inline struct lr_file_stamp lr_file_stamp_of(const struct stat *status)
{
	return (struct lr_file_stamp){
		.size = (uint64_t)status->st_size,
		.modified = (uint64_t)status->st_mtim.tv_sec * LR_NS_PER_SECOND +
			    (uint64_t)status->st_mtim.tv_nsec,
	};
}

/**
 * lr_file_stamp_fits() - may a file with the stamp @now be the one of which @then was taken?
 *
 * Archives and some file systems keep a time's seconds alone, so whole seconds stand for all within them. A copy whose time is that
 * of the copying fits nothing.
 */
static inline bool lr_file_stamp_fits(const struct lr_file_stamp *then,
				      const struct lr_file_stamp *now)
{
	uint64_t second = then->modified / LR_NS_PER_SECOND;
	bool is_cut = then->modified % LR_NS_PER_SECOND == 0 || now->modified % LR_NS_PER_SECOND == 0;

	if (then->size == 0)
		return true;
	return then->size == now->size && (then->modified == now->modified ||
					   (is_cut && second == now->modified / LR_NS_PER_SECOND));
}

#endif
