import { execFileSync } from 'node:child_process'
import t from 'tap'
import { attach } from '../../../src/kernel/attachment.ts'
import { Bpf } from '../../../src/kernel/bpf.ts'
import { loadImage, readImage } from '../../../src/kernel/image.ts'
import { Netlink } from '../../../src/kernel/netlink.ts'
import { loadAddon } from '../../../src/system/native-addon.ts'
import { enterNamespace, needNamespaces } from '../../support/namespaces.ts'

const isInside = await enterNamespace(import.meta.url)

t.test(
  'programs for XDP know the Ethernet address of their device, also when it changes',
  needNamespaces(),
  async t => {
    if (!isInside) return
    const addon = loadAddon()
    const image = readImage()
    if (!addon.ok || !image.ok) throw new Error('build the addon and the programs first')
    const bpf = new Bpf(addon.value)
    const netlink = new Netlink(addon.value)
    const release = (fd: number) => addon.value.release(fd)
    const loaded = loadImage(bpf, image.value, release)
    if (!loaded.ok) throw new Error(loaded.error)
    ip('link add card0 address 02:00:00:00:00:01 type veth peer name far0')
    ip('link set card0 up')
    const attached = attach({ bpf, netlink, release }, loaded.value, ['card0'], 'xdp')
    if (!attached.ok) throw new Error(attached.error)
    t.teardown(() => {
      attached.value.close()
      for (const fd of [...loaded.value.maps.values(), ...loaded.value.programs.values()]) release(fd)
    })
    const { index } = netlink.device('card0')!
    const told = () => {
      const value = new Uint8Array(12)
      const error = bpf.lookup(
        loaded.value.maps.get('outlets')!,
        new Uint8Array(Uint32Array.of(index % 1024).buffer),
        value,
      )
      return error < 0 ? error : Buffer.from(value.subarray(4)).toString('hex')
    }

    t.equal(told(), '0200000000010000')
    ip('link set card0 address 02:00:00:00:00:02')
    attached.value.refresh()
    t.equal(told(), '0200000000020000')
    // A device of that name which has no program is not one to send by.
    ip('link del card0')
    ip('link add card0 address 02:00:00:00:00:03 type veth peer name far0')
    attached.value.refresh()
    t.equal(told(), '0200000000020000')
  },
)

function ip(words: string): void {
  execFileSync('ip', words.split(' '))
}
