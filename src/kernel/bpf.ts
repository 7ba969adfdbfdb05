import { loadAddon, type NativeAddon } from '../system/native-addon.ts'

/** Commands of bpf(2). */
const MAP_CREATE = 0
const MAP_LOOKUP = 1
const MAP_UPDATE = 2
const MAP_DELETE = 3
const MAP_NEXT_KEY = 4
const PROGRAM_LOAD = 5
const LINK_CREATE = 28

const PROGRAM_TYPE = { tc: 3, xdp: 6 } as const
const ATTACH_XDP = 37
const ATTACH_TCX_INGRESS = 46
/** The driver's own XDP; the general one takes more than it gives. */
const XDP_DRIVER_MODE = 4

const LOG_OCTETS = 1 << 20
const NONE = new Uint32Array(0)
const ONE = Uint32Array.of(8)
const KEY_AND_VALUE = Uint32Array.of(8, 16)

export type ProgramKind = keyof typeof PROGRAM_TYPE

export interface MapDefinition {
  readonly name: string
  readonly type: number
  readonly key: number
  readonly value: number
  readonly entries: number
  readonly flags: number
}

/**
 * bpf(2), command by command (linux/bpf.h). Results below 0 are a negated
 * errno. Values are in the machine's byte order, and the addon is for
 * little-endian machines only.
 */
export class Bpf {
  readonly #addon: NativeAddon
  readonly #map = new DataView(new ArrayBuffer(32))
  readonly #attr = new Uint8Array(this.#map.buffer)

  constructor(addon: NativeAddon) {
    this.#addon = addon
  }

  /** Undefined where there is no addon. */
  static open(): Bpf | undefined {
    const addon = loadAddon()
    return addon.ok ? new Bpf(addon.value) : undefined
  }

  createMap({ name, type, key, value, entries, flags }: MapDefinition): number {
    const attr = new DataView(new ArrayBuffer(44))
    for (const [i, word] of [type, key, value, entries, flags].entries()) attr.setUint32(i * 4, word, true)
    putName(attr, 28, name)
    return this.#call(MAP_CREATE, attr)
  }

  /** Loads a program; where the verifier refuses it, `log` is called with what that says. */
  loadProgram(kind: ProgramKind, code: Uint8Array, license: string, log?: (text: string) => void): number {
    const attr = new DataView(new ArrayBuffer(72))
    attr.setUint32(0, PROGRAM_TYPE[kind], true)
    attr.setUint32(4, code.length / 8, true)
    putName(attr, 48, `taciturn_${kind}`)
    if (kind === 'xdp') attr.setUint32(68, ATTACH_XDP, true)
    const text = Buffer.from(`${license}\0`)
    const fd = this.#call(PROGRAM_LOAD, attr, Uint32Array.of(8, 16), [code, text])
    if (fd >= 0 || !log) return fd
    const written = Buffer.alloc(LOG_OCTETS)
    attr.setUint32(24, 1, true)
    attr.setUint32(28, written.length, true)
    const again = this.#call(PROGRAM_LOAD, attr, Uint32Array.of(8, 16, 32), [code, text, written])
    log(written.toString('latin1', 0, written.indexOf(0)))
    return again
  }

  /** Attaches a program to a device (XDP in the driver, or TCX), for as long as the descriptor it returns is open. */
  link(kind: ProgramKind, program: number, device: number): number {
    const attr = new DataView(new ArrayBuffer(48))
    attr.setUint32(0, program, true)
    attr.setUint32(4, device, true)
    attr.setUint32(8, kind === 'xdp' ? ATTACH_XDP : ATTACH_TCX_INGRESS, true)
    attr.setUint32(12, kind === 'xdp' ? XDP_DRIVER_MODE : 0, true)
    return this.#call(LINK_CREATE, attr)
  }

  update(map: number, key: Uint8Array, value: Uint8Array): number {
    return this.#onMap(MAP_UPDATE, map, KEY_AND_VALUE, [key, value])
  }

  lookup(map: number, key: Uint8Array, value: Uint8Array): number {
    return this.#onMap(MAP_LOOKUP, map, KEY_AND_VALUE, [key, value])
  }

  delete(map: number, key: Uint8Array): number {
    return this.#onMap(MAP_DELETE, map, ONE, [key])
  }

  /** Writes the key behind `key` into `next`; the first one without it. Below 0 at the end. */
  nextKey(map: number, key: Uint8Array | undefined, next: Uint8Array): number {
    return key
      ? this.#onMap(MAP_NEXT_KEY, map, KEY_AND_VALUE, [key, next])
      : this.#onMap(MAP_NEXT_KEY, map, Uint32Array.of(16), [next])
  }

  /** The memory of a map of `octets`. */
  memory(map: number, octets: number): ArrayBuffer | number {
    return this.#addon.mapMemory(map, octets)
  }

  #onMap(command: number, map: number, pointers: Uint32Array, buffers: readonly Uint8Array[]): number {
    this.#attr.fill(0)
    this.#map.setUint32(0, map, true)
    return this.#addon.bpf(command, this.#attr, pointers, buffers)
  }

  #call(command: number, attr: DataView, pointers = NONE, buffers: readonly Uint8Array[] = []): number {
    return this.#addon.bpf(command, new Uint8Array(attr.buffer as ArrayBuffer), pointers, buffers)
  }
}

/** Fifteen letters of a name, for bpftool and its like. */
function putName(attr: DataView, at: number, name: string): void {
  for (const [i, octet] of [...Buffer.from(name).subarray(0, 15)].entries()) attr.setUint8(at + i, octet)
}
