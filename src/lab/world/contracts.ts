// Official bytecode of the contracts that a lab world deploys, read from the development packages at run time.
// None of it may be copied into this repository.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { KeeperError } from '../../core/errors'
import type { Hex } from '../../core/primitives'

const load = createRequire(__filename)

const MORPHO = '@morpho-org/morpho-blue-bundlers/types/factories/lib'

const SOURCES = {
  Morpho: `${MORPHO}/morpho-blue/src/Morpho__factory.js`,
  AdaptiveCurveIrm: `${MORPHO}/morpho-blue-irm/src/adaptive-curve-irm/AdaptiveCurveIrm__factory.js`,
  UniswapV3Factory: '@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json',
  UniswapV3Pool: '@uniswap/v3-core/artifacts/contracts/UniswapV3Pool.sol/UniswapV3Pool.json',
  SwapRouter: '@uniswap/v3-periphery/artifacts/contracts/SwapRouter.sol/SwapRouter.json',
  QuoterV2: '@uniswap/v3-periphery/artifacts/contracts/lens/QuoterV2.sol/QuoterV2.json',
  NonfungiblePositionManager:
    '@uniswap/v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/NonfungiblePositionManager.json',
  WETH9: 'canonical-weth/build/contracts/WETH9.json',
} as const

export type OfficialContract = keyof typeof SOURCES

const cache = new Map<OfficialContract, Hex>()

const readSource = (path: string): string => {
  try {
    return readFileSync(load.resolve(path), 'utf8')
  } catch (cause) {
    const message = `${path} is not installed: the local world needs the development packages, run \`npm ci\``
    throw new KeeperError('lab-failed', message, { retryable: false, cause })
  }
}

/** Creation code without constructor arguments. Throws KeeperError 'lab-failed' where the package is absent or odd. */
export const officialBytecode = (name: OfficialContract): Hex => {
  const known = cache.get(name)
  if (known !== undefined) return known
  const path = SOURCES[name]
  const text = readSource(path)
  // Typechain factories need ethers to be required, so their constant is read as text; build files are JSON.
  const found = path.endsWith('.js')
    ? /_bytecode = "(0x[0-9a-fA-F]+)"/.exec(text)?.[1]
    : (JSON.parse(text) as { bytecode?: string }).bytecode
  if (found === undefined || !/^0x[0-9a-fA-F]+$/.test(found)) {
    throw new KeeperError('lab-failed', `no linked bytecode in ${path}`, { retryable: false })
  }
  const bytecode = found.toLowerCase() as Hex
  cache.set(name, bytecode)
  return bytecode
}
