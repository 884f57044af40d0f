# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
#
# The Debian packages that this machine needs; common.sh sources this.

# The packages by purpose, as PACKAGE:PROBE: a probe is a command, or a file if it
# begins with a slash.
dist=/usr/lib/python3/dist-packages
declare -A host_packages=(
	[source]="git:git python3:python3 xz-utils:xz"
	[kernel]="git:git gcc:gcc make:make flex:flex bison:bison bc:bc ccache:ccache
		  cpio:cpio rsync:rsync perl:perl python3:python3
		  libelf-dev:/usr/include/libelf.h
		  libssl-dev:/usr/include/openssl/ssl.h"
	[clang]="clang-19:clang-19"
	[i386]="gcc-i686-linux-gnu:i686-linux-gnu-gcc
		libc6-dev-i386-cross:/usr/i686-linux-gnu/include/stdio.h"
	[arm64]="gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc"
	[s390x]="gcc-s390x-linux-gnu:s390x-linux-gnu-gcc
		 libc6-dev-s390x-cross:/usr/s390x-linux-gnu/include/stdio.h"
	[guest]="qemu-system-x86:qemu-system-x86_64"
	[guest-s390x]="qemu-system-misc:qemu-system-s390x"
	[initramfs]="cpio:cpio"
	[userland]="mmdebstrap:mmdebstrap e2fsprogs:/sbin/mke2fs"
	[bpf]="gcc-bpf:bpf-gcc"
	[ynl]="python3-yaml:$dist/yaml/__init__.py
		python3-jsonschema:$dist/jsonschema/__init__.py"
	[lint]="shellcheck:shellcheck pyflakes3:pyflakes3 git:git"
	[docs]="python3-sphinx:/usr/bin/sphinx-build graphviz:/usr/bin/dot gcc:gcc"
	[manpage]="groff-base:groff mandoc:mandoc"
	[checkpatch]="python3-ply:$dist/ply/lex.py python3-git:$dist/git/__init__.py"
	[codespell]="codespell:$dist/codespell_lib/data/dictionary.txt"
	[coccinelle]="coccinelle:spatch libpython3.11-dev:/usr/lib/x86_64-linux-gnu/libpython3.11.so"
	[mail]="git-email:/usr/lib/git-core/git-send-email
		libmailtools-perl:/usr/share/perl5/Mail/Address.pm"
	[plot]="python3-matplotlib:$dist/matplotlib/__init__.py"
	[gcov]="gcc:gcov"
	[objects]="pahole:pahole binutils:objdump"
	[curl]="curl:curl"
)

# need PURPOSE...: install missing packages, or name them if that needs a password
need() {
	local purpose specs spec missing=()
	for purpose; do
		read -ra specs -d '' <<<"${host_packages[$purpose]}" || :
		for spec in "${specs[@]}"; do
			if ! probe "${spec#*:}" && [[ " ${missing[*]} " != *" ${spec%%:*} "* ]]; then
				missing+=("${spec%%:*}")
			fi
		done
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

probe() {
	case $1 in
	/*) [[ -e $1 ]] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}
