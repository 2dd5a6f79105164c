# SPDX-License-Identifier: Apache-2.0
#
# The front door. All work is meson's (meson.build) and that of the scripts in scripts/.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
export BUILD

.DEFAULT_GOAL := build
.PHONY: build help demo check check-all lint bench fuzz install clean

help: ## this list
	@echo 'make [target] [BUILD=folder]'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)$$/    \1\t\2/p' Makefile | expand -t 20

build: ## the command, the libraries and the examples (what a plain `make` does)
	@scripts/configure $(BUILD)
	@ninja -C $(BUILD)

demo: ## show it at work on /usr/include; installs what it needs on a Debian
	@scripts/demo

check: ## the tests; installs what they need on a Debian
	@scripts/check

check-all: ## the tests, the slow ones too, and those under the sanitizers
	@scripts/check-all

lint: ## format, static analysis, shell scripts, sizes and layers; changes no file
	@scripts/lint

bench: ## the figures, beside those of peers in the same run; installs what they need on a Debian
	@scripts/bench

fuzz: ## give the readers of files mutated input for 20 minutes each; needs clang
	@scripts/fuzz

install: ## install into PREFIX=/usr/local, below DESTDIR if that is set
	@scripts/install-into '$(PREFIX)' '$(DESTDIR)'

clean: ## remove all build folders
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-clang $(BUILD)-fuzz $(BUILD)-aarch64 $(BUILD)-aarch64-root*
