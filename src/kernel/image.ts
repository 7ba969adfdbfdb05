import { readFileSync } from 'node:fs'
import { failed, type Result, succeeded } from '../base/result.ts'
import { findPackaged } from '../system/native-addon.ts'
import type { Bpf, MapDefinition, ProgramKind } from './bpf.ts'

/** The programs as scripts/build-bpf.mjs wrote them. */
export interface Image {
  readonly license: string
  readonly maps: readonly MapDefinition[]
  /** `code`: base64 of the instructions. `relocations`: of an instruction, the map that it loads. */
  readonly programs: readonly {
    readonly name: ProgramKind
    readonly code: string
    readonly relocations: readonly (readonly [number, number])[]
  }[]
}

/** Everything in the kernel: descriptors, all of them open. */
export interface LoadedPrograms {
  readonly maps: ReadonlyMap<string, number>
  readonly programs: ReadonlyMap<ProgramKind, number>
}

const INSTRUCTION = 8
/** BPF_PSEUDO_MAP_FD: the constant of this instruction is a map's descriptor. */
const MAP_DESCRIPTOR = 1

/** Reads the image of this package, or says in a clause why not. */
export function readImage(): Result<Image, string> {
  const path = findPackaged('prebuilds/relay.bpf.json')
  if (!path) return failed('the programs for the kernel were not built')
  return succeeded(JSON.parse(readFileSync(path, 'utf8')) as Image)
}

/**
 * Makes the maps and loads the programs. Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON. On
 * failure nothing stays; `close` closes a descriptor.
 */
export function loadImage(
  bpf: Bpf,
  image: Image,
  close: (fd: number) => void,
): Result<LoadedPrograms, string> {
  const open: number[] = []
  const maps = new Map<string, number>()
  const programs = new Map<ProgramKind, number>()
  const give = (why: string) => {
    for (const fd of open) close(fd)
    return failed(why)
  }
  for (const definition of image.maps) {
    const fd = bpf.createMap(definition)
    if (fd < 0) return give(`the kernel does not make the map ${definition.name} (errno ${-fd})`)
    open.push(fd)
    maps.set(definition.name, fd)
  }
  for (const { name, code, relocations } of image.programs) {
    const instructions = Buffer.from(code, 'base64')
    for (const [at, map] of relocations) {
      const instruction = instructions.subarray(at * INSTRUCTION, (at + 1) * INSTRUCTION)
      instruction[1] = (instruction[1]! & 0x0f) | (MAP_DESCRIPTOR << 4)
      instruction.writeInt32LE(open[map]!, 4)
    }
    let said = ''
    const fd = bpf.loadProgram(name, instructions, image.license, text => (said = text))
    if (fd < 0) return give(`the kernel does not load the program ${name} (errno ${-fd})${lastLines(said)}`)
    open.push(fd)
    programs.set(name, fd)
  }
  return succeeded({ maps, programs })
}

/** The verifier says at the end what was wrong. */
function lastLines(log: string): string {
  const lines = log.trimEnd().split('\n').slice(-12)
  return lines[0] === '' ? '' : `; its verifier says:\n${lines.join('\n')}`
}
