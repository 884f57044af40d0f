# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # harness/docs/check has the variables
#
# What harness/docs/check holds the page on notifications to: its tables name every
# errno of the code, its figures are the recorded ones, and the program that its
# C blocks make compiles and does in the guest what the page says.

# shellcheck disable=SC2034
linked_from=(iou-zcrx)

[[ -f $headers/linux/io_uring/zcrx_notif.h ]] ||
	die "no UAPI headers in $headers; build the kernel first: make kernel"

errnos() {
	python3 "$harness/docs/errnos.py" "$tree" "$page"
}

# What it costs: the tables are those of what harness/bench/run recorded.
figures() {
	python3 "$harness/bench/page.py" "$page"
}

# With the command that the page names.
example() {
	local extract liburing
	liburing=$("$harness/fetch/liburing") || return
	extract=$(sed -n '/^  sed -n /{N;s/^ *//;s/ > .*//;p}' "$page")
	[[ $extract == *" $name.rst" ]] ||
		{ echo "the page does not say how to extract its program"; return 1; }
	mkdir -p "$out/guest"
	(cd "$out/rst/networking" && bash -c "$extract") >"$out/zcrx-notif.c" || return
	gcc -O2 -Wall -Wextra -Werror -static -isystem "$headers" \
		-isystem "$liburing/include" -o "$out/guest/zcrx-notif" \
		"$out/zcrx-notif.c" -L"$liburing/lib" -luring
}

# Without a NIC all is copied.
in_guest() {
	"$harness/guest" -n docs -t 120 -d "$out/guest" -- \
		sh -c 'ip link set lo up && timeout 60 /host/zcrx-notif' >"$out/output" || return
	cat "$out/output"
	grep -qxE '([0-9]+) bytes received, \1 of them copied in [1-9][0-9]{0,3} pieces' "$out/output" &&
		grep -qxE '[1-9][0-9]{0,3} times without a buffer' "$out/output"
}

page_checks() {
	check "errors in the tables" errnos
	check "the figures of what it costs" figures
	check "the program" example
	((failed)) || check "the program in the guest" in_guest
}
