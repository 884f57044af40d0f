# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # harness/docs/check has the variables
#
# harness/docs/check uses this for the page on events, in the tree for mainline: the
# tables name every errno of the code, and the example, which the page has as a whole,
# compiles and does in the guest what the page says.

# shellcheck disable=SC2034
linked_from=(iou-zcrx)

need_header linux/io_uring/query.h

example() {
	local liburing
	liburing=$("$harness/fetch/liburing") || return
	mkdir -p "$out/guest"
	sed -n '/^\.\. code-block:: c$/,$s/^  //p' "$page" >"$out/guest/example.c"
	[[ -s $out/guest/example.c ]] || { echo "the page has no program"; return 1; }
	gcc -Wall -Wextra -Werror -O2 -isystem "$headers" -isystem "$liburing/include" \
		-static -o "$out/guest/receive" "$out/guest/example.c" -L"$liburing/lib" -luring
}

# Without a NIC all is copied.
in_guest() {
	"$harness/guest" -n docs-events -t 120 -d "$out/guest" -- \
		timeout 60 /host/receive >"$out/output" || return
	cat "$out/output"
	grep -qxE '262144 bytes, 262144 copied; events: ALLOC_FAIL [1-9][0-9]*, COPY [1-9][0-9]*' \
		"$out/output"
}

page_checks() {
	check "errors in the tables" errnos
	check "the example" example
	((failed)) || check "the example in the guest" in_guest
}
