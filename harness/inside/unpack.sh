# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Unpacks the tree that harness/selftests/pack packed; programs in the guest source it.

# unpack DIRECTORY: also sets up what its tests expect of a machine
unpack() {
	mkdir -p "$1/bin" && tar -xf "$(dirname "${BASH_SOURCE[0]}")/tree.tar" -C "$1" || exit
	# Without udev names settle at once; no module can be loaded by its name.
	ln -s /bin/true "$1/bin/udevadm"
	ln -s /bin/true "$1/bin/modprobe"
	export PATH=$1/bin:$PATH PYTHONDONTWRITEBYTECODE=1
}
