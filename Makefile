# connd: build, check, install. "make help" lists the targets.
#
#   make                    build/connd build/connctl build/connd-manager
#   make MODE=asan          the same programs under build/asan/, with ASan and UBSan
#   make WERROR=-Werror     warnings are errors (the checks build this way)
#   make V=1                shows the commands
#
# A new .c file needs no line here: each layer's directory tree is compiled whole into one
# archive, and each tests/unit/test_*.c becomes one test program.

MODE    ?= release
PREFIX  ?= /usr
DESTDIR ?=
PYTHON  ?= python3
WERROR  ?=
# The version of everything that is released together; the shim's file is its one place.
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' python-shim/src/airflow_connd/__init__.py)

Q   := $(if $(V),,@)
say  = @$(if $(V),:,printf '  %-3s %s\n' $(1) $(2))

B   := build/$(MODE)
BIN := $(if $(filter release,$(MODE)),build,$B)

# --- flags ---------------------------------------------------------------------------

# The one that is off: gcc 11 warns of members that a designated initializer leaves out when a macro
# made it.
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wimplicit-fallthrough -Wundef \
	-Wno-missing-field-initializers

# Control-flow integrity in hardware: each architecture has its own flag.
CFI_x86_64  := -fcf-protection=full
CFI_aarch64 := -mbranch-protection=standard
ARCH        := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))

HARDEN := -fPIE -fvisibility=hidden -fstack-protector-strong -fstack-clash-protection $(CFI_$(ARCH))

SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZE_fuzz := -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
# Not a sanitizer, but it is needed at the same places. Several processes write the same counters.
SANITIZE_coverage := --coverage -fprofile-update=atomic

CFLAGS_release := -O2 -D_FORTIFY_SOURCE=2
CFLAGS_asan    := -O1 -fno-omit-frame-pointer $(SANITIZE_asan)
CFLAGS_fuzz    := -O1 -fno-omit-frame-pointer $(SANITIZE_fuzz)
CFLAGS_coverage := -O0 $(SANITIZE_coverage) -include tests/coverage_exit.h

CPPFLAGS_ALL := -D_GNU_SOURCE -DCONND_VERSION='"$(VERSION)"' -I. -Idaemon -I$B \
		$(shell pkg-config --cflags libpq)
ALL_CFLAGS    = -std=gnu17 -g -pthread $(CFLAGS_$(MODE)) $(HARDEN) $(WARN) $(WERROR) \
		-MMD -MP $(CPPFLAGS_ALL) $(CFLAGS)
ALL_LDFLAGS   = -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(SANITIZE_$(MODE)) $(LDFLAGS)

# connd loads libcurl itself: daemon/edge/upstream/libcurl.h.
LIBS_connd   := -levent_core -levent_extra -lsodium -lz
LIBS_connctl := -lcurl -lcjson -lyaml -lsodium -lcrypto -lz
LIBS_manager := -levent_core -levent_extra -levent_openssl -lssl -lcrypto -lsodium -lsqlite3 -lpq
LIBS_unit    := -lcmocka $(LIBS_connd) $(LIBS_connctl) $(LIBS_manager)

# --- sources -------------------------------------------------------------------------

# Every .c file below a layer's directory, its subdirectories included.
sources = $(sort $(shell find $(1) -name '*.c'))

SRC_base    := $(call sources,daemon/base)
SRC_proto   := $(call sources,proto)
SRC_core    := $(call sources,daemon/core)
SRC_edge    := $(call sources,daemon/edge)
SRC_connd   := $(filter-out daemon/connd/main.c,$(call sources,daemon/connd))
SRC_manager := $(filter-out daemon/manager/program/main.c,$(call sources,daemon/manager))
SRC_ctl     := $(filter-out daemon/ctl/main.c,$(call sources,daemon/ctl))
SRC_test    := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))
LAYERS      := base proto core edge connd manager ctl test

MAIN_connd   := daemon/connd/main.c
MAIN_connctl := daemon/ctl/main.c
MAIN_manager := daemon/manager/program/main.c

PROGRAMS := $(BIN)/connd $(BIN)/connctl $(BIN)/connd-manager
UNIT     := $(patsubst %.c,$B/%,$(wildcard tests/unit/test_*.c))

