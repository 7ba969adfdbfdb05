import { z } from 'zod'
import { familyShape, trafficShape, viaShape } from '../shapes.ts'

/* What the test page and the operator are told of a test. Unlike elsewhere, addresses stand in it. */

export const testStartAsked = z.strictObject({
  code: z.string().max(64).describe('The code of the link, which is used up by it.'),
})

export const testStartShape = z.strictObject({
  handle: z
    .string()
    .describe('Names this test in the other requests of the page; anyone who has it may see the test.'),
  realm: z.string().describe('The realm of the relay.'),
  iceServers: z
    .array(
      z.strictObject({
        urls: z.string().describe('A TURN URI.'),
        username: z.string().describe('The user name for it.'),
        credential: z.string().describe('The password for it.'),
      }),
    )
    .describe('As `RTCPeerConnection` takes them; one entry for each way of reaching the relay.'),
  expires: z.number().describe('When the credential ends, in milliseconds since the epoch.'),
})

/** What the relay saw of one test, by one transport and address family. */
export const testWayShape = z.strictObject({
  transport: viaShape,
  family: familyShape,
  client: z.string().describe('Address and port as they reached the relay, the last ones.'),
  challenged: z
    .number()
    .describe('Requests without credentials, which are answered with a challenge: how every session begins.'),
  opened: z.number().describe('Allocations that were opened.'),
  refused: z.record(z.string(), z.number()).describe('Requests that were refused, by reason.'),
  traffic: trafficShape.describe('What was relayed.'),
})

export const testViewShape = z.strictObject({
  client: z
    .string()
    .describe("Address of the browser; behind a proxy that is not in `console.trustedProxies`, the proxy's."),
  started: z.number().describe('When it began, in milliseconds since the epoch.'),
  ways: z
    .array(testWayShape)
    .describe('Empty: nothing has reached the relay, so something on the way holds it back.'),
})

export const testCodeShape = z.strictObject({
  code: z.string().describe('What to tell the operator: `KIWI-4821`.'),
  expires: z.number().describe('Until when the result is kept, in milliseconds since the epoch.'),
})

export const testResultShape = z.strictObject({
  code: z.string().describe('The code of the result.'),
  at: z.number().describe('When the test ended, in milliseconds since the epoch.'),
  measured: z.unknown().describe('Whatever the browser measured.'),
  server: testViewShape.describe('What the relay saw of it.'),
})
