/* What routers answer by UPnP. */

function device(type: string, name: string, services: readonly string[], inside = ''): string {
  return `<device>
<deviceType>urn:schemas-upnp-org:device:${type}</deviceType>
<friendlyName>${name}</friendlyName>
<manufacturer>AVM Berlin</manufacturer>
<UDN>uuid:75802409-bccb-40e7-8e6c-444e6d000000</UDN>
<serviceList>
${services.join('\n')}
</serviceList>${inside && `\n<deviceList>\n${inside}\n</deviceList>`}
</device>`
}

function service(type: string, id: string, control: string, scpd: string): string {
  return `<service>
<serviceType>urn:${type}</serviceType>
<serviceId>urn:${id}</serviceId>
<controlURL>${control}</controlURL>
<eventSubURL>${control}</eventSubURL>
<SCPDURL>${scpd}</SCPDURL>
</service>`
}

const connection = device('WANConnectionDevice:1', 'WANConnectionDevice - FRITZ!Box 7590', [
  service(
    'schemas-upnp-org:service:WANDSLLinkConfig:1',
    'upnp-org:serviceId:WANDSLLinkC1',
    '/igdupnp/control/WANDSLLinkC1',
    '/igddslSCPD.xml',
  ),
  service(
    'schemas-upnp-org:service:WANIPConnection:1',
    'upnp-org:serviceId:WANIPConn1',
    '/igdupnp/control/WANIPConn1',
    '/igdconnSCPD.xml',
  ),
])
const wan = device(
  'WANDevice:1',
  'WANDevice - FRITZ!Box 7590',
  [
    service(
      'schemas-upnp-org:service:WANCommonInterfaceConfig:1',
      'upnp-org:serviceId:WANCommonIFC1',
      '/igdupnp/control/WANCommonIFC1',
      '/igdicfgSCPD.xml',
    ),
  ],
  connection,
)

/** A description in the form of a FRITZ!Box, one element a line. */
export const FRITZ_BOX = {
  found: [
    'HTTP/1.1 200 OK',
    'LOCATION: http://192.168.178.1:49000/igddesc.xml',
    'SERVER: FRITZ!Box 7590 UPnP/1.0 AVM FRITZ!Box 7590 154.07.57',
    'CACHE-CONTROL: max-age=1800',
    'EXT:',
    'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1',
    'USN: uuid:75802409-bccb-40e7-8e6c-444e6d000000::urn:schemas-upnp-org:device:InternetGatewayDevice:1',
    '',
    '',
  ].join('\r\n'),
  description: `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0">
<specVersion>
<major>1</major>
<minor>0</minor>
</specVersion>
${device(
  'InternetGatewayDevice:1',
  'FRITZ!Box 7590',
  [service('schemas-any-com:service:Any:1', 'any-com:serviceId:any1', '/igdupnp/control/any', '/any.xml')],
  wan,
)}
</root>
`,
} as const

