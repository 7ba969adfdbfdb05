import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { needlessPrivileges, readPrivileges } from '../../../src/system/privileges.ts'
import { type RunningText, sayRunning } from '../../../src/texts/running.ts'

const said = (text: RunningText | undefined) => text && sayRunning(text, 'en')

t.test('root is told that it need not be root [OPS-19]', t => {
  t.match(said(needlessPrivileges(read(t, '0', '000001ffffffffff'))), /^running as root/)
  t.end()
})

t.test('a user without capabilities, or with that for low ports, is told nothing [OPS-19]', t => {
  t.equal(needlessPrivileges(read(t, '995', '0000000000000000')), undefined)
  t.equal(needlessPrivileges(read(t, '995', '0000000000000400')), undefined)
  t.end()
})

t.test('capabilities that are of no use are named [OPS-19]', t => {
  t.match(said(needlessPrivileges(read(t, '995', '0000000000003400'))), /numbers 12, 13 of capability\.h/)
  t.end()
})

t.test('a system without /proc says nothing', t => {
  t.equal(readPrivileges('/nowhere/status'), undefined)
  t.end()
})

function read(t: Test, uid: string, capabilities: string) {
  const file = join(t.testdir({}), 'status')
  writeFileSync(
    file,
    `Name:\tnode\nUid:\t1000\t${uid}\t${uid}\t${uid}\nCapPrm:\t0\nCapEff:\t${capabilities}\n`,
  )
  return readPrivileges(file)!
}
