# SPDX-License-Identifier: GPL-2.0
# Code as an assembler makes it: labels without a type, two programs of one section, a function that both call.
	.section socket_filter,"ax",@progbits
	.globl first
first:
	r1 = 1
	call helper
	if r0 > 7 goto done
	r0 += 1
done:
	exit
	.globl second
second:
	r1 = 2
	call helper
	exit

	.section xdp,"ax",@progbits
	r0 = 2
	exit

	.text
	.globl helper
helper:
	r0 = r1
	exit

	.section license,"aw",@progbits
	.asciz "GPL"
