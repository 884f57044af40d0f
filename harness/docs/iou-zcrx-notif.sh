# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # harness/docs/check has the variables
#
# harness/docs/check uses this for the page on notifications: the tables name every
# errno of the code, and the example compiles and does in the guest what the page
# says.

# shellcheck disable=SC2034
linked_from=(iou-zcrx)

need_header linux/io_uring/zcrx_notif.h

example() {
	local liburing
	liburing=$("$harness/liburing/library") || return
	make -C "$tree/tools/net/zcrxmon" O="$out/guest" KHDR="$headers" LIBURING="$liburing" \
		CFLAGS="-O2 -Werror" LDFLAGS=-static "$out/guest/notif_example"
}

# Without a NIC all is copied.
in_guest() {
	"$harness/guest" -n docs -t 120 -d "$out/guest" -- \
		sh -c 'ip link set lo up && timeout 60 /host/notif_example' >"$out/output" || return
	cat "$out/output"
	grep -qxE '([0-9]+) bytes received, \1 of them copied in [1-9][0-9]{0,3} pieces' "$out/output" &&
		grep -qxE '[1-9][0-9]{0,3} times without a buffer' "$out/output"
}

page_checks() {
	check "errors in the tables" errnos
	check "the example" example
	((failed)) || check "the example in the guest" in_guest
}
