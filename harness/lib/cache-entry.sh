# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # cache is common.sh's
#
# An entry of the cache is a directory with a file `stamp`: the key of its sources,
# and the size, time and sha256 of every file in it. Source this after common.sh.
# Make an entry in entry_new's directory, then entry_keep it.

# entry_lock NAME: until this program ends, no other program makes NAME
entry_lock() {
	exec {entry_lock_fd}>"$cache/$1.lock"
	flock -n "$entry_lock_fd" || {
		say "  waiting for another run that makes $cache/$1 ..."
		flock "$entry_lock_fd"
	}
}

entry_stat() { (cd "$1" && find . -type f ! -name stamp -printf '%P %s %T@\n' | sort); }
entry_sums() { (cd "$1" && find . -type f ! -name stamp -print0 | sort -z | xargs -0 sha256sum); }

# entry_stamp DIR KEY: the stamp that fits the directory as it is
entry_stamp() {
	printf '%s\n%s\n--\n%s\n' "$2" "$(entry_stat "$1")" "$(entry_sums "$1")"
}

# entry_whole DIR KEY: does it exist, is it made from KEY, and unchanged? Contents
# are read only when a size or a time differs from the stamp.
entry_whole() {
	local dir=$1 key=$2 stamp now
	[[ -d $dir ]] || return 1
	stamp=$(cat "$dir/stamp" 2>/dev/null) || stamp=
	if [[ ${stamp%%$'\n'*} != "$key" ]]; then
		say "  $dir: from another version or half made, not used"
		return 1
	fi
	[[ $stamp != "$key"$'\n'"$(entry_stat "$dir")"$'\n--\n'* ]] || return 0
	now=$(entry_sums "$dir")
	if [[ -z $now || $stamp != *$'\n--\n'"$now" ]]; then
		say "  $dir: damaged (files differ from its stamp), not used"
		return 1
	fi
	# Same contents with other times, as after a copy: note the times.
	stamp=$(entry_stamp "$dir" "$key")
	printf '%s\n' "$stamp" >"$dir/stamp"
}

# entry_new: sets entry_dir, a temporary directory that goes away at exit
entry_new() {
	entry_dir=$(mktemp -d "$cache/new.XXXXXX")
	trap 'as_root rm -rf --one-file-system "$entry_dir"' EXIT
}

# entry_keep DIR KEY: the new entry is complete; move it to DIR
entry_keep() {
	entry_stamp "$entry_dir" "$2" >"$entry_dir/stamp"
	chmod 755 "$entry_dir"
	rm -rf "$1"
	mv -T "$entry_dir" "$1"
}
