import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Child } from './child.ts'
import { Namespace, wire } from './namespaces.ts'

/** The public address of the home's router, and what is behind it. */
export const PUBLIC = '80.1.1.7'
export const NETWORK = '192.168.1'
/** Where the name server of the Internet is, and what has a machine ask it. */
export const NAMES = '80.1.0.53'
export const RESOLV_CONF = `nameserver ${NAMES}\n`

/**
 * A home: a router with one public address, and a network behind it. The
 * router translates addresses and ports, lets in only what it was told to forward, and
 * sends what the home sends to its public address back in (hairpin).
 */
export class Home {
  readonly internet: Namespace
  readonly router: Namespace
  readonly #names: NameServer
  #plugs = 0
  #places = 0

  private constructor(internet: Namespace, router: Namespace, names: NameServer) {
    this.internet = internet
    this.router = router
    this.#names = names
  }

  /** Makes one. The name server of its Internet knows `names` and answers for `t`'s time; its files are in `folder`. */
  static async create(t: Test, folder: string, names: Readonly<Record<string, string>>): Promise<Home> {
    const internet = await Namespace.create('internet')
    t.teardown(() => internet.close())
    const router = await Namespace.create('router')
    t.teardown(() => router.close())
    for (const one of [internet, router]) one.set('net/ipv4/ip_forward', 1)
    wire(
      { at: internet, device: 'home', addresses: ['80.1.1.1/24'] },
      { at: router, device: 'wan', addresses: [`${PUBLIC}/24`] },
    )
    router.route('default', 'via', '80.1.1.1')
    router.run('ip', 'link', 'add', 'lan', 'type', 'bridge')
    router.address('lan', `${NETWORK}.1/24`)
    // Where the kernel has the module, frames that only cross the bridge would pass the rules as well.
    const filtered = 'net/bridge/bridge-nf-call-iptables'
    if (existsSync(`/proc/sys/${filtered}`)) router.set(filtered, 0)
    writeFileSync(join(folder, 'router.nft'), RULES)
    router.run('nft', '-f', join(folder, 'router.nft'))
    internet.run('ip', 'address', 'add', `${NAMES}/32`, 'dev', 'lo')
    const server = await NameServer.start(internet, join(folder, 'names'), names)
    t.teardown(() => server.stop())
    return new Home(internet, router, server)
  }

  /** Dynamic DNS: the name stands for another address from now on, which others believe for seconds. */
  rename(name: string, address: string): void {
    this.#names.set(name, address)
  }

  /** Plugs a machine in behind the router. */
  join(machine: Namespace, address: string): void {
    this.#plugIn(machine, 'eth0', address)
    machine.route('default', 'via', `${NETWORK}.1`)
  }

  /** Puts this process at home as well, for what it does from this address. */
  call(address: string): void {
    this.#plugIn(Namespace.own(), 'home', address)
  }

