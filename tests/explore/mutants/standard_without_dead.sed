# SPDX-License-Identifier: Apache-2.0
# The unref that takes the last reference does not store the dead zone: a ref on the dead object makes 1 for a moment.
/bool lastref_count_unref_end_/,/^}/ {
	/__atomic_store_n/d
}
