/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of shell patterns: fnmatch(3) on each part between commas.
 *
 * Layer: base. Locks: none.
 */
#include "base/globs.h"

#include <fnmatch.h>
#include <string.h>

bool lr_globs_match(const char *globs, const char *name)
{
	char one[1024];

	while (*globs) {
		size_t length = strcspn(globs, ",");

		if (length > 0 && length < sizeof(one)) {
			memcpy(one, globs, length);
			one[length] = '\0';
			if (fnmatch(one, name, 0) == 0)
				return true;
		}
		globs += length + (globs[length] == ',');
	}
	return false;
}
