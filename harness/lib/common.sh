# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The shared code of all shell programs: paths, long steps, host packages and the
# environment of a compiler. Source it; it sets strict mode.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
harness=$top/harness
# A tree is one base with its overlay and series. The first one is at the top.
tree=${TREE:-}
# shellcheck disable=SC2034 # the programs that hold a tree use it
root=$top${tree:+/$tree}
build=${ZCRX_BUILD:-$top/build}${tree:+/$tree}
cache=${ZCRX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/zcrx-notif}
logs=$build/logs
mkdir -p "$build" "$cache" "$logs"

say() { printf '%s\n' "$*" >&2; }
die() {
	local name=${0##*/}
	# a program called run is named by its room
	[[ $name != run || $0 == "$harness/run" ]] || name=$(basename "$(dirname "$0")")
	printf '%s: %s\n' "$name" "$*" >&2
	exit 1
}

# step WHAT LOG COMMAND...: run a long command with its output in the log. It prints
# WHAT and the time that it took, and every 20 seconds the progress; a failure
# prints the last lines of the log and the log's path.
step() {
	local what=$1 log=$2 start=$SECONDS pid rc=0 next=20
	shift 2
	mkdir -p "$(dirname "$log")"
	say "  $what ..."
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if ((SECONDS - start >= next)); then
			say "  ... $((SECONDS - start)) s: $(tail -n 1 "$log" | cut -c 1-100)"
			next=$((SECONDS - start + 20))
		fi
	done
	wait "$pid" || rc=$?
	if ((rc)); then
		say "  $what: failed ($rc) after $((SECONDS - start)) s"
		tail -n 25 "$log" | sed 's/^/  | /' >&2
		say "  the whole log: $log"
		return "$rc"
	fi
	say "  $what: $((SECONDS - start)) s"
}

# the names in series/order, one a line
series_names() { "$harness/tree/assemble" --list; }

# the build directory of BRANCH, as in harness/kernel
branch_build() { printf '%s\n' "$build${BRANCH:+/branch/$BRANCH}"; }

# make build/linux from the repository; KEEP=1 leaves it as it is
linux_tree() {
	[[ ${KEEP:-} == 1 ]] || "$harness/tree/assemble" >/dev/null
	[[ -d $build/linux ]] || die "there is no $build/linux to keep: make assemble"
}

as_root() {
	if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

# with_ccache DIRECTORY COMMAND...: use the compiler's cache, with paths relative to
# the directory, and keep dates and names out of the results. CC is harness/lib/cc.
# The namespace leaves out the boot images that were cached once in depend mode.
with_ccache() {
	local settings
	mapfile -t settings <"$harness/lib/compiler.env"
	env "${settings[@]}" CCACHE_DIR="$cache/ccache" CCACHE_BASEDIR="$1" "${@:2}"
}

# shellcheck source=harness/lib/packages.sh
source "$harness/lib/packages.sh"
