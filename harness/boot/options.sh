# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shared with common.sh and harness/guest
#
# harness/guest's options; it sources this after common.sh.

usage() {
	cat <<-EOT
	usage: harness/guest [options] -- COMMAND [ARGUMENT]...
	       harness/guest [options] --shell [-- COMMAND [ARGUMENT]...]

	Boots the kernel in QEMU and runs COMMAND as root in the guest, its output
	on stdout, its input empty. --shell gives it (or a shell) this terminal.

	  -n NAME       name of the run, in the names of its log and results
	  -d DIR        shown read-only at /host in the guest (default: $build)
	  -e VAR=VALUE  environment of COMMAND, may be repeated
	  -t SECONDS    the guest is stopped after this long (default: 600)
	  -m MIB        memory (default: 1024)
	  -c CPUS       processors (default: 2)
	  -a ARCH       machine: x86_64, or i386, s390x, which have a small userland
	  -k ARGS       more arguments for the kernel
	  -q ARGS       more arguments for QEMU
	  --icount      one CPU, whose time is the number of its instructions
	  --no-judge    do not look for kernel complaints in the console log

	KERNEL=FILE boots another kernel image than harness/kernel's. Files that
	COMMAND leaves in /run/guest/results come out in $build/results/NAME, the
	console log in $logs/guest-NAME.console.log.

	Status: COMMAND's own; 124 after the time limit, 125 when the guest could
	not be run or died, 126 when COMMAND succeeded but the kernel complained.
	EOT
}

# fail MESSAGE: the run itself went wrong, whatever the command
fail() { say "guest: $*"; exit 125; }

bad_usage() { usage >&2; fail "$@"; }

# guest_options ARGUMENT...: sets the variables below and the array command
guest_options() {
	name=run share=$build limit='' memory=1024 cpus=2 arch=x86_64 kernel_args='' qemu_args=()
	shell='' judge=yes icount='' environment=()
	while (($#)); do
		case $1 in
		-[ndetmcakq]) (($# > 1)) || bad_usage "$1 wants a value" ;;&
		-n) name=$2; shift 2 ;;
		-d) share=$2; shift 2 ;;
		-e) environment+=("$2"); shift 2 ;;
		-t) limit=$2; shift 2 ;;
		-m) memory=$2; shift 2 ;;
		-c) cpus=$2; shift 2 ;;
		-a) arch=$2; shift 2 ;;
		-k) kernel_args=$2; shift 2 ;;
		-q) read -ra qemu_args <<<"$2"; shift 2 ;;
		--shell) shell=yes; shift ;;
		--icount) icount=yes cpus=1; shift ;;
		--no-judge) judge=''; shift ;;
		-h | --help) usage; exit 0 ;;
		--) shift; break ;;
		*) bad_usage "unknown option $1 (the command comes after --)" ;;
		esac
	done
	command=("$@")
	if [[ $shell ]]; then
		[[ -t 0 && -t 1 ]] || fail "--shell needs a terminal"
		(($#)) || command=(bash -i)
		: "${limit:=1000000}"
	fi
	((${#command[@]})) || bad_usage "no command"
	: "${limit:=600}"

	local value
	for value in "$limit" "$memory" "$cpus"; do
		[[ $value =~ ^[1-9][0-9]{0,6}$ ]] || fail "-t, -m and -c want a number, not '$value'"
	done
	[[ $name =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*$ ]] ||
		fail "-n '$name': letters, digits and . _ - only"
	case $arch in
	x86_64) ;;
	i386 | s390x) [[ ! $shell ]] || fail "--shell is for x86_64" ;;
	*) fail "-a '$arch': x86_64, i386 or s390x" ;;
	esac
	[[ ! $icount || $cpus == 1 ]] || fail "--icount is for one CPU"
	[[ -d $share ]] || fail "-d $share: no such directory"
	for value in "${environment[@]}"; do
		[[ $value =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || fail "-e '$value': not VAR=VALUE"
	done
}
