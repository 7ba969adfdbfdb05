import { type Address, address, formatIp, parseIp } from '../base/address.ts'
import { TaciturnError } from './errors.ts'

/** An IP address in text and a port, as `node:net` has them. */
export interface HostPort {
  readonly address: string
  readonly port: number
}

export function toHostPort(of: Address): HostPort {
  return { address: formatIp(of.ip), port: of.port }
}

/** Throws `INVALID_ADDRESS` where the text is not an IP address: names are not looked up for peers. */
export function fromHostPort({ address: text, port }: HostPort): Address {
  const ip = parseIp(text)
  if (!ip || !Number.isInteger(port) || port < 0 || port > 65535)
    throw new TaciturnError('INVALID_ADDRESS', `${text}:${port} is not an IP address and a port`)
  return address(ip, port)
}
