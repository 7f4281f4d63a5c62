// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Tokens} from "./Tokens.sol";
import {addressAt, asAddress, revertWithLastReason, transientLoad, transientStore, wordAt} from "./Words.sol";

/// @title Performs programs: the steps of a leg, and the steps inside the callbacks that they lead to.
///
/// Packed encoding, big endian (src/executor/encode.ts writes it). A program is a sequence of steps:
///   call     u8 op | 20 to | u16 length | u16 programAt | [20 from] | data | fills: (u16 position | amount)...
///            op: 0 | 4 if a callback is awaited | 8 if it comes from `from`, not from `to` | fills << 4
///            The program of the callback is the data from `programAt` to its end. A fill at 0xffff sets the call's value.
///   pay      u8 op | u8 token | [20 to] | amount        op: 1 | 4 if `to` is the caller of the running callback
///   approve  u8 op | u8 token | [20 spender] | amount   op: 2 | 4 likewise
///   draw     u8 op | u8 token | amount                  op: 3
/// amount: u8 source and flags | u8 operand | [u128 if exact]
///   source 0: exact; 1: argument word `operand` of the running callback; 2: gained of token `operand`;
///          3: bytes from 16 * `operand` on of what the last call returned (32 of them, or 16 with flag 8)
///   flags  4: the source is negative, turn its sign; 16: turn the sign of the result
/// token: 0 is the token that profit is counted in; i the leg's i-th. The zero address is the native coin, for `gained` only.
abstract contract Steps {
    using Tokens for address;

    error Overspent(address token, uint256 held, uint256 baseline);
    error OverInventoryCap(address token, uint256 drawn, uint256 cap);
    error UndeclaredToken(uint256 index);
    error RefusedCall(address to, bytes4 selector);
    error RefusedFill(uint256 position);
    error RefusedCallback(address caller);
    error RefusedInitiator(address initiator);
    error MissingCallback(address from);
    error BadAmount(uint256 value);

    // Transient slots. All but DRAWN are zero again after a run, since several runs may share a transaction.
    uint256 internal constant COMMITMENT = 1;
    uint256 internal constant TOKENS = 0x100; // + index: DECLARED | token; that of index 0 is set during a run, and only then
    uint256 internal constant BASELINES = 0x200; // + index: what we held of it when the leg began
    uint256 internal constant APPROVALS = 0x300; // how many; + 1 + n: token index << 160 | spender
    uint256 internal constant DRAWN = 1 << 161; // + token: drawn in this transaction
    uint256 internal constant DECLARED = 1 << 160;

    uint256 private constant VALUE = 0xffff;

    function _performStepsOf(uint256 cursor, uint256 end) internal {
        while (cursor < end) {
            uint256 op = wordAt(cursor) >> 248;
            cursor = op & 3 == 0 ? _call(cursor, op) : _move(cursor, op);
        }
    }

    // ------------------------------------------------------------------------------------------------------------------ steps

    /// @dev A generic call: its data is laid in free memory, filled, and committed to if it leads to a callback.
    function _call(uint256 cursor, uint256 op) private returns (uint256 next) {
        unchecked {
            uint256 head = wordAt(cursor);
            address to = asAddress(head >> 88);
            uint256 length = uint16(head >> 72);
            address from = to;
            cursor += 25;
            if (op & 8 != 0) {
                from = addressAt(cursor);
                cursor += 20;
            }
            _refuseMoves(to, wordAt(cursor) >> 224);
            uint256 data;
            assembly ("memory-safe") {
                data := mload(0x40)
                calldatacopy(data, cursor, length)
            }
            uint256 value;
            (value, next) = _fill(data, length, cursor + length, op >> 4);
            if (op & 4 != 0) {
                uint256 programAt = uint16(head >> 56);
                transientStore(COMMITMENT, _commitment(data + programAt, length - programAt, from));
            }
            bool ok;
            assembly ("memory-safe") {
                ok := call(gas(), to, value, data, length, 0, 0)
            }
            if (!ok) revertWithLastReason();
            if (op & 4 != 0 && transientLoad(COMMITMENT) != 0) revert MissingCallback(from);
        }
    }

    /// @dev Writes amounts into the data; the selector, which is judged before, stays as it is.
    function _fill(uint256 data, uint256 length, uint256 cursor, uint256 fills) private view returns (uint256 value, uint256) {
        unchecked {
            for (; fills != 0; fills--) {
                uint256 position = wordAt(cursor) >> 240;
                uint256 amount;
                (amount, cursor) = _amount(cursor + 2);
                if (position == VALUE) {
                    value = amount;
                    continue;
                }
                if (position < 4 || position + 32 > length) revert RefusedFill(position);
                assembly ("memory-safe") {
                    mstore(add(data, position), amount)
                }
            }
            return (value, cursor);
        }
    }

    /// @dev pay, approve, draw: the only steps that move tokens, and only declared ones, whose balances the leg answers for.
    function _move(uint256 cursor, uint256 op) private returns (uint256) {
        unchecked {
            uint256 index = uint8(wordAt(cursor) >> 240);
            address token = asAddress(transientLoad(TOKENS + index));
            if (token == address(0)) revert UndeclaredToken(index);
            cursor += 2;
            address other = msg.sender;
            if (op & 7 < 3) {
                other = addressAt(cursor);
                cursor += 20;
            }
            uint256 amount;
            (amount, cursor) = _amount(cursor);
            uint256 kind = op & 3;
            if (amount == 0) return cursor;
            if (kind == 1) token.transfer(other, amount);
            else if (kind == 2) _approve(index, token, other, amount);
            else _draw(index, token, amount);
            return cursor;
        }
    }

    /// @dev Remembered, so that what is left of it is taken back when the leg ends.
    function _approve(uint256 index, address token, address spender, uint256 amount) private {
        token.approve(spender, amount);
        uint256 count = transientLoad(APPROVALS) + 1;
        transientStore(APPROVALS, count);
        transientStore(APPROVALS + count, (index << 160) | uint160(spender));
    }

    function _takeBackApprovals() internal {
        uint256 count = transientLoad(APPROVALS);
        if (count == 0) return;
        transientStore(APPROVALS, 0);
        for (; count != 0; count--) {
            uint256 approval = transientLoad(APPROVALS + count);
            address token = asAddress(transientLoad(TOKENS + (approval >> 160)));
            address spender = asAddress(approval);
            if (token.allowance(spender) != 0) token.approve(spender, 0);
        }
    }

    /// @dev Inventory: from the recipient, within the owner's cap. What is left of it is swept back like any gain; it is no profit.
    function _draw(uint256 index, address token, uint256 amount) private {
        (address from, uint256 cap) = _inventory(token);
        uint256 drawn = transientLoad(DRAWN + uint160(token)) + amount;
        if (drawn > cap) revert OverInventoryCap(token, drawn, cap);
        transientStore(DRAWN + uint160(token), drawn);
        if (index == 0) transientStore(BASELINES, transientLoad(BASELINES) + amount);
        token.transferFrom(from, amount);
    }

    /// @dev Whose inventory it is, and how much of it one transaction may draw.
    function _inventory(address token) internal view virtual returns (address from, uint256 cap);

    // ---------------------------------------------------------------------------------------------------------------- amounts

    /// @dev An amount that may be known only on chain. Never negative, whatever the source says, before its sign is turned on demand.
    function _amount(uint256 cursor) private view returns (uint256 value, uint256 next) {
        unchecked {
            uint256 head = wordAt(cursor);
            uint256 flags = head >> 248;
            uint256 operand = uint8(head >> 240);
            next = cursor + 2;
            uint256 source = flags & 3;
            if (source == 1) {
                value = wordAt(4 + 32 * operand);
            } else if (source == 2) {
                value = _gained(operand);
            } else if (source == 0) {
                value = uint128(head >> 112);
                next += 16;
            } else {
                value = _returned(operand * 16, flags & 8 != 0);
            }
            if (flags & 4 != 0) value = 0 - value;
            if (int256(value) < 0) revert BadAmount(value);
            if (flags & 16 != 0) value = 0 - value;
        }
    }

    /// @dev What this leg has more of the token than it began with: a donation beforehand is neither spent nor in the way.
    function _gained(uint256 index) private view returns (uint256) {
        uint256 declared = transientLoad(TOKENS + index);
        if (declared == 0) revert UndeclaredToken(index);
        address token = asAddress(declared);
        uint256 held = token.balanceOf();
        uint256 baseline = transientLoad(BASELINES + index);
        if (held < baseline) revert Overspent(token, held, baseline);
        return held - baseline;
    }

    /// @dev From the answer of the last call: a word, or half of one (as Uniswap v4 packs two int128 into one), sign extended.
    function _returned(uint256 from, bool isHalf) private pure returns (uint256 value) {
        uint256 size;
        assembly ("memory-safe") {
            size := returndatasize()
        }
        if (from + (isHalf ? 16 : 32) > size) revert BadAmount(size);
        assembly ("memory-safe") {
            mstore(0, 0)
            switch isHalf
            case 0 { returndatacopy(0, from, 32) }
            default { returndatacopy(16, from, 16) }
            value := mload(0)
            if isHalf { value := signextend(15, value) }
        }
    }

    // ---------------------------------------------------------------------------------------------------------- refused calls

    /// @dev One bit for each last byte among the selectors of `_isMove` and `_isBurn`: rules out nearly every honest call at once.
    uint256 private constant MOVE_BITS = (1 << 0xbb) | (1 << 0xdd) | (1 << 0xb3) | (1 << 0x51) | (1 << 0x23) | (1 << 0xcf)
        | (1 << 0x0c) | (1 << 0xa0) | (1 << 0x62) | (1 << 0x94) | (1 << 0x89) | (1 << 0x9f) | (1 << 0xc6) | (1 << 0x83)
        | (1 << 0x3f) | (1 << 0x65) | (1 << 0x0e) | (1 << 0xde) | (1 << 0x2a) | (1 << 0xd6) | (1 << 0xb6) | (1 << 0x9a)
        | (1 << 0x93) | (1 << 0x97) | (1 << 0x45) | (1 << 0x5b) | (1 << 0x59) | (1 << 0x00) | (1 << 0xe5)
        | (1 << 0x4d) | (1 << 0x52) | (1 << 0x75) | (1 << 0xe3) | (1 << 0x68);

    /// @dev Generic calls move no tokens and give no rights: that is what pay and approve are for, under the leg's eyes.
    function _refuseMoves(address to, uint256 selector) private view {
        if (to == address(this)) revert RefusedCall(to, bytes4(uint32(selector)));
        if ((MOVE_BITS >> (selector & 0xff)) & 1 == 0) return;
        if (_isMove(selector) || (_isBurn(selector) && !_isDeclared(to))) revert RefusedCall(to, bytes4(uint32(selector)));
    }

    function _isMove(uint256 s) private pure returns (bool) {
        // ERC-20 and its kin: transfer, transferFrom, approve, increaseAllowance, increaseApproval, permit twice.
        if (s == 0xa9059cbb || s == 0x23b872dd || s == 0x095ea7b3 || s == 0x39509351 || s == 0xd73dd623) return true;
        if (s == 0xd505accf || s == 0x8fcbaf0c) return true;
        // ERC-677 and ERC-1363: transferAndCall, transferFromAndCall, approveAndCall, twice each.
        if (s == 0x4000aea0 || s == 0x1296ee62 || s == 0xd8fbe994 || s == 0xc1d34b89 || s == 0x3177029f || s == 0xcae9ca51) return true;
        // ERC-777: send, operatorSend, authorizeOperator.
        if (s == 0x9bd9bbc6 || s == 0x62ad1b83 || s == 0x959b8c3f) return true;
        // ERC-721 and ERC-1155: setApprovalForAll, safeTransferFrom thrice, safeBatchTransferFrom.
        if (s == 0xa22cb465 || s == 0x42842e0e || s == 0xb88d4fde || s == 0xf242432a || s == 0x2eb2c2d6) return true;
        // ERC-6909: transfer, transferFrom, approve, setOperator.
        if (s == 0x095bcdb6 || s == 0xfe99049a || s == 0x426a8493 || s == 0x558a7297) return true;
        // Permit2 approve, stETH transferShares and transferSharesFrom, Morpho setAuthorization, Compound III allow.
        return s == 0x87517c45 || s == 0x8fcb4e5b || s == 0x6d780459 || s == 0xeecea000 || s == 0x110496e5;
    }

    /// @dev Turns a token into something else, so only declared ones: withdraw of wrapped native, withdraw and redeem of ERC-4626,
    /// redeem and redeemUnderlying of Compound, burn.
    function _isBurn(uint256 s) private pure returns (bool) {
        return s == 0x2e1a7d4d || s == 0xb460af94 || s == 0xba087652 || s == 0xdb006a75 || s == 0x852a12e3 || s == 0x42966c68;
    }

    function _isDeclared(address token) private view returns (bool) {
        uint256 slot = TOKENS;
        while (transientLoad(slot) != 0 && asAddress(transientLoad(slot)) != token) slot++;
        return transientLoad(slot) != 0;
    }

    // -------------------------------------------------------------------------------------------------------------- callbacks

    /// @dev Accepted only from the contract that we wait for, and only with the bytes committed to; once.
    function _callback(bytes calldata program) internal {
        uint256 copy;
        uint256 start;
        assembly ("memory-safe") {
            copy := mload(0x40)
            start := program.offset
            calldatacopy(copy, start, program.length)
        }
        if (transientLoad(COMMITMENT) != _commitment(copy, program.length, msg.sender)) revert RefusedCallback(msg.sender);
        transientStore(COMMITMENT, 0);
        _performStepsOf(start, start + program.length);
    }

    /// @dev At most one is open at a time: inside its callback it is closed already, and what is nested opens its own.
    function _commitment(uint256 program, uint256 length, address from) private pure returns (uint256 commitment) {
        assembly ("memory-safe") {
            mstore(0, keccak256(program, length))
            mstore(32, from)
            commitment := keccak256(0, 64)
        }
    }

    /// @dev Lenders that let anyone start a loan for us say who did; it has to be us.
    function _requireSelf(address initiator) internal view {
        if (initiator != address(this)) revert RefusedInitiator(initiator);
    }
}
