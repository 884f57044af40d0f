# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # harness/test has the variables
#
# The guests that run selftests, for parts of harness/test and for harness/coverage/run.
# BRANCH and VARIANT name the kernel, as for harness/kernel; $name is the name of the run.

# The programs that pass on mainline with zcrx-events alone. Not here: zcrx_refill and parts
# of zcrx_recv_stream, whose bugs only the first tree mends, and zcrx_notif_fault_*, which
# need the debug kernel.
mainline_programs=(cqe32 region_size zcrx_notif_{arm,disabled,event,large_region,lifetime}
	zcrx_notif_{linear,litmus,order,overflow,receive,register,register_fail,stats,storm}
	zcrx_notif_{threads,wake} zcrx_recv_stall)

# guest_selftests SECONDS SECONDS_OF_ONE [PROGRAM...]: of $selftests, or of $build. The
# default is all programs, or those that mainline passes.
guest_selftests() {
	local programs=("${@:3}")
	[[ ${programs[*]} || ${TREE-} != mainline ]] ||
		programs=("${mainline_programs[@]}" zcrx_recv_stream:urgent)
	"$harness/guest" -n "$name" -t "$1" -m 5120 -e SELFTEST_TIMEOUT="$2" \
		-d "${selftests:-$build/selftests/io_uring}" -- /host/run-selftests "${programs[@]}"
}

# net_selftests SECONDS SECONDS_OF_ONE [TEST...]: a test for NICs gets devices with
# $queues queues, or two
net_selftests() {
	local tests=("${@:3}")
	if ((!${#tests[@]})); then
		mapfile -t tests < <("$harness/selftests/pack" --zcrx)
		((${#tests[@]})) || return
	fi
	"$harness/guest" -n "$name" -t "$1" -m 3072 -e SELFTEST_TIMEOUT="$2" \
		-e PAIR_QUEUES="${queues:-2}" \
		-d "$(branch_build)/netselftests" -- \
		/host/run-netselftests "${tests[@]}"
}

kunit_suites() { sed -n 's/^\t\.name = "\(.*\)",$/\1/p' "$build"/linux/io_uring/tests/*.c; }

kunit_in_guest() {
	local suites
	mapfile -t suites < <(kunit_suites)
	"$harness/guest" -n "$name" -t 180 -d "$harness/inside" -- /host/run-kunit "${suites[@]}"
}
