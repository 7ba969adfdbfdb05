import { type Owner, ownerKey } from '../event.ts'

/**
 * What one user holds here in all their allocations. What has ended counts
 * until it is swept away, within about a second.
 */
export interface UserHolding {
  readonly key: string
  allocations: number
  permissions: number
  channels: number
}

/** Who holds how much. Entries go with a user's last allocation. */
export class UserHoldings {
  readonly #byKey = new Map<string, UserHolding>()

  /** Users who hold something. */
  get size(): number {
    return this.#byKey.size
  }

  /** The user's entry, for one more allocation; given back by `leave`. */
  join(owner: Owner): UserHolding {
    const key = ownerKey(owner)
    let holding = this.#byKey.get(key)
    if (!holding) {
      holding = { key, allocations: 0, permissions: 0, channels: 0 }
      this.#byKey.set(key, holding)
    }
    holding.allocations++
    return holding
  }

  leave(holding: UserHolding): void {
    if (--holding.allocations === 0) this.#byKey.delete(holding.key)
  }
}
