# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Runs in the guest, sourced: the tree that harness/selftests/pack packed.

# unpack DIRECTORY: with what the tests in it expect of a machine
unpack() {
	mkdir -p "$1/bin" && tar -xf "$(dirname "${BASH_SOURCE[0]}")/tree.tar" -C "$1" || exit
	# Without udev names settle at once; no module can be loaded by its name.
	ln -s /bin/true "$1/bin/udevadm"
	ln -s /bin/true "$1/bin/modprobe"
	export PATH=$1/bin:$PATH PYTHONDONTWRITEBYTECODE=1
}
