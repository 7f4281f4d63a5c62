// Where contracts/Liquidator.sol stands: the same address on every chain for the same owner. Must not send anything.
import { concatHex, encodeDeployData, getContractAddress, keccak256, toHex } from 'viem'
import type { Address, Hex } from '../core/primitives'
import { Liquidator } from './liquidator-artifact'

/** The deployer that stands at this address on nearly every chain: calldata is salt ‖ creation code. */
export const CREATE2_DEPLOYER: Address = '0x4e59b44847b379578588920ca78fbf26c0b4956c'

export const LIQUIDATOR_SALT: Hex = keccak256(toHex('bulwark liquidator 1'))

/** keccak256 of the code that must stand at a Liquidator's address. */
export const LIQUIDATOR_RUNTIME_HASH: Hex = Liquidator.runtimeHash

/**
 * Data of an `eth_call` without a `to`: writes 1 to a transient slot, reads it back and returns the word. An error, or anything but 1,
 * means that the chain has no EIP-1153: the Liquidator can't work there.
 */
export const TRANSIENT_PROBE: Hex = '0x600160005d60005c60005260206000f3'

/** Creation code with the owner: the only argument. */
export const liquidatorInitCode = (owner: Address): Hex =>
  encodeDeployData({ abi: Liquidator.abi, bytecode: Liquidator.bytecode, args: [owner] })

/** Where `deploymentCall(owner)` puts it. */
export const liquidatorAddress = (owner: Address): Address =>
  getContractAddress({
    opcode: 'CREATE2',
    from: CREATE2_DEPLOYER,
    salt: LIQUIDATOR_SALT,
    bytecode: liquidatorInitCode(owner),
  }).toLowerCase() as Address

/** The transaction that deploys it. */
export const deploymentCall = (owner: Address): { readonly to: Address; readonly data: Hex } => ({
  to: CREATE2_DEPLOYER,
  data: concatHex([LIQUIDATOR_SALT, liquidatorInitCode(owner)]),
})
