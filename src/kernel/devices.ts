import { networkInterfaces } from 'node:os'

const NO_MAC = '00:00:00:00:00:00'

/** The devices that datagrams for this machine come in by: with Ethernet frames, and an address that others can use. */
export function ethernetDevices(): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) => {
    const isUsed = addresses?.some(
      ({ internal, mac, address, family }) =>
        !internal && mac !== NO_MAC && !(family === 'IPv6' && address.startsWith('fe80:')),
    )
    // An alias such as eth0:1 is the same device.
    return isUsed && !name.includes(':') ? [name] : []
  })
}
