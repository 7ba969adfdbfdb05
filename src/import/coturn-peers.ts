import { ipKey, parseIp } from '../base/address.ts'
import { formatRange, parseRange } from '../base/range.ts'
import { firstWord } from './coturn-file.ts'
import type { CoturnReading } from './coturn-reading.ts'
import { isRecommended, overlaps, touchesRecommended, without } from './peers.ts'
import { sameIp } from './relay-address.ts'

export function readPeers(reading: CoturnReading): void {
  const allow = reading.all('allowed-peer-ip').flatMap(line => {
    const word = firstWord(line.value)
    const range = parseRange(word)
    if (typeof range === 'string') reading.ledger.unsupported(line, 'bad-range')
    else if (word.includes('/')) reading.ledger.unsupported(line, 'allow-cidr', { range: formatRange(range) })
    else return [{ line, range }]
    return []
  })
  const holes = allow.map(({ range }) => range)
  for (const line of reading.all('denied-peer-ip')) {
    const word = firstWord(line.value)
    const range = parseRange(word)
    const isCidr = word.includes('/')
    if (typeof range === 'string') reading.ledger.unsupported(line, 'bad-range')
    else if (isRecommended(range)) reading.ledger.unneeded(line, isCidr ? 'deny-cidr-covered' : 'recommended')
    else {
      reading.draft.deny.push(...without(range, holes))
      const note = isCidr
        ? 'deny-cidr'
        : holes.some(hole => overlaps(hole, range))
          ? 'deny-carved'
          : undefined
      reading.ledger.taken(line, 'peers.deny', note)
    }
  }
  const denied = reading.all('denied-peer-ip').flatMap(line => {
    const word = firstWord(line.value)
    const range = parseRange(word)
    // What has a prefix was never denied.
    return typeof range === 'string' || word.includes('/') ? [] : [range]
  })
  const ours = [
    ...reading.around.own,
    ...reading.draft.listen.map(({ address }) => address.ip),
    ...reading.draft.relayAddresses.flatMap(entry => entry.split('=').flatMap(ip => parseIp(ip) ?? [])),
  ].map(ipKey)
  for (const { line, range } of allow) {
    const isOne = sameIp(range.from, range.to)
    if (isOne && ours.includes(ipKey(range.from))) reading.ledger.unneeded(line, 'relay-to-relay')
    else if (touchesRecommended(range)) {
      reading.draft.allow.push(range)
      reading.ledger.taken(line, 'peers.allow')
    } else if (denied.some(other => overlaps(other, range)))
      reading.ledger.taken(line, 'peers.deny', 'allow-carved')
    else reading.ledger.unneeded(line, 'allowed-anyway')
  }
  const loopback = reading.flag('allow-loopback-peers')
  if (loopback) {
    for (const text of ['127.0.0.0/8', '::1']) {
      const range = parseRange(text)
      if (typeof range !== 'string') reading.draft.allow.push(range)
    }
    reading.ledger.taken(loopback, 'peers.allow', 'loopback')
  }
  const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']
  const wereDenied = privateNetworks.every(text => {
    const network = parseRange(text)
    return typeof network !== 'string' && denied.some(other => without(network, [other]).length === 0)
  })
  if (!wereDenied) reading.draft.remarks.push({ key: 'private-closed', values: {} })
}
