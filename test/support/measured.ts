import type { TestMeasured } from '../../src/control/view.ts'

/** What a browser measured where UDP is blocked and TLS works. */
export const MEASURED: TestMeasured = {
  score: 'good',
  remarks: [{ say: 'udp-blocked', others: ['tls'] }],
  ways: [
    {
      uri: 'turn:turn.example.org:3478?transport=udp',
      transport: 'udp',
      port: 3478,
      candidate: false,
      connected: false,
      error: { code: 701, text: 'TURN allocate request timed out.' },
    },
    {
      uri: 'turns:turn.example.org:443?transport=tcp',
      transport: 'tls',
      port: 443,
      candidate: true,
      connected: true,
      took: 210.4,
      quality: { sent: 100, lost: 1, delay: 31.2, jitter: 2.1, throughput: 584_717.6 },
    },
  ],
  browser: 'Mozilla/5.0 (of a test)',
}
