import type { NativeAddon } from '../system/native-addon.ts'

// linux/rtnetlink.h, linux/netlink.h, linux/pkt_sched.h
const NEW_LINK = 16
const DELETE_LINK = 17
const GET_LINK = 18
const NEW_QDISC = 36
const NEW_FILTER = 44
const DELETE_FILTER = 45
const REQUEST = 1
const ACKNOWLEDGE = 4
const EXCLUSIVE = 0x200
const CREATE = 0x400
const ERROR = 2
const HEADER = 16
const LINK_MESSAGE = 16

const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_LINKINFO = 18
const IFLA_INFO_KIND = 1
const TCA_KIND = 1
const TCA_OPTIONS = 2
const TCA_BPF_FD = 6
const TCA_BPF_NAME = 7
const TCA_BPF_FLAGS = 8
/** The program itself says what becomes of a packet. */
const DIRECT_ACTION = 1
const CLSACT = 0xfffffff1
const INGRESS = 0xfffffff2
const ALL_PROTOCOLS = 0x0300
const UP = 1
const ARPHRD_ETHER = 1
const ARPHRD_LOOPBACK = 772
const EEXIST = 17

/** A network device as the kernel describes it. */
export interface NetDevice {
  readonly name: string
  readonly index: number
  /** Its Ethernet address; no octets where it has none. */
  readonly mac: Uint8Array
  /** Whether frames have an Ethernet header. */
  readonly isEthernet: boolean
  /** What made it: `veth`, `bridge`, `vlan` …; empty for one of hardware. */
  readonly kind: string
}

/** Devices and filters of TC, by rtnetlink. Results below 0 are a negated errno. */
export class Netlink {
  readonly #addon: NativeAddon

  constructor(addon: NativeAddon) {
    this.#addon = addon
  }

  device(name: string): NetDevice | undefined {
    const answer = this.#ask(GET_LINK, 0, link(0), text(IFLA_IFNAME, name))
    if (typeof answer === 'number') return undefined
    const attributes = readAttributes(answer.subarray(HEADER + LINK_MESSAGE))
    const type = answer.readUInt16LE(HEADER + 2)
    const info = attributes.get(IFLA_LINKINFO)
    const kind = info && readAttributes(info).get(IFLA_INFO_KIND)
    return {
      name,
      index: answer.readInt32LE(HEADER + 4),
      mac: Uint8Array.from(attributes.get(IFLA_ADDRESS) ?? []),
      isEthernet: (type === ARPHRD_ETHER || type === ARPHRD_LOOPBACK) && attributes.has(IFLA_ADDRESS),
      kind: kind ? kind.toString('latin1').replace(/\0.*/s, '') : '',
    }
  }

  /** Makes a device of a kind, and switches it on. */
  createDevice(name: string, kind: string): number {
    const info = attribute(IFLA_LINKINFO, text(IFLA_INFO_KIND, kind))
    return this.#do(NEW_LINK, CREATE | EXCLUSIVE, link(0, UP), text(IFLA_IFNAME, name), info)
  }

  deleteDevice(index: number): number {
    return this.#do(DELETE_LINK, 0, link(index))
  }

  /** Gives a device the place where filters of TC stand, unless it has it. */
  addClsact(device: number): number {
    const result = this.#do(
      NEW_QDISC,
      CREATE | EXCLUSIVE,
      tc(device, CLSACT, 0xffff0000),
      text(TCA_KIND, 'clsact'),
    )
    return result === -EEXIST ? 0 : result
  }

  /** Has a program see what comes in by a device. `priority` names the filter. */
  addFilter(device: number, program: number, priority: number): number {
    const options = attribute(
      TCA_OPTIONS,
      number(TCA_BPF_FD, program),
      text(TCA_BPF_NAME, 'taciturn'),
      number(TCA_BPF_FLAGS, DIRECT_ACTION),
    )
    return this.#do(NEW_FILTER, CREATE | EXCLUSIVE, filter(device, priority), text(TCA_KIND, 'bpf'), options)
  }

  deleteFilter(device: number, priority: number): number {
    return this.#do(DELETE_FILTER, 0, filter(device, priority), text(TCA_KIND, 'bpf'))
  }

  #do(type: number, flags: number, ...parts: readonly Buffer[]): number {
    const answer = this.#ask(type, flags | ACKNOWLEDGE, ...parts)
    return typeof answer === 'number' ? answer : 0
  }

  #ask(type: number, flags: number, ...parts: readonly Buffer[]): Buffer | number {
    const body = Buffer.concat(parts)
    const header = Buffer.alloc(HEADER)
    header.writeUInt32LE(HEADER + body.length, 0)
    header.writeUInt16LE(type, 4)
    header.writeUInt16LE(flags | REQUEST, 6)
    header.writeUInt32LE(1, 8)
    const answer = Buffer.alloc(32_768)
    const got = this.#addon.netlink(Buffer.concat([header, body]), answer)
    if (got < 0) return got
    const message = answer.subarray(0, Math.min(got, answer.readUInt32LE(0)))
    const error = message.readUInt16LE(4) === ERROR ? message.readInt32LE(HEADER) : 0
    return error < 0 ? error : message
  }
}

function link(index: number, flags = 0): Buffer {
  const message = Buffer.alloc(LINK_MESSAGE)
  message.writeInt32LE(index, 4)
  message.writeUInt32LE(flags, 8)
  message.writeUInt32LE(flags, 12)
  return message
}

function tc(device: number, parent: number, handle: number, info = 0): Buffer {
  const message = Buffer.alloc(20)
  message.writeInt32LE(device, 4)
  message.writeUInt32LE(handle, 8)
  message.writeUInt32LE(parent, 12)
  message.writeUInt32LE(info, 16)
  return message
}

function filter(device: number, priority: number): Buffer {
  return tc(device, INGRESS, 0, ((priority << 16) | ALL_PROTOCOLS) >>> 0)
}

function attribute(type: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts)
  const bytes = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4)
  bytes.writeUInt16LE(4 + value.length, 0)
  bytes.writeUInt16LE(type, 2)
  value.copy(bytes, 4)
  return bytes
}

function text(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`))
}

function number(type: number, value: number): Buffer {
  return attribute(type, Buffer.from(Uint32Array.of(value).buffer))
}

function readAttributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at)
    if (length < 4) break
    // The two highest bits say how a value is made.
    found.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length))
    at += Math.ceil(length / 4) * 4
  }
  return found
}