# A file named here is there at compile time as "gen/<file name>.h", which defines
# static const char embed_<file name, other characters as _>[], NUL-terminated.
EMBED := $(wildcard proto/*.varlink proto/*.yaml daemon/manager/store/*/*.sql systemd/user/*)
# What daemon/manager/ui/README.md says of the page: in gen/page_files.h.
PAGE  := $(sort $(foreach type,css html js svg,$(wildcard daemon/manager/ui/*.$(type))))
GEN   := $(patsubst %,$B/gen/%.h,$(notdir $(EMBED))) $B/gen/page_files.h

obj      = $(patsubst %.c,$B/%.o,$(1))
archives = $(patsubst %,$B/lib%.a,$(1))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# --- programs ------------------------------------------------------------------------

.PHONY: all
all: $(PROGRAMS) ## build the three programs

$(BIN)/connd: $(call obj,$(MAIN_connd)) $(call archives,connd edge core proto base)
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_connd)

$(BIN)/connctl: $(call obj,$(MAIN_connctl)) $(call archives,ctl core proto base)
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_connctl)

$(BIN)/connd-manager: $(call obj,$(MAIN_manager)) $(call archives,manager proto base)
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_manager)

# Removed first: ar would keep the members whose sources are gone.
define archive_rule
$B/lib$(1).a: $(call obj,$(SRC_$(1)))
	@mkdir -p $$(@D)
	@rm -f $$@
	$Q$$(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call archive_rule,$l)))

# Rewritten when the compiler or its flags change, and everything is compiled again then. WERROR
# changes no object.
$B/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$(subst ",,$(CC) $(filter-out $(WERROR),$(ALL_CFLAGS)))" >$@.$$$$; \
	if cmp -s $@.$$$$ $@; then rm $@.$$$$; else mv $@.$$$$ $@; fi

.PHONY: FORCE

$B/%.o: %.c $B/flags | $(GEN)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$Q$(CC) $(ALL_CFLAGS) -c -o $@ $<

define embed_rule
$B/gen/$(notdir $(1)).h: $(1)
	@mkdir -p $$(@D)
	@{ echo '#pragma once'; \
	   echo 'static const char embed_$(shell echo '$(notdir $(1))' | tr -c 'A-Za-z0-9\n' _)[] = {'; \
	   od -An -v -td1 '$$<' | sed -E 's/-?[0-9]+/&,/g'; echo '0 };'; } >$$@
endef
$(foreach f,$(EMBED),$(eval $(call embed_rule,$f)))

# The list is in a file of its own, so that a page file that is removed is noticed too.
$B/gen/page_files.list: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(PAGE) >$@.$$$$; \
	if cmp -s $@.$$$$ $@; then rm $@.$$$$; else mv $@.$$$$ $@; fi

$B/gen/page_files.h: daemon/manager/ui/embed.sh $B/gen/page_files.list $(PAGE)
	@daemon/manager/ui/embed.sh $@ $(PAGE)

-include $(shell find $B -type f -name '*.d' 2>/dev/null)

# --- what the option tables say, checked in -------------------------------------------

GENERATE := $B/conf/generate

$(GENERATE): %: %.o $(call archives,ctl connd manager base)
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ -lsodium

.PHONY: generated check-generated
generated: $(GENERATE) ## write completions and manual pages anew from the option tables
	@conf/generate.sh $(GENERATE)

check-generated: $(GENERATE)
	@conf/generate.sh $(GENERATE) --check

# --- checks --------------------------------------------------------------------------

# The archives are static: a test takes from them what it uses, and what that stands on.
$(UNIT): %: %.o $B/tests/unit/filter.o $(call archives,$(LAYERS))
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) \
		-Wl,--end-group $(LIBS_unit)

# Sees each block before libc takes it back.
$B/tests/unit/test_base: LDFLAGS += -Wl,--wrap=free
# Moves the clock on.
$B/tests/unit/test_api_waiting: LDFLAGS += -Wl,--wrap=clock_boot_ms

SIM := $B/tests/sim/sim
FLEET := $B/tests/sim/fleet/fleet

# Programs of ours that Python tests compare with others.
HELPERS := $(patsubst %.c,$B/%,$(wildcard tests/lib/*.c))

# A connd-manager whose schema on PostgreSQL is one version ahead.
$B/tests/lib/newer_manager: $(call obj,$(MAIN_manager))

$(HELPERS): %: %.o $(call archives,manager proto base)
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS_manager)

FUZZ := $(patsubst %.c,$B/%,$(wildcard tests/fuzz/fuzz_*.c))

# What the benchmarks compare with; built with the tests, so that they go on compiling.
BENCH := $(patsubst %.c,$B/%,$(wildcard tests/bench/*.c))

# A wall clock that tests set.
WALL := $B/tests/chaos/wall.so

.PHONY: tests
tests: $(UNIT) $(SIM) $(FLEET) $(HELPERS) $(FUZZ) $(BENCH) certification $(WALL)

.PHONY: unit
unit: $(UNIT) ## build and run the C unit tests (MODE=asan: with sanitizers)
	@tests/unit/run.sh $(UNIT)

# Scenarios of the replica on virtual time, and the same with memory failing at each allocation.
$(SIM): $(call obj,$(wildcard tests/sim/*.c)) $(call archives,core base)
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ -lsodium

.PHONY: sim torture
sim: $(SIM) $(FLEET) ## run tests/sim/*.scn, the replica's rules as stories; a small fleet
	@$(SIM) $(wildcard tests/sim/*.scn)
	@$(FLEET) --sidecars 1000 --deployments 10 --managers 2 >$(FLEET).out || \
		{ cat $(FLEET).out; exit 1; }

torture: $(SIM) ## the scenarios with the 1st, 2nd, 3rd ... allocation failing
	@$(SIM) --torture $(wildcard tests/sim/*.scn)

# Many sidecars on virtual time: connd's own timing code, with what it calls replaced.
comma := ,
FLEET_REPLACES := clock_boot_ms rnd_between alarm_new alarm_free alarm_set loop_after_turn \
	loop_forget token_load upstream_fetch upstream_cancel upstream_takes_reports build_init \
	build_fini build_reset build_page build_finish build_dispose

$(FLEET): $(call obj,$(wildcard tests/sim/fleet/*.c)) $(call archives,edge core proto base)
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) $(patsubst %,-Wl$(comma)--wrap=%,$(FLEET_REPLACES)) -o $@ $^ \
		$(LIBS_connd)

# With MODE=fuzz and clang, libFuzzer drives a fuzzer; else a main() runs it on the files named.
FUZZ_DRIVER := $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer,$B/tests/fuzz/run_inputs.o)

$(FUZZ): %: %.o $(filter %.o,$(FUZZ_DRIVER)) $(call archives,$(LAYERS))
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $< $(FUZZ_DRIVER) -Wl,--start-group $(filter %.a,$^) \
		-Wl,--end-group $(LIBS_unit)

FUZZ_SECONDS ?= 30
FUZZ_CC      ?= clang

.PHONY: fuzzers fuzz-inputs fuzz
fuzzers: $(FUZZ)

fuzz-inputs: $(FUZZ) ## the fuzzers on the inputs that are kept, without clang
	@tests/fuzz/run.sh --inputs $(FUZZ)

fuzz: deps ## fuzz the parsers and the API, FUZZ_SECONDS=30 each, and the API by its description
	@$(MAKE) --no-print-directory MODE=fuzz CC=$(FUZZ_CC) fuzzers
	@echo "fuzz: built with $$($(FUZZ_CC) --version | head -n 1), $$(command -v $(FUZZ_CC))"
	@tests/fuzz/run.sh $(FUZZ_SECONDS) \
		$(patsubst %.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
	@$(MAKE) --no-print-directory MODE=asan all
	@SCHEMATHESIS=1 CONND_BUILD=$(CURDIR)/build/asan .venvs/dev/bin/python -m pytest -q \
		tests/e2e/test_manager_openapi.py tests/postgres/test_openapi.py \
		-k "finds_nothing and not few"
	@MODEL_EXAMPLES=$$(($(FUZZ_SECONDS) * 5)) CONND_BUILD=$(CURDIR)/build/asan .venvs/dev/bin/python \
		-m pytest -q tests/e2e/test_manager_model.py
	@MODEL_EXAMPLES=$(FUZZ_SECONDS) CONND_BUILD=$(CURDIR)/build/asan .venvs/dev/bin/python \
		-m pytest -q tests/postgres/test_model.py -k two_managers


# org.varlink.certification on our socket code; it has a serve_call() of its own.
CERTIFICATION := $B/tests/e2e/certification

$(CERTIFICATION): %: %.o $(call archives,edge core proto base)
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_connd) -lm

.PHONY: certification
certification: $(CERTIFICATION)

# Static analysis. One stamp a source file and tool; the object stands for the headers it was
# compiled with.
CHECKED := $(patsubst %.c,$B/%,$(filter-out tests/%,$(foreach l,$(LAYERS),$(SRC_$(l))) \
	$(MAIN_connd) $(MAIN_connctl) $(MAIN_manager)))

.PHONY: tidy analyzer cppcheck
tidy: $(addsuffix .tidy,$(CHECKED))
analyzer: $(addsuffix .analyzer,$(CHECKED))
cppcheck: $(addsuffix .cppcheck,$(CHECKED))

$B/%.tidy: %.c $B/%.o .clang-tidy
	$(call say,TIDY,$<)
	$Qclang-tidy --quiet $< -- -std=gnu17 $(CPPFLAGS_ALL) 2>$@.err || { cat $@.err >&2; exit 1; }
	@mv $@.err $@

# Left out: it does not see that a function which returned 0 has set what its caller passed.
$B/%.analyzer: %.c $B/%.o
	$(call say,ANA,$<)
	$Qgcc $(filter-out -MMD -MP,$(ALL_CFLAGS)) -Werror -fanalyzer -Wno-analyzer-null-dereference \
		-c -o /dev/null $<
	@touch $@

# Without the generated headers: it needs minutes for a large array.
$B/%.cppcheck: %.c $B/%.o tests/lint/cppcheck.txt
	$(call say,CPP,$<)
	$Qcppcheck -q --std=c11 --enable=warning,portability --library=posix --max-configs=1 \
		--suppressions-list=tests/lint/cppcheck.txt --error-exitcode=1 -D__GNUC__=12 \
		-D__$(ARCH)__ $(filter-out -I$B,$(CPPFLAGS_ALL)) $<
	@touch $@

.PHONY: coverage
coverage: deps ## which lines the tests run: a table of folders and files (gcov; some minutes)
	@$(MAKE) --no-print-directory -j"$$(nproc)" MODE=coverage all \
		$(patsubst $B/%,build/coverage/%,$(UNIT) $(SIM) $(HELPERS))
	@.venvs/dev/bin/python tests/coverage.py build/coverage

.PHONY: test
test: deps ## everything: unit (release, asan), end to end, the shim, Airflow, systemd
	@tests/run.sh $(STAGES)

.PHONY: demo
demo: deps ## a manager, two connd and a real Airflow 3.3, from an API call to a task's value
	@$(MAKE) --no-print-directory -j"$$(nproc)" all
	@CONND_BUILD=$(BIN) tests/demo/demo.sh


$(BENCH): %: %.o $(call archives,manager proto base)
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_manager) $(LDLIBS)

$B/tests/bench/parse: LDLIBS := -lcjson

# matplotlib, which draws the plots, is in the tools' environment.
BENCH_PYTHON := $(firstword $(wildcard .venvs/dev/bin/python) $(PYTHON))

.PHONY: bench long-run scale
bench: all $(BENCH) ## everything beside bases of this machine, and what has moved (KEEP=1, PEERS=1)
	@tests/airflow/venvs.sh airflow33 $(if $(PEERS),providers33)
	@CONND_BUILD=$(BIN) $(BENCH_PYTHON) tests/bench/run.py $B/tests/bench $(if $(KEEP),--keep) $(if $(PEERS),--peers) \
		$(if $(ONLY),--only $(ONLY))

long-run: all $(BENCH) ## 50 million lookups and a week of refreshes: LONG_RUN="--lookups 1000000"
	@CONND_BUILD=$(BIN) $(BENCH_PYTHON) tests/bench/long_run.py $B/tests/bench $(LONG_RUN)

scale: all $(FLEET) ## one manager with 10 000 waiting clients; 100 000 sidecars on virtual time
	@CONND_BUILD=$(BIN) $(BENCH_PYTHON) tests/bench/scale.py $(FLEET) $(SCALE)

# Faults, end to end; make test runs a shorter round of it.
ASK := $B/tests/chaos/ask

$(ASK): %: %.o
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $<

.PHONY: test-distros
test-distros: ## the packages on Debian 13, Ubuntu 22.04 and 24.04 (root): DISTROS=debian-13
	@tests/deps.sh debootstrap
	@tests/distros/run.sh $(DISTROS)

.PHONY: chaos chaos-client
chaos-client: $(ASK) $(WALL)

$(WALL): tests/chaos/wall.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$Q$(CC) -std=gnu17 -O2 $(WARN) $(WERROR) -D_GNU_SOURCE -fPIC -shared -o $@ $<

chaos: deps all chaos-client ## every fault in turn: lookups and log lines (SOAK=1: hours of it)
	@CONND_BUILD=$(BIN) CHAOS=$(if $(SOAK),soak,full) .venvs/dev/bin/python -m pytest -q -n 4 \
		--timeout 1200 tests/chaos $(CHAOS_OPTIONS)

.PHONY: failover
failover: deps all ## failures of two managers on PostgreSQL, 20 times each, under load
	@CONND_BUILD=$(BIN) FAILOVER=full .venvs/dev/bin/python -m pytest -q --timeout 1800 \
		tests/postgres/test_rounds.py $(FAILOVER_OPTIONS)

.PHONY: screenshots
screenshots: deps all ## a picture of every page of the Environment page: light, dark, narrow
	@CONND_BUILD=$(BIN) .venvs/dev/bin/python tests/ui/screenshots.py build/screenshots
	@echo "screenshots: in build/screenshots"

.PHONY: lint
lint: deps ## the static checks
	@tests/lint/run.sh $(CHECKS)

.PHONY: format
format: ## bring C, Python and the page into the house style
	@git ls-files -co --exclude-standard -- '*.[ch]' | while read -r f; do [ ! -f "$$f" ] || echo "$$f"; done | \
		xargs clang-format -i
	@.venvs/dev/bin/ruff format -q . && .venvs/dev/bin/ruff check -q --fix .
	@.venvs/dev/bin/biome format --write --config-path=tests/lint/biome.json daemon/manager/ui

# --- the rest ------------------------------------------------------------------------

# Debian packages. CLANG in a name stands for the major version of the clang that is installed.
APT_BUILD := gcc make pkg-config libc6-dev \
	libevent-dev libcjson-dev libcurl4-openssl-dev libsodium-dev libsqlite3-dev libssl-dev \
	libpq-dev libyaml-dev zlib1g-dev
APT_TEST := libcmocka-dev clang libclang-rt-CLANG-dev clang-format clang-tidy cppcheck shellcheck \
	mandoc varlink-go zsh fish \
	systemd dbus libnss-systemd prometheus procps util-linux strace gdb binutils nginx \
	podman runc catatonit qemu-user-static chromium chromium-driver fonts-dejavu-core \
	postgresql pgbouncer python3 python3-venv python3-dev git curl ca-certificates openssl

.PHONY: build-deps deps
build-deps: ## install what building needs, and no more (root or sudo)
	@tests/deps.sh $(APT_BUILD)

deps: ## install what building and testing need (root or sudo)
	@tests/deps.sh --python '$(PYTHON)' $(APT_BUILD) $(APT_TEST) $(APT_IMAGE)

# --- installing and packages ---------------------------------------------------------

UNITDIR      ?= $(PREFIX)/lib/systemd/system
USERUNITDIR  ?= $(PREFIX)/lib/systemd/user
SYSUSERSDIR  ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR  ?= $(PREFIX)/lib/tmpfiles.d
EXAMPLES     := $(PREFIX)/share/doc/connd/examples
CONFIGS      := conf/connd.conf conf/connd-manager.conf
AS_EXAMPLES  := $(CONFIGS) $(wildcard conf/prometheus/*) conf/airflow/airflow-worker.conf

# Of a file in this tree: where it is installed.
installed_man  = $(PREFIX)/share/man/man$(subst .,,$(suffix $(1)))/$(notdir $(1))
installed_unit = $(if $(filter systemd/user/%,$(1)),$(USERUNITDIR),$(UNITDIR))/$(notdir $(1))
# connctl.bash: each shell has a directory and a form of name of its own.
completion_bash = $(PREFIX)/share/bash-completion/completions/$(1)
completion_zsh  = $(PREFIX)/share/zsh/vendor-completions/_$(1)
completion_fish = $(PREFIX)/share/fish/vendor_completions.d/$(1).fish
installed_completion = $(call completion_$(subst .,,$(suffix $(1))),$(basename $(notdir $(1))))
COMPLETIONS   := $(wildcard conf/completions/*)
UNITS         := $(wildcard systemd/*.service systemd/*.socket systemd/*.timer systemd/user/*)
INSTALLED     := $(patsubst $(BIN)/%,$(PREFIX)/bin/%,$(PROGRAMS)) \
	$(foreach f,$(wildcard conf/man/*),$(call installed_man,$f)) \
	$(foreach f,$(COMPLETIONS),$(call installed_completion,$f)) \
	$(foreach f,$(UNITS),$(call installed_unit,$f)) \
	$(patsubst systemd/%.sysusers,$(SYSUSERSDIR)/%.conf,$(wildcard systemd/*.sysusers)) \
	$(patsubst systemd/%.tmpfiles,$(TMPFILESDIR)/%.conf,$(wildcard systemd/*.tmpfiles)) \
	$(addprefix $(EXAMPLES)/,$(notdir $(AS_EXAMPLES)))

# A configuration that is there already is the operator's and stays.
.PHONY: install uninstall
install: $(PROGRAMS) ## programs, units, manual pages, completions, example configurations; honours DESTDIR and PREFIX
	install -D -t $(DESTDIR)$(PREFIX)/bin $(PROGRAMS)
	$(foreach f,$(wildcard conf/man/*),install -D -m 0644 $f $(DESTDIR)$(call installed_man,$f) &&) :
	$(foreach f,$(COMPLETIONS),install -D -m 0644 $f $(DESTDIR)$(call installed_completion,$f) &&) :
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(USERUNITDIR)
	$(foreach f,$(UNITS),sed 's,/usr/bin/conn,$(PREFIX)/bin/conn,' $f >$(DESTDIR)$(call installed_unit,$f) &&) :
	chmod 0644 $(addprefix $(DESTDIR),$(foreach f,$(UNITS),$(call installed_unit,$f)))
	$(foreach f,$(wildcard systemd/*.sysusers),install -D -m 0644 $f \
		$(DESTDIR)$(SYSUSERSDIR)/$(patsubst %.sysusers,%.conf,$(notdir $f)) &&) :
	$(foreach f,$(wildcard systemd/*.tmpfiles),install -D -m 0644 $f \
		$(DESTDIR)$(TMPFILESDIR)/$(patsubst %.tmpfiles,%.conf,$(notdir $f)) &&) :
	install -D -m 0644 -t $(DESTDIR)$(EXAMPLES) $(AS_EXAMPLES)
	install -d $(DESTDIR)/etc/connd
	for f in $(CONFIGS); do \
		[ -e $(DESTDIR)/etc/connd/$${f##*/} ] || install -m 0644 $$f $(DESTDIR)/etc/connd || exit 1; done

