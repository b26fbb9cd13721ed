# make demo   a three-node network on this machine (ONCE=1: check it, tear it down, exit)
# make test   every check and test
# make test-vm  tests of IP-in-IP and WireGuard, under Debian's kernel in a virtual machine (TESTS=apps/felix/test/: others)
# make build  every program under dist/bin/
# make image  the container image, without pulling anything
# make help   this list

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export NX_DAEMON := false
export NX_TUI := false

.PHONY: demo test test-vm build image setup check lint typecheck format clean help

demo: build
	@dist/bin/lab demo

test: build
	@tools/ci/test.sh

test-vm: export WITH_VM = 1
test-vm: build
	@tools/vm/test.sh $(TESTS)

build: setup
	@node tools/build/build.ts

image: build
	@tools/image/build.sh

setup:
	@tools/setup.sh $(MAKECMDGOALS)

check: setup typecheck lint

typecheck: setup
	@tsc -p tsconfig.json

lint: setup
	@nx show projects >/dev/null
	@eslint .
	@prettier --check --log-level warn .

format: setup
	@prettier --write --log-level warn .

clean:
	@rm -rf dist libs/rpc/src/gen libs/netlink/native/build .nx

help:
	@sed -n 's/^# //p' Makefile
