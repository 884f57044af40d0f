# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # harness/docs/check has the variables
#
# harness/docs/check uses this for the page on netdevsim: the kernel of the tests has
# the options that the page names, and the page's commands, one after the other, do in
# the guest what it says.

# shellcheck disable=SC2034
linked_from=(devlink/netdevsim iou-zcrx)

options() {
	local option rc=0
	while read -r option; do
		grep -qE "^$option=[ym]$" "$build/obj/.config" ||
			{ echo "the kernel that runs the commands has no $option"; rc=1; }
	done < <(grep -oE '\bCONFIG_[A-Z0-9_]+' "$page" | sort -u)
	return "$rc"
}

commands() {
	mkdir -p "$out/guest"
	sed -n '/^\.\. code-block:: shell$/,/^[^ ]/s/^  //p' "$page" >"$out/guest/page.sh"
	[[ -s $out/guest/page.sh ]] || { echo "the page has no commands"; return 1; }
	bash -n "$out/guest/page.sh"
}

# The tests and the tools that the commands name, from the tree
pack() {
	"$harness/selftests/build" && "$harness/selftests/pack" &&
		cp "$build/netselftests/tree.tar" "$harness"/inside/{run-page,unpack.sh} "$out/guest/"
}

# says PATTERN: does the output of the commands have it?
says() {
	grep -E "$1" "$out/output" >/dev/null || { echo "the commands did not print: $1"; return 1; }
}

in_guest() {
	local rc=0
	"$harness/guest" -n docs-netdevsim -t 300 -m 3072 -d "$out/guest" -- \
		/host/run-page >"$out/output" || rc=1
	cat "$out/output"
	says '^TCP data split:[[:space:]]+on$' || rc=1
	says '^HDS thresh:[[:space:]]+0$' || rc=1
	says 'Action: Direct to queue 1$' || rc=1
	says 'Action: Direct to RSS Context 1$' || rc=1
	says '^ok [0-9]+ iou-zcrx\.test_zcrx\.single$' || rc=1
	says '^ok [0-9]+ iou-zcrx\.test_zcrx\.rss$' || rc=1
	says '^ok [0-9]+ iou-zcrx\.test_zcrx_large_chunks$' || rc=1
	says '^# Totals: pass:[1-9][0-9]* fail:0 .* skip:0 error:0$' || rc=1
	says "'rx-alloc-fail': [0-9]+" || rc=1
	says '^ +RX: .* dropped' || rc=1
	says "'napi-id': [1-9]" || rc=1
	says "echo '1 3'" || rc=1
	return "$rc"
}

page_checks() {
	check "kernel options" options
	check "commands" commands
	((failed)) || check "what the commands need" pack
	((failed)) || check "the commands in the guest" in_guest
}
