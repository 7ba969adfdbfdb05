import { endianness } from 'node:os'
import t from 'tap'
import { formatIp } from '../../../src/base/address.ts'
import { type Gateway, gateway4, gateway6 } from '../../../src/net/kernel/gateway.ts'

const shown = (gateway: Gateway | undefined) => gateway && `${formatIp(gateway.ip)} ${gateway.device}`

/** As in /proc/net/route of a machine with this byte order. */
const word = (hex: string) =>
  endianness() === 'LE' ? hex : Buffer.from(hex, 'hex').reverse().toString('hex').toUpperCase()

t.test('the router is the next hop of the default route with the lowest metric', async t => {
  const table = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    `wlan0\t00000000\t${word('0101A8C0')}\t0003\t0\t0\t600\t00000000\t0\t0\t0`,
    `eth0\t00000000\t${word('FE01A8C0')}\t0003\t0\t0\t100\t00000000\t0\t0\t0`,
    `eth0\t${word('0001A8C0')}\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0`,
  ].join('\n')
  t.equal(shown(gateway4(table)), '192.168.1.254 eth0')
})

t.test('a default route without a next hop leads to no router, nor does one that rejects', async t => {
  t.equal(gateway4(`ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0`), undefined)
  t.equal(gateway4(`eth0\t00000000\t${word('0101A8C0')}\t0203\t0\t0\t0\t00000000\t0\t0\t0`), undefined)
  t.equal(gateway4(''), undefined)
})

t.test('the router for IPv6 is read with the device that its address is on', async t => {
  const zero = '0'.repeat(32)
  const via = 'fe800000000000000000000000000001'
  const table = [
    `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo`,
    `${zero} 00 ${zero} 00 ${via} 00000400 00000001 00000000 00450003     eth0`,
  ].join('\n')
  t.equal(shown(gateway6(table)), 'fe80::1 eth0')
})
