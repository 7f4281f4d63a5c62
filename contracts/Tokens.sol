// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

error TokenFailed(address token);

/// @dev ERC-20 as it is met: tokens that return nothing or false, that send megabytes, that want approve(0) first. No answer is ever
/// copied beyond a word. Callers have read a balance of the token before they move it, so it has code.
library Tokens {
    /// @dev The zero address is the native coin.
    function balanceOf(address token) internal view returns (uint256 held) {
        if (token == address(0)) return address(this).balance;
        bool ok;
        assembly ("memory-safe") {
            mstore(0, shl(224, 0x70a08231))
            mstore(4, address())
            ok := staticcall(gas(), token, 0, 36, 0, 32)
            ok := and(ok, gt(returndatasize(), 31))
            held := mload(0)
        }
        if (!ok) revert TokenFailed(token);
    }

    /// @dev What `spender` may still take of ours.
    function allowance(address token, address spender) internal view returns (uint256 allowed) {
        bool ok;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, shl(224, 0xdd62ed3e))
            mstore(add(data, 4), address())
            mstore(add(data, 36), spender)
            ok := staticcall(gas(), token, data, 68, 0, 32)
            ok := and(ok, gt(returndatasize(), 31))
            allowed := mload(0)
        }
        if (!ok) revert TokenFailed(token);
    }

    function transfer(address token, address to, uint256 amount) internal {
        if (!_try(token, 0xa9059cbb, to, amount)) revert TokenFailed(token);
    }

    /// @dev For tokens that change an allowance only from or to zero: through zero, where the direct way fails.
    function approve(address token, address spender, uint256 amount) internal {
        if (_try(token, 0x095ea7b3, spender, amount)) return;
        bool isReset = _try(token, 0x095ea7b3, spender, 0);
        if (!isReset || !_try(token, 0x095ea7b3, spender, amount)) revert TokenFailed(token);
    }

    function transferFrom(address token, address from, uint256 amount) internal {
        bool ok;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, shl(224, 0x23b872dd))
            mstore(add(data, 4), from)
            mstore(add(data, 36), address())
            mstore(add(data, 68), amount)
            mstore(0, 1)
            ok := call(gas(), token, 0, data, 100, 0, 32)
            ok := and(ok, and(eq(mload(0), 1), or(iszero(returndatasize()), gt(returndatasize(), 31))))
        }
        if (!ok) revert TokenFailed(token);
    }

    /// @dev transfer or approve. Success is: no revert, and true or nothing said.
    function _try(address token, uint256 selector, address who, uint256 amount) private returns (bool ok) {
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, shl(224, selector))
            mstore(add(data, 4), who)
            mstore(add(data, 36), amount)
            mstore(0, 1)
            ok := call(gas(), token, 0, data, 68, 0, 32)
            ok := and(ok, and(eq(mload(0), 1), or(iszero(returndatasize()), gt(returndatasize(), 31))))
        }
    }
}
