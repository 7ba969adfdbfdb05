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
  left: z.number().describe('Tests that the link is still good for after this one.'),
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

const transport = z.enum(['udp', 'tcp', 'tls'])
/** Shown on terminals, so nothing in it may move a cursor. */
const plain = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^\P{Cc}*$/u)
const short = (about: string) => plain(255).describe(about)
const number = (about: string) => z.number().describe(about)

const remark = <T extends string>(...say: T[]) => z.enum(say).describe('Which sentence.')
const onWay = transport.describe('The way that it is about.')

const remarkShape = z.discriminatedUnion('say', [
  z.strictObject({ say: remark('all', 'tcp-blocked', 'tls-blocked', 'none-arrived', 'relay-gone') }),
  z.strictObject({
    say: remark('udp-blocked'),
    others: z.array(transport).max(3).describe('The ways that work.'),
  }),
  z.strictObject({ say: remark('answers-lost', 'no-call'), way: onWay }),
  z.strictObject({ say: remark('no-name'), host: short('The name that the browser could not look up.') }),
  z.strictObject({ say: remark('refused'), code: short('The error.') }),
  z.strictObject({
    say: remark('loss', 'delay', 'jitter'),
    way: onWay,
    value: number('A share of one, or milliseconds.'),
  }),
])

/** What a browser measured. Anyone with a link can send it, so nothing but what the page knows is taken. */
export const testMeasuredShape = z.strictObject({
  score: z
    .enum(['excellent', 'good', 'fair', 'poor', 'fail', 'unfinished'])
    .describe('`unfinished`: the relay went away during the test.'),
  remarks: z.array(remarkShape).max(32).describe('What the page said about the result.'),
  ways: z
    .array(
      z.strictObject({
        uri: short('The TURN URI.'),
        transport: transport.describe('How the browser reached the relay.'),
        port: number('The port of the relay.'),
        candidate: z.boolean().describe('It got a relayed address.'),
        connected: z.boolean().describe('It held a call through the relay.'),
        took: number('Milliseconds until the call stood.').exactOptional(),
        error: z
          .strictObject({
            code: number('A STUN error code, or 701 for no answer.'),
            text: short('What the browser said.'),
          })
          .describe('What it was told instead.')
          .exactOptional(),
        quality: z
          .strictObject({
            sent: number('Packets sent.'),
            lost: number('Packets that did not come back.'),
            delay: number(
              'Milliseconds to the relay and back; absent where nothing came back.',
            ).exactOptional(),
            jitter: number('Milliseconds by which the delay differs from one packet to the next.'),
            throughput: number('Bytes a second in one direction.'),
          })
          .describe('What the call was like.')
          .exactOptional(),
      }),
    )
    .max(32)
    .describe('One entry for each way to the relay.'),
  browser: plain(512).describe('How the browser names itself.'),
})

export const testLeftShape = z.strictObject({
  left: z.number().describe('Tests that the link is still good for.'),
})

export const testResultShape = z.strictObject({
  code: z.string().describe('The code of the result.'),
  at: z.number().describe('When the test ended, in milliseconds since the epoch.'),
  measured: testMeasuredShape.describe('What the browser measured.'),
  server: testViewShape.describe('What the relay saw of it.'),
})
