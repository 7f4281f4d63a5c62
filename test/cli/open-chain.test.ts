import { withBounds } from '../../src/commands/open-chain'
import type { ReadCall } from '../../src/core/folder'
import type { Address } from '../../src/core/primitives'
import type { Chain } from '../../src/ports'

describe('withBounds', () => {
  it('default: calls get the bounds of the configuration, unless they have their own', async () => {
    let asked: readonly ReadCall[] = []
    const chain: Pick<Chain, 'read'> = {
      read: async calls => {
        asked = calls
        return []
      },
    }
    const limits = { requestsPerSecond: 1, readGasCap: 50_000, readMaxBytes: 64, backfillRange: 1 }
    const to: Address = `0x${'11'.repeat(20)}`
    await withBounds(chain as Chain, limits).read(
      [
        { to, data: '0x' },
        { to, data: '0x', gasCap: 7, maxReturnBytes: 8 },
      ],
      '0x00',
    )
    expect(asked).toEqual([
      { to, data: '0x', gasCap: 50_000, maxReturnBytes: 64 },
      { to, data: '0x', gasCap: 7, maxReturnBytes: 8 },
    ])
  })
})
