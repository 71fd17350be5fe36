#!/bin/bash
# Rebuilds the objects of the loader's tests from the sources beside this file. The objects are kept in the
# repository; only a change of the sources needs this, and clang-19, llvm-19 and rustc (1.95 made them).
#   test/loader/objects/build.sh
set -eu
cd "$(dirname "$0")"
CLANG=${CLANG:-clang-19}
STRIP=${LLVM_STRIP:-llvm-strip-19}
MC=${LLVM_MC:-llvm-mc-19}

build() { # SOURCE OBJECT FLAGS...
  local source=$1 object=$2
  shift 2
  "$CLANG" --target=bpf -O2 -g -std=gnu11 -ffreestanding -Wall -Wno-unused-function -Wno-unneeded-internal-declaration \
    -Wno-visibility -Wno-return-type -ffile-prefix-map="$PWD=." -fdebug-compilation-dir=. "$@" -c "$source" -o "$object"
  "$STRIP" -g "$object" # DWARF goes; BTF and its relocations stay
}

for source in kernel core iter maps externs link sections struct_ops legacy globals cilium; do
  build $source.c $source.bpf.o -mcpu=v3
done
for cpu in v1 v2 v4; do build link.c link.$cpu.bpf.o -mcpu=$cpu; done
for source in kernel core iter maps link legacy; do build $source.c $source.be.bpf.o -mcpu=v3 -mbig-endian; done

# Rust without a library: a stable compiler only has to be told that it may. It emits bitcode for BPF targets, for
# bpf-linker; without that, its assembly becomes the object.
build_rust() { # OBJECT DEBUGINFO
  local assembly
  assembly=$(mktemp)
  RUSTC_BOOTSTRAP=1 rustc --edition 2021 --target bpfel-unknown-none --crate-type lib --emit=asm -C opt-level=2 \
    -C panic=abort -C codegen-units=1 -C overflow-checks=off -C debuginfo="$2" -Z function-sections=no \
    --remap-path-prefix "$PWD=." aya.rs -o "$assembly"
  "$MC" -triple bpfel -mcpu=v3 -filetype=obj "$assembly" -o "$1"
  "$STRIP" -g "$1"
  rm "$assembly"
}
build_rust aya.bpf.o 0
build_rust aya.types.bpf.o 2

# An assembler's labels are no functions unless it is told so.
"$MC" -triple bpfel -filetype=obj labels.s -o labels.bpf.o
