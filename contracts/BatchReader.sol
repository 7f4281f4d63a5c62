// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Many view calls in one `eth_call` without a `to`: this creation code runs, answers, and is never deployed.
///
/// No callee can spoil the others' answers: each has its own gas cap, at most `maxReturn` bytes of an answer are ever copied, and a
/// call whose cap can't be met any more is reported as such instead of failing for want of gas.
///
/// Input, appended to the creation code (big endian, packed):
///   u8 delivery (0: revert with the answers, 1: return them) | u16 calls in all | groups... | u32 bytes of all before this field
///   group: u16 count | u32 gasCap | u32 maxReturn | u16 prefixLength | u16 tailLength | u8 shared | target if shared | prefix
///          then count times: target if not shared | tail.       A call's data is prefix ‖ tail.
/// Output: 0x01, then for each call u8 status and, where it is 0, u24 length | answer.
///   status 0: ok, 1: reverted or out of its gas, 2: answer too long, 3: no code, 4: not tried for want of gas
///
/// Delivery by revert is the default: a returned answer counts as code, is cut at 24,576 bytes and pays 200 gas for each of them.
contract BatchReader {
    constructor() {
        assembly ("memory-safe") {
            let end := sub(codesize(), 4)
            codecopy(0, end, 4)
            let cursor := sub(end, shr(224, mload(0)))
            codecopy(0, cursor, 3)
            let returns := byte(0, mload(0))
            let remaining := and(shr(232, mload(0)), 0xffff)
            cursor := add(cursor, 3)

            // Answers grow from 0x80 on. Each call's data is laid where its answer will go: it is not needed any more by then.
            mstore8(0x80, 1)
            let out := 0x81
            for {} lt(cursor, end) {} {
                codecopy(0, cursor, 15)
                let group := mload(0)
                let prefixLength := and(shr(160, group), 0xffff)
                let tailLength := and(shr(144, group), 0xffff)
                cursor := add(cursor, 15)
                let target := 0
                if byte(14, group) {
                    codecopy(0, cursor, 20)
                    target := shr(96, mload(0))
                    cursor := add(cursor, 20)
                }
                let prefix := cursor
                cursor := add(cursor, prefixLength)
                for { let count := shr(240, group) } count { count := sub(count, 1) } {
                    if iszero(byte(14, group)) {
                        codecopy(0, cursor, 20)
                        target := shr(96, mload(0))
                        cursor := add(cursor, 20)
                    }
                    codecopy(add(out, 4), prefix, prefixLength)
                    codecopy(add(add(out, 4), prefixLength), cursor, tailLength)
                    cursor := add(cursor, tailLength)
                    remaining := sub(remaining, 1)

                    let gasCap := and(shr(208, group), 0xffffffff)
                    let maxReturn := and(shr(176, group), 0xffffffff)
                    let status := 4
                    // EIP-150 keeps 1/64 back. The rest is for this answer's memory and for telling the later calls' fate.
                    if gt(gas(), add(add(div(mul(gasCap, 64), 63), mul(2, maxReturn)), add(30000, mul(500, remaining)))) {
                        status := 3
                        if extcodesize(target) {
                            status := iszero(staticcall(gasCap, target, add(out, 4), add(prefixLength, tailLength), 0, 0))
                            if and(iszero(status), gt(returndatasize(), maxReturn)) { status := 2 }
                        }
                    }
                    if iszero(status) {
                        // u8 status 0 and u24 length are the four bytes of the length.
                        mstore(0, shl(224, returndatasize()))
                        mstore8(out, 0)
                        mstore8(add(out, 1), byte(1, mload(0)))
                        mstore8(add(out, 2), byte(2, mload(0)))
                        mstore8(add(out, 3), byte(3, mload(0)))
                        returndatacopy(add(out, 4), 0, returndatasize())
                        out := add(add(out, 4), returndatasize())
                        continue
                    }
                    mstore8(out, status)
                    out := add(out, 1)
                }
            }
            if returns { return(0x80, sub(out, 0x80)) }
            revert(0x80, sub(out, 0x80))
        }
    }
}
