// Every venue that the house knows: a new one is a folder and a line here.
import { uniswapV3 } from './uniswap-v3/venue'

export const venues = [uniswapV3] as const
