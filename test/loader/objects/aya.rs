// SPDX-License-Identifier: Apache-2.0
//! Programs and maps in the shape that aya gives them: maps are statics of the section "maps" (five numbers, an id and
//! how they are pinned), programs stand in sections with names of their own behind the kind, what they share is in
//! ".text". aya's crates need a nightly compiler; this is without any library, so that a stable one makes it.
#![no_std]
#![no_core]
#![no_main]
#![feature(intrinsics, no_core, lang_items, auto_traits, freeze_impls, negative_impls)]
#![allow(internal_features, non_camel_case_types, dead_code)]

#[lang = "pointee_sized"]
pub trait PointeeSized {}
#[lang = "meta_sized"]
pub trait MetaSized: PointeeSized {}
#[lang = "sized"]
pub trait Sized: MetaSized {}
#[lang = "copy"]
pub trait Copy {}
#[lang = "sync"]
pub unsafe trait Sync {}
unsafe impl Sync for u32 {}
unsafe impl Sync for [u8; 4] {}
#[lang = "legacy_receiver"]
pub trait LegacyReceiver {}
impl<T: PointeeSized> LegacyReceiver for &T {}
#[lang = "freeze"]
unsafe auto trait Freeze {}
#[lang = "phantom_data"]
struct PhantomData<T: PointeeSized>;
#[lang = "unsafe_cell"]
#[repr(transparent)]
struct UnsafeCell<T> {
    value: T,
}
impl<T> !Freeze for UnsafeCell<T> {}
/// The compiler puts its own code in place of this.
#[lang = "drop_in_place"]
unsafe fn drop_in_place<T: PointeeSized>(_place: *mut T) {}
#[lang = "eq"]
pub trait PartialEq<Rhs: PointeeSized = Self>: PointeeSized {
    fn eq(&self, other: &Rhs) -> bool;
    fn ne(&self, other: &Rhs) -> bool;
}
#[rustc_intrinsic]
unsafe fn volatile_load<T>(from: *const T) -> T;
#[lang = "add"]
pub trait Add<Rhs = Self> {
    type Output;
    fn add(self, rhs: Rhs) -> Self::Output;
}
impl Copy for u8 {}
impl Copy for u32 {}
impl Copy for u64 {}
impl Copy for usize {}
impl<T: Copy, const N: usize> Copy for [T; N] {}
impl<T: PointeeSized> Copy for *const T {}
impl<T: PointeeSized> Copy for *mut T {}
impl Add for u64 {
    type Output = u64;
    fn add(self, rhs: u64) -> u64 {
        self + rhs
    }
}
impl PartialEq for usize {
    fn eq(&self, other: &usize) -> bool {
        *self == *other
    }
    fn ne(&self, other: &usize) -> bool {
        *self != *other
    }
}

#[repr(C)]
struct bpf_map_def {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    id: u32,
    pinning: u32,
}

#[repr(transparent)]
pub struct Map<K, V> {
    def: UnsafeCell<bpf_map_def>,
    key: PhantomData<K>,
    value: PhantomData<V>,
}
unsafe impl<K, V> Sync for Map<K, V> {}

const fn map<K, V>(kind: u32, sizes: (u32, u32), max_entries: u32, pinning: u32) -> Map<K, V> {
    let (key_size, value_size) = sizes;
    let def = bpf_map_def { kind, key_size, value_size, max_entries, map_flags: 0, id: 0, pinning };
    Map { def: UnsafeCell { value: def }, key: PhantomData, value: PhantomData }
}

#[link_section = "maps"]
#[export_name = "SEEN"]
static SEEN: Map<u32, u64> = map(2, (4, 8), 1, 0);

#[link_section = "maps"]
#[export_name = "PORTS"]
static PORTS: Map<u32, u64> = map(1, (4, 8), 128, 1);

#[link_section = "license"]
#[no_mangle]
static LICENSE: [u8; 4] = *b"GPL\0";

/// What a loader sets before it loads (aya's EbpfLoader::set_global).
#[no_mangle]
static LIMIT: u32 = 7;

type Lookup = unsafe extern "C" fn(map: *const u8, key: *const u32) -> *mut u64;
/// A helper is a function at the address that is its number.
union Helper {
    number: usize,
    lookup: Lookup,
}

#[inline(never)]
unsafe fn count(map: *const u8, key: u32) -> u32 {
    let lookup = Helper { number: 1 }.lookup;
    let found = lookup(map, &key as *const u32);
    if found as usize == 0 {
        return 1;
    }
    *found = *found + 1;
    2
}

#[no_mangle]
#[link_section = "xdp/firewall"]
pub unsafe extern "C" fn firewall(_ctx: *mut u8) -> u32 {
    count(&SEEN as *const Map<u32, u64> as *const u8, 0)
}

#[no_mangle]
#[link_section = "classifier/egress"]
pub unsafe extern "C" fn egress(_ctx: *mut u8) -> u32 {
    count(&PORTS as *const Map<u32, u64> as *const u8, volatile_load(&LIMIT))
}

#[no_mangle]
#[link_section = "kprobe/do_unlinkat"]
pub unsafe extern "C" fn unlinked(_ctx: *mut u8) -> u32 {
    count(&SEEN as *const Map<u32, u64> as *const u8, 0);
    0
}
