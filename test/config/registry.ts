// A small registry for configuration tests: the real ones have their own tests.
import { z } from 'zod'
import type { Registry } from '../../src/config/config'

export const registry: Registry = {
  strategies: [
    {
      name: 'morpho-blue',
      configSchema: z.strictObject({
        address: z.string().regex(/^0x[0-9a-f]{40}$/),
        fromBlock: z.number().describe('First block.'),
      }),
    },
  ],
  venues: [
    {
      name: 'uniswap-v3',
      configSchema: z.strictObject({ pools: z.array(z.string()).optional(), factory: z.string().optional() }),
    },
  ],
}

export const ADDRESS = '0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed'
/** Its EIP-55 form, from the EIP's own test cases. */
export const CHECKSUMMED = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'

/** The smallest chain that is accepted, with `more` on top. */
export const chainWith = (more: object = {}): object => ({
  id: 1,
  rpc: ['ws://127.0.0.1:8546'],
  wrappedNative: ADDRESS,
  strategies: { 'morpho-blue': { address: ADDRESS, fromBlock: 0 } },
  venues: { 'uniswap-v3': { pools: [ADDRESS] } },
  ...more,
})
