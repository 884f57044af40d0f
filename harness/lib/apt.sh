# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # cache, logs are common.sh's; apt_opts its users'
#
# Debian packages of suites and architectures other than this machine's. Source this
# after common.sh.

debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

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
