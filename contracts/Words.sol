// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// Single words of calldata and of transient storage, and revert reasons of bounded length. Nothing here knows what they mean.

/// @dev Most that is read of what a callee reverted with: a hostile one sends no more than we care for.
uint256 constant MAX_REASON = 100;

/// @dev The 32 bytes of this call's data from `cursor` on; zeros beyond its end.
function wordAt(uint256 cursor) pure returns (uint256 word) {
    assembly ("memory-safe") {
        word := calldataload(cursor)
    }
}

function addressAt(uint256 cursor) pure returns (address) {
    return asAddress(wordAt(cursor) >> 96);
}

/// @dev The low 20 bytes, cleanly: the compiler need not clear the rest on a conversion, and assembly would see it.
function asAddress(uint256 word) pure returns (address clean) {
    assembly ("memory-safe") {
        clean := shr(96, shl(96, word))
    }
}

function transientLoad(uint256 slot) view returns (uint256 value) {
    assembly ("memory-safe") {
        value := tload(slot)
    }
}

function transientStore(uint256 slot, uint256 value) {
    assembly ("memory-safe") {
        tstore(slot, value)
    }
}

/// @dev What the last call reverted with, cut to MAX_REASON bytes.
function lastReason() pure returns (bytes memory reason) {
    assembly ("memory-safe") {
        let size := returndatasize()
        if gt(size, MAX_REASON) { size := MAX_REASON }
        reason := mload(0x40)
        mstore(reason, size)
        returndatacopy(add(reason, 32), 0, size)
        mstore(0x40, add(reason, 160))
    }
}

function revertWithLastReason() pure {
    bytes memory reason = lastReason();
    assembly ("memory-safe") {
        revert(add(reason, 32), mload(reason))
    }
}
