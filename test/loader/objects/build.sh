#!/bin/bash
# Rebuilds the objects of the loader's tests from the sources beside this file. The objects are kept in the
# repository; only a change of the sources needs this, and clang-19 and llvm-19.
#   test/loader/objects/build.sh
set -eu
cd "$(dirname "$0")"
CLANG=${CLANG:-clang-19}
STRIP=${LLVM_STRIP:-llvm-strip-19}

build() { # SOURCE OBJECT FLAGS...
  local source=$1 object=$2
  shift 2
  "$CLANG" --target=bpf -O2 -g -std=gnu11 -ffreestanding -Wall -Wno-unused-function -Wno-unneeded-internal-declaration \
    -Wno-visibility -Wno-return-type -ffile-prefix-map="$PWD=." -fdebug-compilation-dir=. "$@" -c "$source" -o "$object"
  "$STRIP" -g "$object" # DWARF goes; BTF and its relocations stay
}

for source in kernel core iter maps externs link sections struct_ops legacy globals; do
  build $source.c $source.bpf.o -mcpu=v3
done
for cpu in v1 v2 v4; do build link.c link.$cpu.bpf.o -mcpu=$cpu; done
for source in kernel core iter maps link; do build $source.c $source.be.bpf.o -mcpu=v3 -mbig-endian; done