/** What miniupnpd 2.3.1 says, all of it in one line. */
export const MINIUPNPD = {
  location: 'http://192.168.1.1:5000/rootDesc.xml',
  service: 'urn:schemas-upnp-org:service:WANIPConnection:2',
  found: [
    'HTTP/1.1 200 OK',
    'CACHE-CONTROL: max-age=120',
    'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1',
    'USN: uuid:00000000-0000-4000-8000-000000000001::urn:schemas-upnp-org:device:InternetGatewayDevice:1',
    'EXT:',
    'SERVER: Debian/12 UPnP/1.1 MiniUPnPd/2.3.1',
    'LOCATION: http://192.168.1.1:5000/rootDesc.xml',
    'OPT: "http://schemas.upnp.org/upnp/1/0/"; ns=01',
    '01-NLS: 1796098101',
    'BOOTID.UPNP.ORG: 1796098101',
    'CONFIGID.UPNP.ORG: 1337',
    '',
    '',
  ].join('\r\n'),
  description: [
    '<?xml version="1.0"?>\n<root xmlns="urn:schemas-upnp-org:device-1-0" configId="1337"><specVersion><major>1</major><minor>1</minor></specVersion>',
    '<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:2</deviceType>',
    '<friendlyName>Debian router</friendlyName>',
    '<manufacturer>Debian</manufacturer><manufacturerURL>http://www.debian.org/</manufacturerURL><modelDescription>Debian router</modelDescription>',
    '<modelName>Debian router</modelName><modelNumber>1</modelNumber><modelURL>http://www.debian.org/</modelURL>',
    '<serialNumber>00000000</serialNumber><UDN>uuid:00000000-0000-4000-8000-000000000001</UDN>',
    '<serviceList><service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType>',
    '<serviceId>urn:upnp-org:serviceId:L3Forwarding1</serviceId>',
    '<SCPDURL>/L3F.xml</SCPDURL><controlURL>/ctl/L3F</controlURL><eventSubURL>/evt/L3F</eventSubURL></service>',
    '<service><serviceType>urn:schemas-upnp-org:service:DeviceProtection:1</serviceType>',
    '<serviceId>urn:upnp-org:serviceId:DeviceProtection1</serviceId>',
    '<SCPDURL>/DP.xml</SCPDURL><controlURL>/ctl/DP</controlURL><eventSubURL>/evt/DP</eventSubURL></service>',
    '</serviceList><deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:2</deviceType>',
    '<friendlyName>WANDevice</friendlyName>',
    '<manufacturer>MiniUPnP</manufacturer><manufacturerURL>http://miniupnp.free.fr/</manufacturerURL><modelDescription>WAN Device</modelDescription>',
    '<modelName>WAN Device</modelName><modelNumber>20221221</modelNumber><modelURL>http://miniupnp.free.fr/</modelURL>',
    '<serialNumber>00000000</serialNumber><UDN>uuid:00000000-0000-4000-8000-000000000002</UDN>',
    '<UPC>000000000000</UPC><serviceList><service><serviceType>urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1</serviceType>',
    '<serviceId>urn:upnp-org:serviceId:WANCommonIFC1</serviceId>',
    '<SCPDURL>/WANCfg.xml</SCPDURL><controlURL>/ctl/CmnIfCfg</controlURL><eventSubURL>/evt/CmnIfCfg</eventSubURL></service>',
    '</serviceList><deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:2</deviceType>',
    '<friendlyName>WANConnectionDevice</friendlyName>',
    '<manufacturer>MiniUPnP</manufacturer><manufacturerURL>http://miniupnp.free.fr/</manufacturerURL><modelDescription>MiniUPnP daemon</modelDescription>',
    '<modelName>MiniUPnPd</modelName><modelNumber>20221221</modelNumber><modelURL>http://miniupnp.free.fr/</modelURL>',
    '<serialNumber>00000000</serialNumber><UDN>uuid:00000000-0000-4000-8000-000000000003</UDN>',
    '<UPC>000000000000</UPC><serviceList><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:2</serviceType>',
    '<serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>',
    '<SCPDURL>/WANIPCn.xml</SCPDURL><controlURL>/ctl/IPConn</controlURL><eventSubURL>/evt/IPConn</eventSubURL></service>',
    '<service><serviceType>urn:schemas-upnp-org:service:WANIPv6FirewallControl:1</serviceType>',
    '<serviceId>urn:upnp-org:serviceId:WANIPv6Firewall1</serviceId>',
    '<SCPDURL>/WANIP6FC.xml</SCPDURL><controlURL>/ctl/IP6FCtl</controlURL><eventSubURL>/evt/IP6FCtl</eventSubURL></service>',
    '</serviceList></device></deviceList></device></deviceList><presentationURL>http://192.168.1.1/</presentationURL></device></root>',
  ].join(''),
} as const
