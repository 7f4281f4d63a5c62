// The functions that the lab calls on its world, in the contracts' own words.
import { parseAbi } from 'viem'

const PARAMS = '(address loanToken, address collateralToken, address oracle, address irm, uint256 lltv) params'

export const morphoAbi = parseAbi([
  'function enableIrm(address irm)',
  'function enableLltv(uint256 lltv)',
  `function createMarket(${PARAMS})`,
  `function supply(${PARAMS}, uint256 assets, uint256 shares, address onBehalf, bytes data)`,
  `function supplyCollateral(${PARAMS}, uint256 assets, address onBehalf, bytes data)`,
  `function borrow(${PARAMS}, uint256 assets, uint256 shares, address onBehalf, address receiver)`,
  `function repay(${PARAMS}, uint256 assets, uint256 shares, address onBehalf, bytes data)`,
  `function liquidate(${PARAMS}, address borrower, uint256 seizedAssets, uint256 repaidShares, bytes data) returns (uint256, uint256)`,
  `function accrueInterest(${PARAMS})`,
  'function position(bytes32 id, address user) view returns (uint256 supplyShares, uint128 borrowShares, uint128 collateral)',
  'event Liquidate(bytes32 indexed id, address indexed caller, address indexed borrower, uint256 repaidAssets, uint256 repaidShares, uint256 seizedAssets, uint256 badDebtAssets, uint256 badDebtShares)',
])

export const lensAbi = parseAbi([
  `function read(address morpho, ${PARAMS}, address[] accounts) returns (uint256 price, uint256[] rows)`,
])

export const tokenAbi = parseAbi([
  'function mint(address to, uint256 amount)',
  'function approve(address spender, uint256 amount)',
  'function transfer(address to, uint256 amount)',
  'function deposit() payable',
  'function balanceOf(address account) view returns (uint256)',
])

export const feedAbi = parseAbi(['function submit(int256 answer)', 'function latestAnswer() view returns (int256)'])

export const factoryAbi = parseAbi([
  'function createPool(address tokenA, address tokenB, uint24 fee) returns (address)',
  'function enableFeeAmount(uint24 fee, int24 tickSpacing)',
])

export const poolAbi = parseAbi([
  'function initialize(uint160 sqrtPriceX96)',
  'function slot0() view returns (uint160 sqrtPriceX96, int24 tick, uint16, uint16, uint16, uint8, bool)',
])

export const marketMakerAbi = parseAbi([
  'function provide(address pool, int24 lower, int24 upper, uint128 liquidity)',
  'function bringBack((address pool, uint160 lowestX96, uint160 highestX96)[] bands)',
])

export const routerAbi = parseAbi([
  'struct ExactInputSingleParams { address tokenIn; address tokenOut; uint24 fee; address recipient; uint256 deadline; uint256 amountIn; uint256 amountOutMinimum; uint160 sqrtPriceLimitX96; }',
  'function exactInputSingle(ExactInputSingleParams params) payable returns (uint256 amountOut)',
])

const RIG_SUBJECT = [
  'struct Params { address loanToken; address collateralToken; address oracle; address irm; uint256 lltv; }',
  'struct Subject { address morpho; address router; address wrappedNative; Params params; address borrower; }',
  'struct Size { uint256 seizedAssets; uint256 repaidShares; }',
  'struct Route { bool isBuyFirst; bytes sell; bytes buy; }',
] as const

export const refereeRigAbi = parseAbi([
  ...RIG_SUBJECT,
  'function measure(Subject subject, Size[] sizes, Route[] routes) returns (uint256[] gains, uint256[] gasUsed)',
])
