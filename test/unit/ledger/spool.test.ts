import { open } from 'node:fs/promises'
import t from 'tap'
import { Spool } from '../../../src/ledger/spool.ts'
import { usageRow } from '../../support/ledger-suite.ts'

const WRITER = '0123456789abcdef'

t.test('a batch is whole, although the disk takes only a part of what is written at a time', async t => {
  await onePartAtATime(async () => {
    const spool = new Spool(t.testdir())
    const rows = [usageRow('alice', 1), usageRow('björn', 2)]
    const octets = await spool.write({ writer: WRITER, sequence: 1, rows })
    t.equal(octets, await spool.size())
    const read = await spool.read(file => t.fail(file))
    t.strictSame(
      read.map(({ batch }) => batch),
      [{ writer: WRITER, sequence: 1, rows }],
    )
  })
})

/** Has every write take seven octets, as one takes what there is room for on a disk that is almost full. */
async function onePartAtATime(work: () => Promise<void>): Promise<void> {
  const handle = await open(import.meta.filename)
  const prototype = Object.getPrototypeOf(handle)
  await handle.close()
  const { write } = prototype
  prototype.write = function (data: string | Buffer, offset = 0) {
    const bytes = Buffer.from(data)
    return write.call(this, bytes, offset, Math.min(7, bytes.length - offset))
  }
  try {
    await work()
  } finally {
    prototype.write = write
  }
}
