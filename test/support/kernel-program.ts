import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import type { Clock, Time } from '../../src/base/time.ts'
import { tellOutlet } from '../../src/kernel/attachment.ts'
import { Bpf, type ProgramKind } from '../../src/kernel/bpf.ts'
import { type LoadedPrograms, loadImage, readImage } from '../../src/kernel/image.ts'
import { KernelMaps, type MapDescriptors, RELAY_MAPS } from '../../src/kernel/kernel-maps.ts'
import { loadAddon } from '../../src/system/native-addon.ts'

const TEST_RUN = 10
const LOOPBACK_INDEX = 1
/** What the programs say of a frame, as numbers of the kernel's. */
const SAYS: Readonly<Record<ProgramKind, Readonly<Record<number, Said>>>> = {
  tc: { [-1]: 'pass', 2: 'drop', 7: 'send' },
  xdp: { 1: 'drop', 2: 'pass', 3: 'send', 4: 'send' },
}
export type Said = 'pass' | 'drop' | 'send'

/** The programs in the kernel, run on frames of the test's own; nothing is attached. */
export class KernelProgram {
  readonly bpf: Bpf
  readonly maps: KernelMaps
  readonly #loaded: LoadedPrograms
  readonly #release: (fd: number) => void

  private constructor(bpf: Bpf, loaded: LoadedPrograms, maps: KernelMaps, release: (fd: number) => void) {
    this.bpf = bpf
    this.#loaded = loaded
    this.maps = maps
    this.#release = release
  }

  /**
   * Loads them in this process's network namespace, which gets a device with
   * a gateway behind it that leads everywhere. Moments of `clock` are stretched, so that
   * a test's time may stand still.
   */
  static open(clock: Clock, stretch = 1): KernelProgram {
    const addon = loadAddon()
    const image = readImage()
    if (!addon.ok || !image.ok) throw new Error('build the addon and the programs first')
    const bpf = new Bpf(addon.value)
    const release = (fd: number) => addon.value.release(fd)
    const loaded = loadImage(bpf, image.value, release)
    if (!loaded.ok) throw new Error(loaded.error)
    const fds = Object.fromEntries(
      RELAY_MAPS.map(name => [name, loaded.value.maps.get(name)!]),
    ) as MapDescriptors
    const maps = KernelMaps.open(bpf, fds, { shard: 0, shards: 1 }, clock)
    if (!maps) throw new Error('the kernel does not lend the memory of maps')
    maps.nanoseconds = (time: Time) => Number(process.hrtime.bigint()) + (time - clock.now()) * 1e6 * stretch
    const device = connectDevice()
    const number = Uint8Array.from(Buffer.from(Uint32Array.of(device.lookup, 0).buffer))
    bpf.update(loaded.value.maps.get('settings')!, new Uint8Array(4), number)
    // Frames leave by one; those that are handed to a program come in by the other, whose address is all zeros.
    for (const index of [device.eth, LOOPBACK_INDEX]) {
      tellOutlet(bpf, loaded.value.maps.get('outlets')!, index, new Uint8Array(6))
    }
    return new KernelProgram(bpf, loaded.value, maps, release)
  }

  /** What a program does with a frame: what it says, and the frame afterwards. Nanoseconds of one run, of `repeat`. */
  run(kind: ProgramKind, frame: Uint8Array, repeat = 1): { said: Said; frame: Buffer; took: number } {
    const attr = new DataView(new ArrayBuffer(80))
    const out = Buffer.alloc(4096)
    const result = new Uint8Array(attr.buffer)
    attr.setUint32(0, this.#loaded.programs.get(kind)!, true)
    attr.setUint32(8, frame.length, true)
    attr.setUint32(12, out.length, true)
    attr.setUint32(32, repeat, true)
    const addon = loadAddon()
    if (!addon.ok) throw new Error(addon.error)
    const error = addon.value.bpf(TEST_RUN, result, Uint32Array.of(16, 24), [frame, out])
    if (error < 0)
      throw new Error(`errno ${-error} instead of running ${kind} on ${Buffer.from(frame).toString('hex')}`)
    const said = SAYS[kind][attr.getInt32(4, true)]
    if (!said) throw new Error(`the program says ${attr.getInt32(4, true)}`)
    return { said, frame: out.subarray(0, attr.getUint32(12, true)), took: attr.getUint32(36, true) }
  }

  close(): void {
    for (const fd of [...this.#loaded.maps.values(), ...this.#loaded.programs.values()]) this.#release(fd)
  }
}

/** A device `eth0` with a gateway for everything, and one from whose point of view ways are looked up. */
function connectDevice(): { eth: number; lookup: number } {
  const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' })
  ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'far0')
  ip('link', 'add', 'ways0', 'type', 'bridge')
  for (const device of ['eth0', 'far0', 'ways0']) ip('link', 'set', device, 'up')
  for (const family of ['ipv4', 'ipv6']) writeFileSync(`/proc/sys/net/${family}/conf/ways0/forwarding`, '1')
  ip('address', 'add', '203.0.113.1/24', 'dev', 'eth0')
  ip('address', 'add', '2001:db8:cafe::1/64', 'dev', 'eth0', 'nodad')
  for (const gateway of ['203.0.113.254', '2001:db8:cafe::fe']) {
    ip('neigh', 'add', gateway, 'lladdr', '02:00:00:00:00:fe', 'dev', 'eth0', 'nud', 'permanent')
    ip(...(gateway.includes(':') ? ['-6'] : []), 'route', 'add', 'default', 'via', gateway)
  }
  const indexOf = (device: string) => JSON.parse(ip('-j', 'link', 'show', device))[0].ifindex as number
  return { eth: indexOf('eth0'), lookup: indexOf('ways0') }
}
