# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # cache, logs, apt_opts are lib.sh's and its users'
#
# Debian packages for another architecture than this machine's; source it after
# lib.sh.

# foreign_apt ARCH: sets apt_opts as suite_apt sid does, for that architecture
# and with lists of their own
foreign_apt() {
	local arch=$1 dir=$cache/apt/sid-$1
	suite_apt sid
	apt_opts+=(-oDir::State::Lists="$dir/lists" -oDir::Cache="$dir/cache"
		   -oAPT::Architecture="$arch" -oAPT::Architectures="$arch")
	if [[ -n $(find "$dir/fetched" -mmin -720 2>/dev/null) ]]; then
		return 0
	fi
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	step "package lists of sid, $arch" "$logs/apt-$arch.log" \
		apt-get "${apt_opts[@]}" --error-on=any update
	touch "$dir/fetched"
}
