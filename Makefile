# SPDX-License-Identifier: GPL-2.0
#
# The entry points. `make help` lists them; everything they do is in harness/.

mail_options = $(if $(REROLL),-v $(REROLL)) $(foreach c,$(MAIL_CC),--cc $(c))
names = names="$(or $(SERIES),$$(harness/tree/assemble --list))" || exit; for s in $$names

# The unpatched kernel is the branch below all series.
of_base = $(if $(BASE),BRANCH=base)

# Keep CMD as typed: make would expand its dollars.
quote = '
command = '$(subst $(quote),'\$(quote)',$(value CMD))'

.DEFAULT_GOAL := help
.PHONY: help run test test-all kunit fuzz coverage mutants arches commits kernel \
	kernel-path shell run-in-guest assemble refresh picture check series \
	series-check series-dry-run clean bench

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

run: ## everything from nothing: build, boot, receive through zcrx with notifications (cold 9 minutes)
	@$(of_base) harness/run

test: ## the tests (cold an hour); PARTS="guest net" for some
	@harness/test $(PARTS)

test-all: ## all tests: several hours
	@harness/test all

kunit: ## KUnit on user-mode Linux (cold 6 minutes, then seconds)
	@harness/selftests/kunit

fuzz: ## random programs on a kernel that checks itself; MINUTES=2, SEED=n repeats a run
	@harness/fuzz/run $(MINUTES) $(if $(SEED),--seed $(SEED))

coverage: ## the lines and branches of the series' code that all tests together reach: gcov on the debug kernel
	@harness/coverage/run

mutants: ## put faults into the kernel code, one by one: does a test notice?
	@harness/mutants/run

arches: ## i386, arm64, s390x, clang, odd configs; 32-bit programs, a 32-bit and a big-endian guest run the tests
	@harness/test arches

commits: ## each commit builds; the tests without a NIC run on its kernel
	@harness/test commits

bench: ## the cost of notifications, against the kernel without zcrx-notif; CHECK=1 compares with the recorded figures, RECORD=1 records
	@harness/bench/run $(if $(CHECK),--check) $(if $(RECORD),--record)

kernel: ## assemble and build the kernel; VARIANT=debug for the one that checks itself, BASE=1 the unpatched one
	@$(of_base) harness/kernel

kernel-path: ## print the path of the built image alone; BASE=1 of the unpatched one
	@$(of_base) harness/kernel --image

shell: ## a shell in the guest; build/ is at /host
	@harness/guest -t 86400 --shell

run-in-guest: ## CMD='...' runs in the guest, its exit status is make's
	@harness/guest -- bash -c $(command)

assemble: ## build/linux: the base with the series on it, as git branches
	@harness/tree/assemble

refresh: ## the way back: write commits made in build/linux to overlay and patches
	@harness/tree/refresh

picture: ## run what make run does and draw harness/docs/picture.svg from it
	@harness/docs/picture

check: ## checkpatch the series, build each of its commits
	@harness/tree/check

series: ## mails to send, in build/mail; SERIES=name for one, REROLL=2 MAIL_CC=...
	@$(names); do harness/tree/export $(mail_options) $$s || exit; done

series-check: ## all checks of a maintainer's robot: check, sparse, coccinelle, the documentation pages
	@harness/tree/check --all

series-dry-run: ## pass the mails through git send-email --dry-run, and show their recipients
	@$(names); do harness/tree/dry-run $$s $(mail_options) || exit; done

clean: ## remove build/; the cache stays
	@rm -rf build
