# SPDX-License-Identifier: Apache-2.0
# An unref that takes the mark away does not look whether the reviver is gone already.
/int lastref_hot_count_leave_/,/^}/ s/return lastref_hot_flip_\(next\) == -1/return 0/
