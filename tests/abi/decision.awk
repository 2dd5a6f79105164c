# SPDX-License-Identifier: Apache-2.0
#
# What a straight path (see straight_path.awk) does and decides, in words that are the same however it is written. Each locked
# instruction gives its width and what it adds; each conditional jump says what of the word as it was before, `old`, leads off to the slow
# path. A sequence that is not known here is printed as it is, so that somebody looks at it.
#
# Why different instructions are one decision:
#	lock inc; jge			jge looks at the sign as if there had been no overflow: old + 1 >= 0, for all old. That is old >= -1
#	lock sub $1; jns; jb		the sign of the wrapped difference is clear for old from 1 on and for the lowest number; below 0,
#					unsigned, is old = 0 only. Together: not negative, or the lowest
#	neg; test; jle			the opposite is not positive: old not negative, or the lowest, whose opposite is itself
#	cmp $lowest; jbe		unsigned, the numbers up to the lowest are those that are not negative, and itself
#	cmp $n; jg			leads to the fast path where jle leads to the slow one

function constant(text) {
	sub(/^\$/, "", text)
	if (text == "0xffffffffffffffff" || text == "0xffffffff")
		return -1
	if (text == "0x8000000000000000")
		return "lowest"
	return text ~ /^0x/ ? small_number(text) : text + 0
}

# mawk has no strtonum().
function small_number(text,    i, number) {
	for (i = 3; i <= length(text); i++)
		number = 16 * number + index("0123456789abcdef", substr(text, i, 1)) - 1
	return number
}

function width(operation, register) {
	if (operation ~ /q$/ || register ~ /^%r([a-d]x|[sd]i|[0-9]+)$/)
		return 64
	if (operation ~ /l$/ || register ~ /^%(e|r[0-9]+d)/)
		return 32
	return "?"
}

function register_of(operands) {
	return substr(operands, 1, index(operands, ",(") - 1)
}

function decide(flags, jump) {
	if (flags == "inc" && jump == "jge")
		return "slow if old >= -1"
	if (flags == "sub 1" && jump == "jns jb")
		return "slow if old >= 0 or lowest"
	if (flags == "opposite" && jump == "jle")
		return "slow if old >= 0 or lowest"
	if (flags == "cmp lowest" && jump == "jbe")
		return "slow if old >= 0 or lowest"
	if (flags == "cmp 0" && jump == "jns")
		return "slow if old >= 0"
	if (flags ~ /^cmp -?[0-9]+$/ && jump == "jge")
		return "slow if old >= " substr(flags, 5)
	if (flags ~ /^cmp -?[0-9]+$/ && (jump == "jle" || jump == "jg"))
		return "slow if old <= " substr(flags, 5)
	if (flags == "cmpxchg" && jump == "jne")
		return "again if another was faster"
	return ""
}

$1 ~ /^call/ || $1 == "leaves" || $0 == "has no return" {
	print
	next
}

# A constant for the lower half of a register clears the upper one.
($1 == "mov" || $1 == "movabs") && $2 ~ /^\$/ {
	split($2, operand, ",")
	value[operand[2]] = constant(operand[1])
	if (operand[2] ~ /^%e/ && value[operand[2]] >= 0)
		value["%r" substr(operand[2], 3)] = value[operand[2]]
}

$1 == "lea" && $2 ~ /^0x1\(/ {
	print "one more"
}

$1 == "lock" && $2 ~ /^inc/ {
	print "add" width($2) " 1"
	flags = "inc"
}

$1 == "lock" && $2 ~ /^(sub|add)[lq]?$/ {
	split($3, operand, ",")
	print "add" width($2) " " ($2 ~ /^sub/ ? -constant(operand[1]) : constant(operand[1]))
	flags = substr($2, 1, 3) " " constant(operand[1])
}

$1 == "lock" && $2 == "xadd" {
	print "add" width($2, register_of($3)) " " value[register_of($3)]
	flags = ""
}

$1 == "lock" && $2 == "cmpxchg" {
	print "cmpxchg" width($2, register_of($3))
	flags = "cmpxchg"
}

$1 == "lock" && $2 !~ /^(inc|sub|add|xadd|cmpxchg)/ {
	print
}

$1 == "neg" {
	opposite[$2] = 1
}

$1 == "test" {
	split($2, operand, ",")
	flags = operand[1] in opposite ? "opposite" : "cmp 0"
}

$1 == "cmp" {
	split($2, operand, ",")
	flags = "cmp " (operand[1] in value ? value[operand[1]] : constant(operand[1]))
}

$1 ~ /^j/ && $1 != "jmp" {
	jumps = jumps (jumps == "" ? "" : " ") $1
	if (jumps != "jns" || flags != "sub 1") {
		said = decide(flags, jumps)
		# Where the fast path jumps, the slow one goes on here: with whether it is the last reference. That is decided already.
		if (led_off_fast)
			next
		print said == "" ? "unknown: " flags ", " jumps : said
		led_off_fast = jumps == "jg"
		jumps = ""
	}
}

END {
	if (jumps != "" && !led_off_fast)
		print "unknown: " flags ", " jumps
}
