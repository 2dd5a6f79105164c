# SPDX-License-Identifier: Apache-2.0
#
# sed -n -E -f short.sed: of what LeakSanitizer and valgrind print, the lines that tell of leaks, and the frames of these programs. Left out are process
# ids, addresses, folders, frames of libraries, and headings.
s/^==[0-9]+== ?//
/^ERROR: LeakSanitizer|^(Direct|Indirect) leak|^SUMMARY/p
/^Invalid read|in loss record|^ *(definitely|indirectly) lost:|still reachable: |^ERROR SUMMARY/p
s/^( *#[0-9]+) 0x[0-9a-f]+ in ([a-z_]+) .*\/((lost|five|reachable|root|cycle|memory|counted)\.[ch]:[0-9]+).*/\1 in \2 \3/p
s/^( *(at|by)) 0x[0-9A-F]+: (.*\((lost|five|reachable|root|cycle|memory|counted)\.[ch]:[0-9]+\))$/\1 \3/p
