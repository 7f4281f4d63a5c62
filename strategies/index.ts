// The registry of strategies: adding a protocol is one folder and one line here. `config` and `compose` get it as an argument.
import { aaveV3 } from './aave-v3/strategy'
import { morphoBlue } from './morpho-blue/strategy'

export const strategies = [morphoBlue, aaveV3] as const
