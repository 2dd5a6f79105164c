# SPDX-License-Identifier: Apache-2.0
# A tryref that revives does not tell the unref in the gap.
/bool lastref_hot_count_tryref_slow_/,/^}/ s/^	word = .*/	return true;\n&/
