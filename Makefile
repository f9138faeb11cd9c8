# kexec-ts. `make demo` and `make check` do all that a fresh machine needs.

.PHONY: all build commands demo check test run-tests lint conformance fuzz bench kernel purgatory relocation payload guests picture devices findings limits verify-generated clean

INSTALLED := node_modules/.package-lock.json
DEMO_STATE := .cache/demo-state
DEMO := KEXEC_MACHINE=virt-2g KEXEC_STATE=$(DEMO_STATE)
DEMO_FILE := KEXEC_MACHINE=virt-file-2g KEXEC_STATE=$(DEMO_STATE)/file
DEMO_CRASH := KEXEC_MACHINE=virt-el2-4g KEXEC_STATE=$(DEMO_STATE)/crash

all: build

$(INSTALLED): package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

build: $(INSTALLED)
	npm run --silent build

# The commands without the types' being checked, which `make check` does.
commands: $(INSTALLED)
	npm run --silent bundle

demo: commands
	@rm -rf $(DEMO_STATE)
	@echo '== A recorded machine: arm64, 2 GB, Linux 6.1 =='
	bin/kexec-sim machines
	@echo
	@echo '== kexec -d -l Image --reuse-cmdline on it =='
	$(DEMO) bin/kexec -d -l machines/payload/Image --reuse-cmdline
	@echo
	@echo '== What its kernel now has =='
	$(DEMO) bin/kexec-sim segments
	@echo
	@echo '== kexec -e: the simulated kernel and processor execute it, until the new kernel switches the machine off =='
	$(DEMO) bin/kexec -d -e
	@echo
	@echo '== kexec_file_load, on a machine whose kernel has it: the kernel finds the places =='
	$(DEMO_FILE) bin/kexec -s -l machines/payload/Image --reuse-cmdline
	$(DEMO_FILE) bin/kexec-sim segments
	@echo
	@echo '== The debug log of a real kexec, beside ours =='
	bin/kexec-sim diff test/data/logs/virt-2g-2.0.25.txt --machine virt-2g -- -l machines/payload/Image --reuse-cmdline
	@echo
	@echo '== A panic, on the second of two processors: the crash kernel starts on it =='
	$(DEMO_CRASH) bin/kexec -p machines/payload/Image --append=maxcpus=1
	$(DEMO_CRASH) bin/kexec-sim panic --cpu 1 --until entry --save $(DEMO_STATE)/crashed > /dev/null
	@echo
	@echo '== Its dump, and the log of the kernel that died, out of it =='
	bin/kexec-sim vmcore $(DEMO_STATE)/vmcore --from $(DEMO_STATE)/crashed
	bin/vmcore-dmesg $(DEMO_STATE)/vmcore | tail -n 16

# Lint needs one processor only: it runs beside the tests.
check: build
	$(MAKE) --no-print-directory --jobs=2 lint run-tests

run-tests:
	npm test --silent

test: build run-tests

lint: $(INSTALLED)
	npx prettier --check --log-level warn .
	npx eslint .

# The real kexec-tools of four Debian releases, and ours, on the same input.
conformance: build
	npm run --silent conformance

fuzz: build
	npm run --silent fuzz

bench: build
	npm run --silent bench

# A real kernel for those who want one: Debian's arm64 cloud kernel, 27 MB. `make kernel SUITE=sid` takes another release's.
SUITE := bookworm

kernel: kernel/Image

kernel/Image:
	util/fetch-kernel.sh $@ $(SUITE)

# Needs gcc-aarch64-linux-gnu; the results are committed, so that nobody else does.
purgatory: build
	$(MAKE) -C purgatory
	@mkdir -p .cache
	bin/bin-to-hex purgatory < purgatory/purgatory.ro > .cache/purgatory.ts.new
	mv .cache/purgatory.ts.new kexec/arch/arm64/purgatory.ts

# The code of the simulated kernel that a machine executes on the way out of it.
relocation: build
	$(MAKE) -C sim/kernel/way-out
	@mkdir -p .cache
	bin/bin-to-hex relocation < sim/kernel/way-out/relocation.o > .cache/relocation.ts.new
	mv .cache/relocation.ts.new sim/kernel/way-out/relocation.ts

payload:
	$(MAKE) -C machines/payload

# docs/layers.svg, from the imports.
picture: build
	npm run --silent picture

# docs/devices.md, from the table of devices.
devices: build
	npm run --silent devices

# docs/findings.md, from the table of findings.
findings: build
	npm run --silent findings

# docs/limits.md, from the table of limits.
limits: build
	npm run --silent limits

# The small programs that the tests of the limits run.
guests:
	$(MAKE) -C test/data/guests

# Whether the commands above still make the committed bytes.
verify-generated: purgatory relocation payload guests picture devices findings limits
	git diff --exit-code --stat -- kexec/arch/arm64/purgatory.ts sim/kernel/way-out/relocation.ts machines/payload/Image \
		test/data/guests/guests.json docs/layers.svg docs/devices.md docs/findings.md docs/limits.md

clean:
	rm -rf dist .cache
	$(MAKE) -C purgatory clean
	$(MAKE) -C sim/kernel/way-out clean
