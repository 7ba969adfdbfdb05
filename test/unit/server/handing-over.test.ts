import t from 'tap'
import { tiedTo } from '../../../src/process/handing-over.ts'

t.test('no upgrade where the new process would end with the old one', async t => {
  t.match(tiedTo({}, 1), { key: 'upgrade.container' })
  t.match(tiedTo({ SYSTEMD_EXEC_PID: '77' }, 77), { key: 'upgrade.systemd' })
  t.equal(tiedTo({ SYSTEMD_EXEC_PID: '77', NOTIFY_SOCKET: '/run/notify' }, 77), undefined)
  t.equal(tiedTo({ SYSTEMD_EXEC_PID: '12' }, 77), undefined, 'a shell of the unit has started it')
})
