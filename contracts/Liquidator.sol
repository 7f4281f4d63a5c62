// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Callbacks} from "./Callbacks.sol";
import {Tokens} from "./Tokens.sol";
import {addressAt, lastReason, transientLoad, transientStore, wordAt} from "./Words.sol";

interface IWrappedNative {
    function deposit() external payable;
    function withdraw(uint256 amount) external;
}

/// @title Closes under-water positions atomically: borrowed, seized, swapped and repaid in one transaction, or not at all.
///
/// Three rules hold whatever an operator, a token, a pool, a lender or a payee does:
///  1. A run spends only what it received itself. Each leg ends with at least what it began with, of every token that it declares
///     and of the native coin; what it does not declare it can't move, since generic calls refuse the functions that move tokens.
///     (Receipts that another contract burns, such as aTokens by Aave's pool, are outside this guard: nothing should rest here.)
///  2. What a run earns, beyond the bid, ends at `recipient`, which only the owner names. No allowance outlives the leg that gave it.
///  3. Foreign code gets in only through a callback that a step waits for: from the named contract, with exactly the committed bytes.
///
/// A *run* is a list of *legs*. A leg is a program (Steps.sol) with its own floor, and may fail alone, say because a rival was first.
///
/// Calldata of `run()`, after the selector, packed, big endian:
///   20 profit token (wrapped native) | 20 payee | u48 last block | u48 deadline | u16 bid share | u16 legs | u96 cost | u96 floor
///   then each leg: u24 length of `leg` | u24 gas limit, 0 for none | u24 gas | leg: u96 floor | u8 tokens | 20 each | program
///   cost: wei that the run costs in any case. gas of a leg: what it costs besides if it closes; one that fails burns less.
///   payee: 0 nobody, 1 the block's coinbase, else that address. last block: 0 is not checked (Arbitrum's block.number is L1's).
contract Liquidator is Callbacks {
    using Tokens for address;

    error NotOwner(address caller);
    error NotOperator(address caller);
    error ZeroAddress();
    error Reentered();
    error Expired(uint256 blockNumber, uint256 timestampSec);
    error ZeroFloor();
    error BidShareTooLarge(uint256 bidShareBps);
    error NothingClosed(bytes reason);
    error LegFloor(uint256 gainedWei, uint256 floorWei);
    error TotalFloor(uint256 profitWei, uint256 requiredWei);
    error BidFailed(address payee);
    error NativeFailed(address to);

    /// @dev `gainsWei`: by leg, FAILED for those that did; their sum is the profit, of which `bidWei` went to the payee.
    event Executed(uint256 bidWei, uint256[] gainsWei);
    /// @dev `reason`: at most 100 bytes of what the leg reverted with.
    event LegFailed(uint256 index, bytes reason);
    event OwnershipOffered(address indexed to);
    event OwnershipTaken(address indexed by);
    event OperatorSet(address indexed operator, bool allowed);
    event RecipientSet(address indexed recipient);
    event InventoryCapSet(address indexed token, uint256 cap);

    uint256 private constant FAILED = type(uint256).max;
    address private constant COINBASE = address(1);

    address public owner;
    address public pendingOwner;
    /// @notice Gets all profit, and is where inventory is drawn from (it has to approve this contract).
    address public recipient;
    /// @dev The recipient again, for each operator: one read tells a run both that it may start and where its profit goes.
    mapping(address operator => address) private _recipientFor;
    address[] private _operators;
    /// @notice The most of a token that one transaction may draw from the recipient, whose allowance bounds it all in all.
    mapping(address token => uint256) public inventoryCap;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    constructor(address owner_) {
        if (owner_ == address(0)) revert ZeroAddress();
        owner = owner_;
        recipient = owner_;
    }

    // -------------------------------------------------------------------------------------------------------------------- run

    /// @notice Runs the legs packed behind the selector. Reverts whole unless one of them closes and the profit covers cost, bid and floor.
    function run() external {
        address to = _recipientFor[msg.sender];
        if (to == address(0)) revert NotOperator(msg.sender);
        if (_isRunning()) revert Reentered();
        uint256 terms = wordAt(44);
        bool isLate = terms >> 208 != 0 && block.number > terms >> 208;
        if (isLate || block.timestamp > uint48(terms >> 160)) revert Expired(block.number, block.timestamp);
        if (uint16(terms >> 144) > 10_000) revert BidShareTooLarge(uint16(terms >> 144));

        address wrapped = addressAt(4);
        // From here on we are running.
        transientStore(TOKENS, DECLARED | uint160(wrapped));
        (uint256 profit, uint256 gasOfLegs, uint256[] memory gains) = _closeLegs(wrapped, to, uint16(terms >> 128));
        uint256 bid = _bid(profit, uint96(terms >> 32) + gasOfLegs * tx.gasprice, uint16(terms >> 144));
        wrapped.transfer(to, profit - bid);
        emit Executed(bid, gains);
        if (bid != 0) _pay(wrapped, bid);
        transientStore(TOKENS, 0);
    }

    function _isRunning() private view returns (bool) {
        return transientLoad(TOKENS) != 0;
    }

    /// @dev Each leg is a call of ourselves: what it did, transient storage included, is gone if it reverts. A leg alone needs no such
    /// shelter: with it, everything fails, and with its own reason.
    function _closeLegs(address wrapped, address to, uint256 count)
        private
        returns (uint256 profit, uint256 gasOfLegs, uint256[] memory gains)
    {
        gains = new uint256[](count);
        if (count == 1 && uint24(wordAt(84) >> 208) == 0) {
            profit = _leg(wrapped, to, 93, msg.data.length);
            gains[0] = profit;
            return (profit, uint24(wordAt(84) >> 184), gains);
        }
        bytes memory reason;
        uint256 failed = 0;
        uint256 cursor = 84;
        for (uint256 index = 0; index < count; index++) {
            uint256 head = wordAt(cursor);
            uint256 length = head >> 232;
            (bool ok, uint256 gained) = _attempt(wrapped, to, uint24(head >> 208), cursor + 9, length);
            cursor += 9 + length;
            if (ok) {
                gains[index] = gained;
                profit += gained;
                gasOfLegs += uint24(head >> 184);
            } else {
                gains[index] = FAILED;
                failed++;
                reason = lastReason();
                emit LegFailed(index, reason);
            }
        }
        if (failed == count) revert NothingClosed(reason);
    }

    /// @dev Calls `closeLeg`. At most one word of its answer is copied: what it gained.
    function _attempt(address wrapped, address to, uint256 gasLimit, uint256 leg, uint256 length)
        private
        returns (bool ok, uint256 gained)
    {
        uint256 selector = uint32(this.closeLeg.selector);
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, shl(224, selector))
            mstore(add(data, 4), shl(96, wrapped))
            mstore(add(data, 24), shl(96, to))
            calldatacopy(add(data, 44), leg, length)
            if iszero(gasLimit) { gasLimit := gas() }
            ok := call(gasLimit, address(), 0, data, add(length, 44), 0, 32)
            gained := mload(0)
        }
    }

    /// @dev The payee's share, once the rest is known to cover floor and cost. floor: the u96 behind the terms.
    function _bid(uint256 profit, uint256 costWei, uint256 bidShareBps) private pure returns (uint256 bid) {
        uint256 floorWei = wordAt(72) >> 160;
        if (floorWei == 0) revert ZeroFloor();
        if (addressAt(24) != address(0) && profit > costWei) bid = (profit - costWei) * bidShareBps / 10_000;
        uint256 required = floorWei + costWei + bid;
        if (profit < required) revert TotalFloor(profit, required);
    }

    /// @dev Last of all: whatever the payee does, there is nothing left to take, and we count as running still.
    function _pay(address wrapped, uint256 bid) private {
        uint256 native = address(this).balance;
        IWrappedNative(wrapped).withdraw(bid);
        if (address(this).balance < native + bid) revert Overspent(address(0), address(this).balance, native + bid);
        address payee = addressAt(24);
        if (payee == COINBASE) payee = block.coinbase;
        bool ok;
        assembly ("memory-safe") {
            // Nothing of the answer is copied, however long it is.
            ok := call(gas(), payee, bid, 0, 0, 0, 0)
        }
        if (!ok) revert BidFailed(payee);
    }

    // -------------------------------------------------------------------------------------------------------------------- leg

    /// @notice One leg; only this contract calls it. Behind the selector: 20 profit token | 20 recipient | leg.
    /// @return gained What the leg added to the profit token.
    function closeLeg() external returns (uint256 gained) {
        if (msg.sender != address(this)) revert NotOperator(msg.sender);
        return _leg(addressAt(4), addressAt(24), 44, msg.data.length);
    }

    function _leg(address wrapped, address to, uint256 start, uint256 end) private returns (uint256 gained) {
        uint256 native = address(this).balance;
        uint256 wrappedBaseline = wrapped.balanceOf();
        // In almost every run all baselines are zero, and a slot that is not written costs nothing.
        if (wrappedBaseline != 0) transientStore(BASELINES, wrappedBaseline);

        uint256[] memory baselines = _declare(start + 13, uint8(wordAt(start + 12) >> 248));
        _performStepsOf(start + 13 + 20 * baselines.length, end);
        // Allowances first: from there on, what a token's hook may do moves nothing of ours.
        _takeBackApprovals();
        _sweep(start + 13, baselines, to);

        uint256 nativeNow = address(this).balance;
        if (nativeNow < native) revert Overspent(address(0), nativeNow, native);
        if (nativeNow > native) IWrappedNative(wrapped).deposit{value: nativeNow - native}();
        gained = _gainOf(wrapped);
        if (gained < wordAt(start) >> 160) revert LegFloor(gained, wordAt(start) >> 160);
    }

    /// @dev Notes what we hold of each token of the leg, before anything moves.
    function _declare(uint256 cursor, uint256 count) private returns (uint256[] memory baselines) {
        baselines = new uint256[](count);
        for (uint256 i = 0; i < count; i++) {
            address token = addressAt(cursor + 20 * i);
            uint256 baseline = token.balanceOf();
            transientStore(TOKENS + 1 + i, DECLARED | uint160(token));
            if (baseline == 0) continue;
            baselines[i] = baseline;
            transientStore(BASELINES + 1 + i, baseline);
        }
    }

    /// @dev Nothing of these tokens may be less than before; what is more goes to the recipient.
    function _sweep(uint256 cursor, uint256[] memory baselines, address to) private {
        for (uint256 i = 0; i < baselines.length; i++) {
            address token = addressAt(cursor + 20 * i);
            uint256 baseline = baselines[i];
            transientStore(TOKENS + 1 + i, 0);
            if (baseline != 0) transientStore(BASELINES + 1 + i, 0);
            if (token == address(0)) continue;
            uint256 held = token.balanceOf();
            if (held < baseline) revert Overspent(token, held, baseline);
            if (held > baseline) token.transfer(to, held - baseline);
        }
    }

    /// @dev `draw` may have raised the baseline since: inventory is no profit.
    function _gainOf(address wrapped) private returns (uint256) {
        uint256 baseline = transientLoad(BASELINES);
        if (baseline != 0) transientStore(BASELINES, 0);
        uint256 held = wrapped.balanceOf();
        if (held < baseline) revert Overspent(wrapped, held, baseline);
        return held - baseline;
    }

    function _inventory(address token) internal view override returns (address, uint256) {
        return (recipient, inventoryCap[token]);
    }

    /// @notice Native coin comes in only during a run: unwrapped for the bid, or seized by a leg.
    receive() external payable {
        if (!_isRunning()) revert NativeFailed(msg.sender);
    }

    // ------------------------------------------------------------------------------------------------------------------ owner

    function isOperator(address account) external view returns (bool) {
        return _recipientFor[account] != address(0);
    }

    function setOperator(address operator, bool allowed) external onlyOwner {
        bool isListed = _recipientFor[operator] != address(0);
        _recipientFor[operator] = allowed ? recipient : address(0);
        if (allowed && !isListed) _operators.push(operator);
        if (!allowed && isListed) _unlist(operator);
        emit OperatorSet(operator, allowed);
    }

    function _unlist(address operator) private {
        uint256 index = 0;
        while (_operators[index] != operator) index++;
        _operators[index] = _operators[_operators.length - 1];
        _operators.pop();
    }

    function setRecipient(address recipient_) external onlyOwner {
        if (recipient_ == address(0)) revert ZeroAddress();
        _setRecipient(recipient_);
    }

    function _setRecipient(address recipient_) private {
        recipient = recipient_;
        for (uint256 i = 0; i < _operators.length; i++) _recipientFor[_operators[i]] = recipient_;
        emit RecipientSet(recipient_);
    }

    function setInventoryCap(address token, uint256 cap) external onlyOwner {
        inventoryCap[token] = cap;
        emit InventoryCapSet(token, cap);
    }

    function transferOwnership(address to) external onlyOwner {
        pendingOwner = to;
        emit OwnershipOffered(to);
    }

    /// @notice Second step. A recipient that was the old owner becomes the new one; any other stays.
    function acceptOwnership() external {
        if (msg.sender != pendingOwner) revert NotOwner(msg.sender);
        if (recipient == owner) _setRecipient(msg.sender);
        owner = msg.sender;
        pendingOwner = address(0);
        emit OwnershipTaken(msg.sender);
    }

    /// @notice Takes out what strayed here. `token` 0: the native coin.
    function rescue(address token, address to, uint256 amount) external onlyOwner {
        if (_isRunning()) revert Reentered();
        if (token != address(0)) return token.transfer(to, amount);
        (bool ok,) = to.call{value: amount}("");
        if (!ok) revert NativeFailed(to);
    }
}
