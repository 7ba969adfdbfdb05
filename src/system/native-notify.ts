import { getSystemErrorName } from 'node:util'
import { loadAddon } from './native-addon.ts'

/**
 * Sends a message such as `READY=1` to the service manager's socket, the value
 * of NOTIFY_SOCKET (sd_notify(3)), with copies of descriptors. Returns why it could not.
 */
export function notifyManager(
  socket: string,
  message: string,
  descriptors: readonly number[] = [],
): string | undefined {
  const addon = loadAddon()
  if (!addon.ok) return addon.error
  const result = addon.value.notify(socket, message, Int32Array.from(descriptors))
  return result < 0 ? getSystemErrorName(result) : undefined
}
