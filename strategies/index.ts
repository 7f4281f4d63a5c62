// The registry of strategies: adding a protocol is one folder and one line here. `config` and `compose` get it as an argument.
import { morphoBlue } from './morpho-blue/strategy'

export const strategies = [morphoBlue] as const
