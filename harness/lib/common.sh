# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the programs under harness/ and series/ share: where things lie, how long
# steps speak, host packages, and Debian packages from other suites.
# Source it; it sets strict mode.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${ZCRX_BUILD:-$top/build}
cache=${ZCRX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/zcrx-notif}
logs=$build/logs
# The programs use these, not this file.
# shellcheck disable=SC2034
debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$build" "$cache" "$logs"

say() { printf '%s\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# step WHAT LOG COMMAND...: run a long command with its output in the log. Says
# what it does and how long it took, every 20 seconds how far it is; a failure
# ends with the last lines of the log and the log's path.
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
series_names() { sed 's/[#[:space:]].*//; /^$/d' "$top/series/order"; }

as_root() {
	if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

# need_packages PACKAGE:PROBE...: a probe is a command, or a file if it begins
# with a slash. What is missing is installed where that can be done without a
# question, else named in one message.
need_packages() {
	local spec probe missing=()
	for spec; do
		probe=${spec#*:}
		case $probe in
		/*) [[ -e $probe ]] || missing+=("${spec%%:*}") ;;
		*) command -v "$probe" >/dev/null || missing+=("${spec%%:*}") ;;
		esac
	done
	((${#missing[@]})) || return 0
	if ! command -v apt-get >/dev/null; then
		die "install what these Debian packages have, then try again: ${missing[*]}"
	fi
	if ((EUID)) && ! sudo -n true 2>/dev/null; then
		die "not root and no sudo; install these packages, then try again:
  apt-get install ${missing[*]}"
	fi
	step "apt-get update" "$logs/apt-update.log" as_root apt-get update
	step "installing host packages: ${missing[*]}" "$logs/apt-install.log" \
		as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends "${missing[@]}"
}

# debian_mirror: the address the machine's own apt has for Debian's main archive
debian_mirror() {
	# shellcheck disable=SC2016 # the dollars are for apt
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' \
		'Created-By: Packages' |
		sed -n 's/^Debian|Debian|//p' | sort -u | head -n 1
}

# suite_apt SUITES: sets apt_opts to options that let apt-get and apt-cache see
# the named suites ("sid", "trixie-backports sid"), with lists of their own, so
# that the machine's configuration stays as it is. The lists are fetched when
# they are older than half a day.
suite_apt() {
	local suites=$1 dir mirror
	dir=$cache/apt/${suites// /+}
	apt_opts=(-oDir::State::Lists="$dir/lists" -oDir::Cache="$dir/cache"
		  -oDir::Etc::sourcelist="$dir/suite.sources"
		  -oDir::Etc::sourceparts=/dev/null -oAPT::Sandbox::User=root
		  -oAcquire::Check-Valid-Until=false)
	if [[ -n $(find "$dir/fetched" -mmin -720 2>/dev/null) ]]; then
		return 0
	fi
	mirror=$(debian_mirror)
	if [[ -z $mirror ]]; then
		step "apt-get update" "$logs/apt-update.log" as_root apt-get update
		mirror=$(debian_mirror)
	fi
	[[ -n $mirror ]] || die "apt on this machine has no source for Debian's main archive"
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	printf 'Types: deb deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
		"$mirror" "$suites" "$debian_keyring" >"$dir/suite.sources"
	step "package lists of $suites" "$logs/apt-suite.log" \
		apt-get "${apt_opts[@]}" --error-on=any update
	touch "$dir/fetched"
}
