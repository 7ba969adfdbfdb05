import type { AllocationId } from '../base/ids.ts'
import type { Traffic } from '../base/route.ts'

/** What one allocation has carried so far, and how much it holds. */
export interface Reading {
  readonly allocation: AllocationId
  readonly expires: number
  readonly permissions: number
  readonly channels: number
  readonly traffic: Traffic
  readonly dropped: number
}

/** Numbers in a row. */
const ROW = 9

/** Writes readings as rows of numbers, which cross from one thread to another as they are. */
export function writeReadings(readings: readonly Reading[]): Float64Array {
  const values = new Float64Array(readings.length * ROW)
  for (const [i, { allocation, expires, permissions, channels, traffic, dropped }] of readings.entries()) {
    const { toPeer, toClient } = traffic
    values.set(
      [
        allocation,
        expires,
        permissions,
        channels,
        toPeer.packets,
        toPeer.bytes,
        toClient.packets,
        toClient.bytes,
        dropped,
      ],
      i * ROW,
    )
  }
  return values
}

export function readReadings(values: Float64Array): Reading[] {
  return Array.from({ length: values.length / ROW }, (_, i) => {
    const [allocation, expires, permissions, channels, ...traffic] = values.subarray(i * ROW, (i + 1) * ROW)
    return {
      allocation: allocation as AllocationId,
      expires: expires!,
      permissions: permissions!,
      channels: channels!,
      traffic: {
        toPeer: { packets: traffic[0]!, bytes: traffic[1]! },
        toClient: { packets: traffic[2]!, bytes: traffic[3]! },
      },
      dropped: traffic[4]!,
    }
  })
}
