# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shared with harness/guest
#
# The machines that harness/guest boots; harness/guest sources this after common.sh.

# guest_machine: for $arch, finds kernel and userland and sets how QEMU gets them
guest_machine() {
	local dir image accel=(-accel "tcg,thread=multi")
	[[ ! $icount ]] || accel=(-accel "tcg,thread=single" -icount "shift=0,sleep=off")
	kernel=${KERNEL:-$("$harness/kernel" "$arch" --image)} ||
		fail "no kernel; build it with harness/kernel $arch"
	case $arch in
	x86_64)
		need guest
		image=$("$harness/fetch/userland") || fail "no image of the guest's disk"
		# Without 5-level paging: an interrupt that comes just while
		# identify_cpu() has the CPU's features zeroed makes KASAN take
		# addresses for those of 4-level paging and complain.
		machine=(qemu-system-x86_64 "${accel[@]}" -cpu "max,la57=off"
			 -drive "file=${image//,/,,},if=virtio,format=raw,snapshot=on")
		machine_args="console=ttyS0 root=/dev/vda rw init=/sbin/guest-init no_timer_check"
		console_device=isa-serial bus=pci
		;;
	i386)
		need guest
		image=$("$harness/fetch/initramfs" i386) || fail "no initramfs for the guest"
		machine=(qemu-system-x86_64 "${accel[@]}" -cpu max -initrd "$image")
		machine_args="rdinit=/sbin/guest-init console=ttyS0 no_timer_check"
		console_device=isa-serial bus=pci
		;;
	s390x)
		need guest-s390x
		image=$("$harness/fetch/initramfs" s390x) || fail "no initramfs for the guest"
		machine=(qemu-system-s390x -M s390-ccw-virtio
			 "${accel[@]}" -cpu max -initrd "$image")
		machine_args="rdinit=/sbin/guest-init conmode=sclp console=ttyS0"
		console_device=sclplmconsole bus=ccw
		;;
	esac
	[[ -f $kernel ]] || fail "no kernel image at $kernel; build it with harness/kernel"
}
