import { chmodSync, chownSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { closing } from '../../../src/config/find.ts'

t.test(
  'N-01: a file in the folder of a service is closed to others, and stays open to the service',
  async t => {
    const folder = t.testdir({ secret: 'x' })
    const file = join(folder, 'secret')
    t.equal(closing(file), `chmod 600 ${file}`)
    if (process.getuid!() === 0) chownSync(folder, 0, 12345)
    chmodSync(folder, 0o750)
    t.equal(closing(file), `chgrp --reference=${folder} ${file} && chmod 640 ${file}`)
    chmodSync(folder, 0o700)
    t.equal(closing(file), `chmod 600 ${file}`, 'where no group can look into the folder')
  },
)
