#!/bin/bash
# Rebuilds the objects of these tests from the sources beside this file. The objects are kept in the repository;
# only a change of the sources needs this, and clang-19 and llvm-19.
#   test/vm/objects/build.sh [--check]
# --check compares with the kept objects instead.
set -eu
cd "$(dirname "$0")"
CLANG=${CLANG:-clang-19}
STRIP=${LLVM_STRIP:-llvm-strip-19}
out=.
[ "${1:-}" = --check ] && out=$(mktemp -d) && trap 'rm -rf "$out"' EXIT

for source in graph cpumask; do
  "$CLANG" --target=bpf -mcpu=v3 -O2 -g -std=gnu11 -ffreestanding -Wall -Werror "-ffile-prefix-map=$PWD=." \
    -fdebug-compilation-dir=. -c $source.c -o "$out/$source.bpf.o"
  "$STRIP" -g "$out/$source.bpf.o" # DWARF goes; BTF and its relocations stay
  [ "$out" = . ] || cmp $source.bpf.o "$out/$source.bpf.o"
done
