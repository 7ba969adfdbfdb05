import t, { type Test } from 'tap'
import { leaseSuite } from '../../support/lease-suite.ts'
import { MemoryLeases } from '../../support/memory-leases.ts'

leaseSuite(t as Test, async () => new MemoryLeases(), { runs: 6 })