uninstall: ## remove what install put there; configurations, keys and data stay
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(EXAMPLES) $(dir $(DESTDIR)$(EXAMPLES)) 2>/dev/null

APT_PACKAGE := build-essential dpkg-dev debhelper dh-python pybuild-plugin-pyproject python3-all python3-hatchling lintian fakeroot
# The publisher of the packages, as "Name <address>".
MAINTAINER ?= connd maintainers <maintainers@connd.example>

.PHONY: deb
deb: ## build the Debian packages into dist/ and check them with lintian
	@tests/deps.sh $(APT_BUILD) $(APT_PACKAGE)
	@conf/debian/build.sh '$(VERSION)' '$(MAINTAINER)' dist

.PHONY: dist
# DIST_IMAGE= leaves the image out.
dist: DIST_IMAGE ?= image
dist: deps deb ## a release in dist/: packages, wheel, image, SPDX document, checksums (root)
	@[ -z '$(DIST_IMAGE)' ] || $(MAKE) --no-print-directory image
	@conf/dist/build.sh '$(VERSION)' dist

IMAGE_ARCHITECTURES ?= amd64 arm64
IMAGE_DIR           ?= dist
# The compilers of the architectures that this machine does not have.
CROSS     := $(filter-out $(shell dpkg --print-architecture 2>/dev/null),$(IMAGE_ARCHITECTURES))
APT_IMAGE := gcc make git binutils buildah mmdebstrap gpg debian-archive-keyring \
	$(patsubst amd64,gcc-x86-64-linux-gnu,$(patsubst arm64,gcc-aarch64-linux-gnu,$(CROSS)))

.PHONY: image
image: ## build the container image into dist/ and the local storage (root): IMAGE_ARCHITECTURES=amd64
	@tests/deps.sh $(APT_IMAGE)
	@conf/container/build.sh '$(VERSION)' '$(IMAGE_DIR)' $(IMAGE_ARCHITECTURES)

.PHONY: compose-demo
compose-demo: deps ## conf/compose with podman: a manager, connd and Airflow, and a lookup (root)
	@conf/container/build.sh '$(VERSION)' build/image/dist "$$(dpkg --print-architecture)"
	@tests/compose/demo.sh

.PHONY: clean
clean: ## remove everything that was built (not the virtual environments)
	rm -rf build dist

.PHONY: help
help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20
