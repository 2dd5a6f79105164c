# SPDX-License-Identifier: Apache-2.0
# An evict looks, and then stores.
/bool lastref_cache_count_evict/,/^}/ {
	s/^	return __atomic.*/	if (__atomic_load_n(\&count->count, __ATOMIC_RELAXED) != rest)\n		return false;\n&/
	s/return __atomic_compare_exchange_n.*/__atomic_store_n(\&count->count, LASTREF_COUNT_DEAD_, __ATOMIC_RELAXED);/
	s/^[[:space:]]*__ATOMIC_ACQUIRE, __ATOMIC_RELAXED\);/	return true;/
}
