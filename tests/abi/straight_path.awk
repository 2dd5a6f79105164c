# SPDX-License-Identifier: Apache-2.0
#
# Prints the instructions of one function in the order in which they run when no conditional jump is taken, up to the return. Input:
# objdump -dr --no-show-raw-insn --disassemble=FUNCTION. A jump that leaves the function ends the path with `leaves`, and a call
# is printed as it stands, so the caller can look for both.

/^ *[0-9a-f]+:\t/ {
	address = $1
	sub(/:.*/, "", address)
	text = $0
	sub(/^[^\t]*\t/, "", text)
	order[++count] = address
	at[address] = count
	instruction[count] = text
	next
}

# A relocation belongs to the instruction before it; on a jump it means that the target is elsewhere.
/R_X86_64_/ {
	relocated[count] = 1
}

END {
	for (n = 1; n >= 1 && n <= count && steps++ < 1000; n++) {
		print instruction[n]
		split(instruction[n], word, /[ \t]+/)
		if (word[1] ~ /^(ret|repz|bnd)/)
			exit
		if (word[1] == "jmp") {
			if (relocated[n] || !(word[2] in at)) {
				print "leaves"
				exit
			}
			n = at[word[2]] - 1
		}
	}
	print "has no return"
}