  #plugIn(machine: Namespace, device: string, address: string): void {
    const plug = `plug${++this.#plugs}`
    wire(
      { at: this.router, device: plug, addresses: [] },
      { at: machine, device, addresses: [`${address}/24`] },
    )
    this.router.run('ip', 'link', 'set', plug, 'master', 'lan')
  }

  /** Somebody else's machine behind the router. */
  async guest(t: Test, name: string, address: string): Promise<Namespace> {
    const guest = await Namespace.create(name)
    t.teardown(() => guest.close())
    this.join(guest, address)
    return guest
  }

  /** A place somewhere else, with a public address of its own. */
  async elsewhere(t: Test, name: string): Promise<Namespace> {
    const place = await Namespace.create(name)
    t.teardown(() => place.close())
    const network = `81.2.${++this.#places}`
    wire(
      { at: this.internet, device: name, addresses: [`${network}.1/24`] },
      { at: place, device: 'eth0', addresses: [`${network}.2/24`] },
    )
    place.route('default', 'via', `${network}.1`)
    return place
  }

  /** Puts this process somewhere else than at home. */
  visit(t: Test): void {
    const here = Namespace.own()
    const network = `81.2.${++this.#places}`
    wire(
      { at: this.internet, device: 'visitor', addresses: [`${network}.1/24`] },
      { at: here, device: 'outside', addresses: [`${network}.2/24`] },
    )
    here.route('default', 'via', `${network}.1`)
    t.teardown(() => here.run('ip', 'link', 'delete', 'outside'))
  }

  /** The provider gives the router another address. */
  moveTo(address: string): void {
    this.router.run('ip', 'address', 'flush', 'dev', 'wan')
    this.router.address('wan', `${address}/24`)
    this.router.route('default', 'via', '80.1.1.1')
  }

  /**
   * Has the router map ports for those who ask it to, by UPnP alone if `by` says so; stopped, it forgets them
   * all. Its files are in `folder`.
   */
  async mapPorts(t: Test, folder: string, by: 'all' | 'upnp' = 'all'): Promise<Child> {
    writeFileSync(join(folder, 'mapped.nft'), MAPPED)
    this.router.run('nft', '-f', join(folder, 'mapped.nft'))
    const file = join(folder, 'miniupnpd.conf')
    // Of this daemon, NAT-PMP is both protocols.
    writeFileSync(file, `${MINIUPNPD}enable_natpmp=${by === 'all' ? 'yes' : 'no'}\n`)
    const daemon = this.router.start('miniupnpd', ['-d', '-f', file, '-P', join(folder, 'miniupnpd.pid')])
    t.teardown(() => daemon.stop())
    await daemon.says(by === 'all' ? /Listening for NAT-PMP/ : /HTTP listening on port/)
    return daemon
  }

  /** What the router maps, each as `udp 3478 192.168.1.5:3478`. */
  mapped(): string[] {
    const rules = this.router.run('nft', '-y', 'list', 'chain', 'inet', 'mapped', 'prerouting_miniupnpd')
    return [...rules.matchAll(/0x(11|6) th dport (\d+) dnat ip to ([\d.:]+)/g)].map(
      ([, protocol, port, to]) => `${protocol === '6' ? 'tcp' : 'udp'} ${port} ${to}`,
    )
  }

  /** Forwards nothing any more; what passes already goes on. */
  forwardNothing(): void {
    this.router.run('nft', 'flush', 'chain', 'ip', 'router', 'forwarded')
  }

  /** Forwards ports to a machine, each with its own number; `ports` as nftables has them, `3478` or `49152-65535`. */
  forward(protocol: 'udp' | 'tcp', ports: string, machine: string): void {
    const wanted = ['ip', 'daddr', PUBLIC, protocol, 'dport', ports]
    this.router.run('nft', 'add', 'rule', 'ip', 'router', 'forwarded', ...wanted, 'dnat', 'to', machine)
  }
}

const RULES = `
table ip router {
  chain forwarded { type nat hook prerouting priority dstnat; }
  chain translated {
    type nat hook postrouting priority srcnat;
    oifname "wan" masquerade fully-random
    ip saddr ${NETWORK}.0/24 oifname "lan" ct status dnat masquerade
  }
  chain passing {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "lan" accept
    ct status dnat accept
  }
  chain itself {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname { "lan", "lo" } accept
  }
}
`

/** Empties the chains of miniupnpd, or makes them: as it starts it finds what a router that has restarted has. */
const MAPPED = `
table inet mapped
delete table inet mapped
table inet mapped {
  chain miniupnpd { }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain prerouting { type nat hook prerouting priority dstnat; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority srcnat; jump postrouting_miniupnpd; }
}
`

const MINIUPNPD = `
ext_ifname=wan
listening_ip=lan
enable_upnp=yes
secure_mode=yes
uuid=00000000-0000-4000-8000-000000000001
upnp_table_name=mapped
upnp_nat_table_name=mapped
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
allow 1024-65535 ${NETWORK}.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`

/** A name server that knows these names and no others, and says so. */
class NameServer {
  readonly #child: Child
  readonly #file: string
  readonly #names: Map<string, string>

  private constructor(child: Child, file: string, names: Map<string, string>) {
    this.#child = child
    this.#file = file
    this.#names = names
  }

  static async start(
    at: Namespace,
    file: string,
    names: Readonly<Record<string, string>>,
  ): Promise<NameServer> {
    const alone = [
      '--keep-in-foreground',
      '--log-facility=-',
      '--conf-file=/dev/null',
      '--no-hosts',
      '--no-resolv',
    ]
    const where = ['--user=root', '--pid-file=', `--listen-address=${NAMES}`, '--bind-interfaces']
    const known = new Map(Object.entries(names))
    writeFileSync(file, hosts(known))
    const what = ['--local=/#/', '--local-ttl=5', `--addn-hosts=${file}`]
    const child = at.start('dnsmasq', [...alone, ...where, ...what])
    await child.says(/started/)
    return new NameServer(child, file, known)
  }

  set(name: string, address: string): void {
    this.#names.set(name, address)
    writeFileSync(this.#file, hosts(this.#names))
    process.kill(this.#child.pid, 'SIGHUP')
  }

  async stop(): Promise<void> {
    await this.#child.stop()
  }
}

function hosts(names: ReadonlyMap<string, string>): string {
  return [...names].map(([name, address]) => `${address} ${name}\n`).join('')
}
