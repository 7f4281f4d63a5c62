// Price series that a lab world can play, and the recorded crash of March 2020. Figures only: nothing here touches a chain.
// Prices are market observations in floating point; money that is computed from them elsewhere is bigint.
import { KeeperError } from '../../core/errors'
import march2020 from './march-2020.json'

/** USD closes per whole token; close i is the price at `startSec + (i + 1) * barSec`. All assets have equally many. */
export interface PriceSeries {
  readonly startSec: number
  readonly barSec: number
  readonly closes: Readonly<Record<string, readonly number[]>>
}

/** How much steeper or flatter asset y moves than asset x: least squares of y's log returns on x's. */
export const fitBeta = (x: readonly number[], y: readonly number[]): number => {
  const returns = (values: readonly number[]): readonly number[] =>
    values.slice(1).map((value, index) => Math.log(value / (values[index] ?? value)))
  const [rx, ry] = [returns(x), returns(y)]
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const [mx, my] = [mean(rx), mean(ry)]
  const covariance = rx.reduce((sum, value, index) => sum + (value - mx) * ((ry[index] ?? my) - my), 0)
  const variance = rx.reduce((sum, value) => sum + (value - mx) ** 2, 0)
  if (!(variance > 0)) throw new KeeperError('lab-failed', 'no beta can be fitted on a constant series', { retryable: false })
  return covariance / variance
}

/** `known`, then continued by the leader's log returns times `beta` up to the leader's length. */
export const continueWith = (known: readonly number[], leader: readonly number[], beta: number): readonly number[] => {
  const whole = [...known]
  for (let i = known.length; i < leader.length; i++) {
    whole.push((whole[i - 1] ?? 0) * ((leader[i] ?? 0) / (leader[i - 1] ?? 1)) ** beta)
  }
  return whole
}

const STAKED_CALM_RATE = 0.999
const STAKED_DISCOUNT_PER_DRAWDOWN = 0.16
const STAKED_MEMORY_BARS = 144
const STAKED_SMOOTHING = 1 / 12
const LINK_START_USD = 3.6
const LINK_BETA = 1.05

/** Staked ETH per ETH: a discount that follows the smoothed log drawdown of ETH from its high of the last 12 hours. Synthetic. */
export const stakedRate = (eth: readonly number[]): readonly number[] => {
  let smoothed = 0
  return eth.map((price, index) => {
    const high = Math.max(...eth.slice(Math.max(0, index + 1 - STAKED_MEMORY_BARS), index + 1))
    smoothed += STAKED_SMOOTHING * (Math.log(high / price) - smoothed)
    return STAKED_CALM_RATE - STAKED_DISCOUNT_PER_DRAWDOWN * smoothed
  })
}

/**
 * 12-13 March 2020 (UTC): ETH as recorded; BTC as recorded to 12 March 21:10, then modelled; STETH and LINK synthetic.
 * The rules and their reasons are in this folder's README.
 */
export const march2020Crash = (): PriceSeries => {
  const eth = march2020.ethUsdCloses
  const btc = march2020.btcUsdCloses
  const rate = stakedRate(eth)
  return {
    startSec: march2020.startSec,
    barSec: march2020.barSec,
    closes: {
      ETH: eth,
      BTC: continueWith(btc, eth, fitBeta(eth.slice(0, btc.length), btc)),
      STETH: eth.map((price, index) => price * (rate[index] ?? 1)),
      LINK: continueWith([LINK_START_USD], eth, LINK_BETA),
    },
  }
}
