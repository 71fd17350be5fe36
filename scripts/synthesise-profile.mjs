#!/usr/bin/env node
// Makes btf.bin.gz of the 5.16+series profile from layouts.json and types.json beside it. Run after `npm run build:ts`.
import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { synthesiseBtf } from '../dist/kernel-model/extract/synthesise.js';

const folder = new URL('../kernel-model/profiles/5.16+series/', import.meta.url);
const read = (name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
const btf = synthesiseBtf(read('layouts.json'), read('types.json'));
writeFileSync(new URL('btf.bin.gz', folder), gzipSync(btf, { level: 9 }));
console.log(`${btf.length} bytes of BTF`);
