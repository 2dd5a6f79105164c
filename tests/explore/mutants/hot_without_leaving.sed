# SPDX-License-Identifier: Apache-2.0
# An unref that leaves the gap does not tell the tryref that revived.
/int lastref_hot_count_leave_/,/^}/ s/set_mark_2 = 2 \* /set_mark_2 = 0 * /
