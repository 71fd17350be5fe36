#!/bin/bash
# Rebuilds the object of these tests from the source beside this file; only a change of it needs this, and clang-19.
#   test/library/objects/build.sh [--check]
# --check compares with the kept object instead.
set -eu
cd "$(dirname "$0")"
out=.
[ "${1:-}" = --check ] && out=$(mktemp -d) && trap 'rm -rf "$out"' EXIT
"${CLANG:-clang-19}" --target=bpf -mcpu=v3 -O2 -g -std=gnu11 -ffreestanding -Wall "-ffile-prefix-map=$PWD=." \
  -fdebug-compilation-dir=. -c limit.bpf.c -o "$out/limit.bpf.o"
"${LLVM_STRIP:-llvm-strip-19}" -g "$out/limit.bpf.o"
[ "$out" = . ] || cmp limit.bpf.o "$out/limit.bpf.o"
