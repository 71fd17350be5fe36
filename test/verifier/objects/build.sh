#!/bin/bash
# Rebuilds the objects of these tests from the sources beside this file. The objects are kept in the repository;
# only a change of the sources needs this, and clang-19 and llvm-19.
#   test/verifier/objects/build.sh [--check]
# --check compares with the kept objects instead.
set -eu
cd "$(dirname "$0")"
CLANG=${CLANG:-clang-19}
STRIP=${LLVM_STRIP:-llvm-strip-19}
out=.
[ "${1:-}" = --check ] && out=$(mktemp -d) && trap 'rm -rf "$out"' EXIT

build() { # SOURCE OBJECT FLAGS...
  local source=$1 object=$2
  shift 2
  "$CLANG" --target=bpf -mcpu=v3 -O2 -std=gnu11 -ffreestanding -Wall -Wno-unused-variable -Wno-unused-function \
    -Wno-visibility -Wno-missing-declarations "-ffile-prefix-map=$PWD=." -fdebug-compilation-dir=. "$@" \
    -c "$source" -o "$out/$object"
  "$STRIP" -g "$out/$object" # DWARF goes; BTF and its relocations stay
  [ "$out" = . ] || cmp "$object" "$out/$object"
}

for source in types functions replace trace; do build $source.c $source.bpf.o -g; done
build plain.c plain.bpf.o
build ksyms.c ksym-found.bpf.o -g -DSYMBOL=linux_banner
build ksyms.c ksym-missing.bpf.o -g -DSYMBOL=no_such_thing
build ksyms.c ksym-ambiguous.bpf.o -g -DSYMBOL=type_show
build functions.c functions.be.bpf.o -g -mbig-endian
