#!/bin/bash
# Rebuilds the objects of these tests from the sources beside this file; only a change of them needs this, and clang-19.
#   test/vm/objects/build.sh [--check]
# --check compares with the kept objects instead.
set -eu
cd "$(dirname "$0")"
out=.
[ "${1:-}" = --check ] && out=$(mktemp -d) && trap 'rm -rf "$out"' EXIT
for source in *.bpf.c; do
  object=${source%.c}.o
  "${CLANG:-clang-19}" --target=bpf -mcpu=v3 -O2 -g -std=gnu11 -ffreestanding -Wall -Werror \
    "-ffile-prefix-map=$PWD=." -fdebug-compilation-dir=. -I../../../programs/include -c "$source" -o "$out/$object"
  "${LLVM_STRIP:-llvm-strip-19}" -g "$out/$object"
  [ "$out" = . ] || cmp "$object" "$out/$object"
done
