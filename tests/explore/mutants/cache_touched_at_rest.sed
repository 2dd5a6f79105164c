# SPDX-License-Identifier: Apache-2.0
# The unref that brings to rest acquires by a load, as it might in the standard count.
/bool lastref_cache_count_unref_end_/,/^}/ s/^	return true/	(void)__atomic_load_n(\&count->count, __ATOMIC_ACQUIRE);\n&/
