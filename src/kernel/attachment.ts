import { writeFileSync } from 'node:fs'
import { failed, type Result, succeeded } from '../base/result.ts'
import type { Bpf } from './bpf.ts'
import type { LoadedPrograms } from './image.ts'
import type { NetDevice, Netlink } from './netlink.ts'

/** Which programs a device gets: what suits it, or one of the two. */
export type AttachWish = 'auto' | 'tc' | 'xdp'

/** How the kernel relays what comes in by a device. */
export interface AttachedDevice {
  readonly name: string
  readonly tc: 'tcx' | 'clsact' | false
  readonly xdp: boolean
}

export interface Attachment {
  readonly devices: readonly AttachedDevice[]
  /** Tells the programs the Ethernet addresses of the devices, which may change. */
  refresh(): void
  /** Takes the programs off the devices. */
  close(): void
}

/** The device from whose point of view ways are looked up; nothing comes in by it. */
const LOOKUP_DEVICE = 'taciturn-ways'
/** What it may be; kernels are built without one or the other. */
const INERT_KINDS = ['dummy', 'ifb', 'bridge']
/** Of our filter, where a kernel has no TCX (before 6.6). */
const PRIORITY = 0x7ac1
/** Devices of programs, which gain nothing by XDP or need a program at their far end. */
const TC_ONLY = new Set([
  'veth',
  'bridge',
  'vlan',
  'macvlan',
  'ipvlan',
  'bond',
  'team',
  'ifb',
  'dummy',
  'tun',
])

/** Octets of an Ethernet address, and of `struct outlet`; places for those (bpf/relay.h). */
const MAC_OCTETS = 6
const OUTLET_OCTETS = 12
const MOST_OUTLETS = 1024

/** Attaches programs to devices, as far as each can. Fails where there is none that can, and then leaves nothing. */
export function attach(
  { bpf, netlink, release }: { bpf: Bpf; netlink: Netlink; release: (fd: number) => void },
  { maps, programs }: LoadedPrograms,
  names: readonly string[],
  wish: AttachWish,
): Result<Attachment, string> {
  const undo: (() => void)[] = []
  const close = () => {
    for (const step of undo.splice(0).reverse()) step()
  }
  const lookup = lookupDevice(netlink, undo)
  if (typeof lookup === 'string') {
    close()
    return failed(lookup)
  }
  bpf.update(maps.get('settings')!, word(0), Uint8Array.from([...word(lookup), ...word(0)]))
  const hold = (fd: number) => {
    if (fd >= 0) undo.push(() => release(fd))
    return fd >= 0
  }
  const tell = ({ index, mac }: NetDevice) => tellOutlet(bpf, maps.get('outlets')!, index, mac)
  const outlets: NetDevice[] = []
  const devices: AttachedDevice[] = []
  const reasons: string[] = []
  for (const name of names) {
    const device = netlink.device(name)
    if (!device?.isEthernet) {
      reasons.push(`${name} ${device ? 'has no Ethernet frames' : 'is not there'}`)
      continue
    }
    const xdp = wantsXdp(device, wish) && hold(bpf.link('xdp', programs.get('xdp')!, device.index))
    if (xdp) {
      tell(device)
      outlets.push(device)
    }
    let tc: AttachedDevice['tc'] = false
    if (wish !== 'xdp') {
      if (hold(bpf.link('tc', programs.get('tc')!, device.index))) tc = 'tcx'
      else if (addFilter(netlink, device, programs.get('tc')!, undo)) tc = 'clsact'
    }
    if (tc || xdp) devices.push({ name, tc, xdp })
    else reasons.push(`the kernel attaches nothing to ${name}`)
  }
  const refresh = () => {
    for (const { name, index } of outlets) {
      const device = netlink.device(name)
      // Another device by that name has no program.
      if (device?.index === index) tell(device)
    }
  }
  if (devices.length > 0) return succeeded({ devices, refresh, close })
  close()
  return failed(reasons.join('; ') || 'there is no device')
}

function wantsXdp(device: NetDevice, wish: AttachWish): boolean {
  return wish === 'xdp' || (wish === 'auto' && !TC_ONLY.has(device.kind) && device.name !== 'lo')
}

function addFilter(netlink: Netlink, device: NetDevice, program: number, undo: (() => void)[]): boolean {
  // One that a loader which was killed has left would relay nothing any more, but stand in the way.
  netlink.deleteFilter(device.index, PRIORITY)
  if (netlink.addClsact(device.index) < 0 || netlink.addFilter(device.index, program, PRIORITY) < 0)
    return false
  undo.push(() => netlink.deleteFilter(device.index, PRIORITY))
  return true
}

/**
 * The kernel looks up ways only for devices with forwarding switched on, which
 * a relay's machine has no other use for. So it is switched on for one that no
 * packet comes in by. Returns its index, or why there is none.
 */
function lookupDevice(netlink: Netlink, undo: (() => void)[]): number | string {
  const left = netlink.device(LOOKUP_DEVICE)
  if (left) netlink.deleteDevice(left.index)
  const error = INERT_KINDS.reduce(
    (before, kind) => (before === 0 ? 0 : netlink.createDevice(LOOKUP_DEVICE, kind)),
    -1,
  )
  const device = netlink.device(LOOKUP_DEVICE)
  if (error < 0 || !device) return `the device ${LOOKUP_DEVICE} cannot be made (errno ${-error})`
  undo.push(() => netlink.deleteDevice(device.index))
  const on = (['ipv4', 'ipv6'] as const).filter(family => switchForwarding(family))
  return on.length > 0 ? device.index : `forwarding cannot be switched on for ${LOOKUP_DEVICE}`
}

/** False where the machine has no such family, or the file may not be written. */
function switchForwarding(family: 'ipv4' | 'ipv6'): boolean {
  try {
    writeFileSync(`/proc/sys/net/${family}/conf/${LOOKUP_DEVICE}/forwarding`, '1')
    return true
  } catch {
    return false
  }
}

/** Tells the programs of a device that has one for XDP. Of two with the same place, the one told last has it. */
export function tellOutlet(bpf: Bpf, outlets: number, index: number, mac: Uint8Array): void {
  // `struct outlet` of bpf/relay.h.
  const value = new Uint8Array(OUTLET_OCTETS)
  value.set(word(index))
  value.set(mac.subarray(0, MAC_OCTETS), 4)
  bpf.update(outlets, word(index % MOST_OUTLETS), value)
}

function word(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer)
}
