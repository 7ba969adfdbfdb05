// Builds the programs for the kernel with clang, as a flat image that the addon loads without an ELF library:
//   node scripts/build-bpf.mjs [--if-possible] [--check]
//
// The image (prebuilds/relay.bpf.json) holds the maps, the instructions of each program, and which of them refer to
// which map. The same clang makes the same image of the same source; --check says whether it is the one that is there.
// It needs clang and the headers of libbpf (Debian: clang, libbpf-dev); users need neither.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = resolve(import.meta.dirname, '..')
const SOURCES = ['relay.c', 'relay.h'].map(name => join(ROOT, 'bpf', name))
const IMAGE = join(ROOT, 'prebuilds', 'relay.bpf.json')
const PROGRAMS = ['tc', 'xdp']
const FLAGS = ['-target', 'bpf', '-mcpu=v3', '-O2', '-g0', '-Wall', '-Wextra', '-Werror', '-c']

const { values: options } = parseArgs({
  options: { 'if-possible': { type: 'boolean', default: false }, check: { type: 'boolean', default: false } },
})

if (options['if-possible'] && isCurrent()) process.exit(0)
const image = build()
if (image === undefined) process.exit(options['if-possible'] ? 0 : 1)
const text = `${JSON.stringify(image, null, 1)}\n`
if (options.check) {
  const same = existsSync(IMAGE) && readFileSync(IMAGE, 'utf8') === text
  console.log(same ? 'the image is the one of this source' : 'the image is another')
  process.exit(same ? 0 : 1)
}
mkdirSync(join(ROOT, 'prebuilds'), { recursive: true })
writeFileSync(IMAGE, text)

function isCurrent() {
  return existsSync(IMAGE) && SOURCES.every(source => statSync(source).mtimeMs <= statSync(IMAGE).mtimeMs)
}

function build() {
  const directory = mkdtempSync(join(tmpdir(), 'taciturn-bpf-'))
  try {
    const object = join(directory, 'relay.o')
    const built = spawnSync('clang', [...FLAGS, ...systemHeaders(), '-o', object, SOURCES[0]], {
      encoding: 'utf8',
    })
    if (built.status === 0) return imageOf(readFileSync(object))
    if (!options['if-possible']) console.error(built.error ? 'clang is not installed' : built.stderr)
    else console.error('no clang, or no headers of libbpf, for the kernel forwarder; going on without it')
    return undefined
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Where Debian keeps asm/types.h, which clang does not look for when it compiles for BPF. */
function systemHeaders() {
  try {
    const triple = execFileSync('cc', ['-print-multiarch'], { encoding: 'utf8' }).trim()
    return triple === '' ? [] : ['-I', `/usr/include/${triple}`]
  } catch {
    return []
  }
}

/** Reads the ELF object: little-endian, 64 bits. */
function imageOf(elf) {
  const sections = sectionsOf(elf)
  const named = name => sections.find(section => section.name === name)
  const symbols = symbolsOf(
    sections.find(({ type }) => type === 2),
    sections,
  )
  const maps = symbols
    .filter(({ section }) => sections[section]?.name === 'maps')
    .sort((a, b) => a.value - b.value)
    .map(({ name, value }) => ({ name, ...definitionAt(named('maps').octets, value) }))
  const programs = PROGRAMS.map(name => {
    const section = named(name)
    const relocations = []
    for (const { octets } of sections.filter(({ name: of }) => of === `.rel${name}`)) {
      for (let at = 0; at < octets.length; at += 16) {
        const symbol = symbols[Number(octets.readBigUInt64LE(at + 8) >> 32n)]
        const map = maps.findIndex(map => map.name === symbol.name)
        if (map < 0) throw new Error(`${name} refers to ${symbol.name || 'a section'}, which is not a map`)
        relocations.push([Number(octets.readBigUInt64LE(at)) / 8, map])
      }
    }
    return { name, code: section.octets.toString('base64'), relocations }
  })
  return { license: named('license').octets.toString('latin1').replace(/\0.*/s, ''), maps, programs }
}

function sectionsOf(elf) {
  const at = Number(elf.readBigUInt64LE(40))
  const size = elf.readUInt16LE(58)
  const raw = Array.from({ length: elf.readUInt16LE(60) }, (_, i) => {
    const header = elf.subarray(at + i * size)
    const from = Number(header.readBigUInt64LE(24))
    const octets = elf.subarray(from, from + Number(header.readBigUInt64LE(32)))
    return {
      nameAt: header.readUInt32LE(0),
      type: header.readUInt32LE(4),
      link: header.readUInt32LE(40),
      octets,
    }
  })
  const names = raw[elf.readUInt16LE(62)].octets
  return raw.map(section => ({ ...section, name: textAt(names, section.nameAt) }))
}

function symbolsOf(table, sections) {
  const names = sections[table.link].octets
  const symbols = []
  for (let at = 0; at < table.octets.length; at += 24) {
    symbols.push({
      name: textAt(names, table.octets.readUInt32LE(at)),
      section: table.octets.readUInt16LE(at + 6),
      value: Number(table.octets.readBigUInt64LE(at + 8)),
    })
  }
  return symbols
}

function definitionAt(octets, at) {
  const [type, key, value, entries, flags] = [0, 4, 8, 12, 16].map(word => octets.readUInt32LE(at + word))
  return { type, key, value, entries, flags }
}

function textAt(octets, at) {
  return octets.toString('latin1', at, octets.indexOf(0, at))
}
