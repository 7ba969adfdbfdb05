import fc from 'fast-check'
import t from 'tap'
import { type IgdService, readDescription, readFound, searches } from '../../../src/mapping/upnp/discovery.ts'
import {
  addPortMapping,
  addressIn,
  deletePortMapping,
  GET_ADDRESS,
  GET_STATUS,
  readSoap,
  refusalOf,
  statusIn,
  writeSoap,
} from '../../../src/mapping/upnp/soap.ts'
import { xmlTags } from '../../../src/mapping/upnp/xml.ts'
import { FRITZ_BOX, MINIUPNPD } from '../../support/igd-samples.ts'
import { udp } from '../../support/sim-router.ts'

const BOX = '192.168.178.1'
const LOCATION = new URL(`http://${BOX}:49000/igddesc.xml`)
const text = (octets: Uint8Array) => Buffer.from(octets).toString('latin1')
const told = (services: readonly IgdService[]) =>
  services.map(({ type, control }) => `${type} ${control.href}`)
const answer = (location: string, st = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1') =>
  Buffer.from(`HTTP/1.1 200 OK\r\nST: ${st}\r\nLocation: ${location}\r\n\r\n`)

t.test('a search has the form of the UPnP Device Architecture, §1.3.2', async t => {
  t.equal(
    text(searches('239.255.255.250')[0]!),
    'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\n' +
      'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n',
  )
})

t.test('answers of a FRITZ!Box and of miniupnpd say where the description is', async t => {
  t.equal(readFound(Buffer.from(FRITZ_BOX.found), BOX)?.href, LOCATION.href)
  t.equal(readFound(Buffer.from(MINIUPNPD.found), '192.168.1.1')?.href, MINIUPNPD.location)
})

t.test('only a description on the gateway itself, by HTTP, is taken', async t => {
  for (const location of [
    'http://192.168.178.2:49000/igddesc.xml',
    'http://user:word@192.168.178.1/igddesc.xml',
    'http://192.168.178.1.example.org/igddesc.xml',
    'http://fritz.box:49000/igddesc.xml',
    'https://192.168.178.1/igddesc.xml',
    'file:///etc/passwd',
    '/igddesc.xml',
    'http://192.168.178.1:0/igddesc.xml',
    'http://192.168.178.1:99999/igddesc.xml',
    `http://192.168.178.1/${'a'.repeat(600)}`,
    '',
  ])
    t.equal(readFound(answer(location), BOX), undefined, location)
  t.equal(readFound(answer(LOCATION.href, 'upnp:rootdevice'), BOX), undefined, 'and of a router')
  t.equal(readFound(Buffer.from('NOTIFY * HTTP/1.1\r\n\r\n'), BOX), undefined)
  t.equal(readFound(Buffer.concat([answer(LOCATION.href), Buffer.alloc(4000)]), BOX), undefined, 'no longer')
  t.equal(readFound(answer(LOCATION.href), BOX)?.href, LOCATION.href)
})

t.test('the service that maps ports is found in descriptions of a FRITZ!Box and of miniupnpd', async t => {
  t.same(told(readDescription(FRITZ_BOX.description, LOCATION)), [
    `urn:schemas-upnp-org:service:WANIPConnection:1 http://${BOX}:49000/igdupnp/control/WANIPConn1`,
  ])
  t.same(told(readDescription(MINIUPNPD.description, new URL(MINIUPNPD.location))), [
    `${MINIUPNPD.service} ${new URL('/ctl/IPConn', MINIUPNPD.location).href}`,
  ])
})

t.test('services are taken in the order of preference, with addresses on the gateway only', async t => {
  const service = (type: string, control: string) =>
    `<service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType><controlURL>${control}</controlURL></service>`
  const description = (...services: string[]) => `<root><x:device>${services.join('')}</x:device></root>`
  const read = (xml: string) => told(readDescription(xml, LOCATION)).map(one => one.split(':service:')[1])

  t.same(
    read(
      description(
        service('WANPPPConnection:1', 'ppp?a=1&amp;b=2'),
        service('WANIPConnection:3', '/three'),
        service('WANIPConnection:1', ' http://192.168.178.1:5000/one '),
        service('WANIPConnection:2', '/two'),
      ),
    ),
    [
      'WANIPConnection:2 http://192.168.178.1:49000/two',
      'WANIPConnection:1 http://192.168.178.1:5000/one',
      'WANPPPConnection:1 http://192.168.178.1:49000/ppp?a=1&b=2',
    ],
  )
  const two = service('WANIPConnection:2', 'two')
  t.same(read(`<root><URLBase>http://${BOX}:80/up/</URLBase>${two}</root>`), [
    'WANIPConnection:2 http://192.168.178.1/up/two',
  ])
  t.same(read(`<root><URLBase>http://10.0.0.1/</URLBase>${two}</root>`), [
    'WANIPConnection:2 http://192.168.178.1:49000/two',
  ])
  for (const control of [
    'http://10.0.0.1/',
    '//10.0.0.1/',
    'https://192.168.178.1/',
    '&other;',
    '&#47;two',
    '',
  ])
    t.same(read(description(service('WANIPConnection:2', control))), [], control)
  t.same(read(`<!DOCTYPE root [<!ENTITY a "b">]>${description(two)}`), [], 'no document type')
  t.same(read(description('<![CDATA[', two, ']]>')), [], 'no CDATA')
  t.same(read(description(`<!-- ${two} -->`)), [], 'nothing in a comment')
})

t.test('a request has the form of SOAP 1.1', async t => {
  const type = 'urn:schemas-upnp-org:service:WANIPConnection:1'
  const add = writeSoap(type, addPortMapping(udp(50000), '192.168.178.5', 3600))
  t.match(
    add,
    `<s:Body><u:AddPortMapping xmlns:u="${type}"><NewRemoteHost></NewRemoteHost><NewExternalPort>50000</NewExternalPort>`,
  )
  t.match(
    add,
    '<NewProtocol>UDP</NewProtocol><NewInternalPort>50000</NewInternalPort><NewInternalClient>192.168.178.5</NewInternalClient>',
  )
  t.match(add, '<NewLeaseDuration>3600</NewLeaseDuration></u:AddPortMapping></s:Body></s:Envelope>')
  t.match(
    writeSoap(type, deletePortMapping({ transport: 'tcp', port: 3478 })),
    '<NewProtocol>TCP</NewProtocol>',
  )
  t.match(writeSoap('"<&', GET_ADDRESS), 'xmlns:u="&quot;&lt;&amp;"')
})

t.test('answers to actions are read', async t => {
  const done = (name: string, inside: string) =>
    `<?xml version="1.0"?>\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:${name}Response xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1">${inside}</u:${name}Response></s:Body></s:Envelope>`
  const fault = (code: string) =>
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${code}</errorCode><errorDescription>x</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>`
  const values = (name: 'GetExternalIPAddress' | 'GetStatusInfo', inside: string) => {
    const read = readSoap(done(name, inside), { name, values: [] })
    return read?.kind === 'done' ? read.values : new Map<string, string>()
  }
  const at = (ip: string) =>
    addressIn(values('GetExternalIPAddress', `<NewExternalIPAddress>${ip}</NewExternalIPAddress>`))

  t.same(at('80.1.1.7'), Uint8Array.of(80, 1, 1, 7))
  t.same(at(''), new Uint8Array(4), 'none yet')
  for (const ip of ['::1', 'fritz.box', '80.1.1.256']) t.equal(at(ip), undefined, ip)
  const status =
    '<NewConnectionStatus>Connected</NewConnectionStatus><NewLastConnectionError>ERROR_NONE</NewLastConnectionError><NewUptime>4711</NewUptime>'
  t.same(statusIn(values('GetStatusInfo', status)), { isConnected: true, uptime: 4711 })
  t.same(statusIn(values('GetStatusInfo', '<NewUptime>-1</NewUptime>')), {
    isConnected: false,
    uptime: undefined,
  })

  t.same(readSoap(fault('718'), GET_STATUS), { kind: 'error', code: 718 })
  for (const xml of [fault('seven'), done('AddPortMapping', ''), '', '<', 'Not found'])
    t.equal(readSoap(xml, GET_STATUS), undefined, xml)
})

t.test('a refusal is told by its reason', async t => {
  const why = (code: number) => refusalOf(code, udp(50000), 0).why
  t.same([606, 718, 728, 401, 501].map(why), ['refused', 'taken', 'resources', 'unsupported', 'failed'])
})

t.test('whatever a router describes or answers, nothing is thrown, and nobody else is asked', async t => {
  const sample = fc.constantFrom(
    FRITZ_BOX.description,
    MINIUPNPD.description,
    FRITZ_BOX.found,
    MINIUPNPD.found,
  )
  const piece = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom(
      '<',
      '>',
      '</',
      '/>',
      '<!--',
      '-->',
      '&',
      '<service>',
      '</service>',
      'http://10.0.0.1/',
      '\r\n',
    ),
  )
  const change = fc.record({ at: fc.nat(6000), remove: fc.nat(40), insert: piece })
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(sample, fc.array(change, { maxLength: 12 }), (sample, changes) => {
        let xml: string = sample
        for (const { at, remove, insert } of changes) {
          const where = at % (xml.length + 1)
          xml = xml.slice(0, where) + insert + xml.slice(where + remove)
        }
        readSoap(xml, GET_STATUS)
        const found = readFound(Buffer.from(xml), BOX)
        const services = readDescription(xml, LOCATION)
        return [found, ...services.map(({ control }) => control)].every(
          url => !url || (url.hostname === BOX && url.protocol === 'http:'),
        )
      }),
    ),
  )
})

t.test('a description costs no more than its length, however it is nested or left open', async t => {
  const LENGTH = 64 * 1024
  for (const piece of ['<', '<a', '<a>', '</a>', '<!--', '<a/>', '&', 'a', '<service>', '<a '])
    t.ok((xmlTags(piece.repeat(LENGTH / piece.length)) ?? []).length <= 4000, piece)
})
