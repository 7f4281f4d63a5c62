// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IWrappedNative {
    function deposit() external payable;
    function withdraw(uint256 amount) external;
}

/// @title Closes under-water positions atomically: borrowed, seized, swapped and repaid in one transaction, or not at all.
///
/// Three rules hold whatever an operator, a token, a pool, a lender or a payee does:
///  1. A run spends only what it received itself. Each leg ends with at least the balance of every declared token that it began with;
///     undeclared tokens can't be moved, since generic calls refuse the functions that move tokens.
///  2. What a run earns, beyond the bid, ends at `recipient`, which only the owner names. No allowance outlives the leg that gave it.
///  3. Foreign code gets in only through a callback that a step waits for: from the named contract, with exactly the committed bytes.
///
/// A *run* is a list of *legs*; a leg may fail alone (a rival was first), the others go on. A leg is a program, a list of *steps*.
/// Steps that run inside a callback are a program too: it travels as the `bytes` argument of the call that leads to the callback.
///
/// Packed encoding, big endian (src/executor/encode.ts writes it):
///   legs     (u24 length of `leg`, u32 gas limit or 0 for none, leg)...
///   leg      u96 floor | u8 count | count * 20 tokens besides the profit token | program
///   program  steps
///   step     call:    u8 op | 20 to | u16 length | u16 programAt | [20 from] | data | fills: (u16 at | amount)...
///                     op: 0 | 4 if a callback is awaited | 8 if it comes from `from`, not from `to` | fills << 4
///                     The program of the callback is the data from `programAt` to its end. A fill at 0xffff sets the call's value.
///            pay:     u8 op | u8 token | [20 to] | amount        op: 1 | 4 if `to` is the caller of the running callback
///            approve: u8 op | u8 token | [20 spender] | amount   op: 2 | 4 likewise
///            draw:    u8 op | u8 token | amount                  op: 3
///   amount   u8 source and flags | u8 operand | [u128 if exact]
///                     source 0: exact; 1: argument word `operand` of the running callback; 2: gained of token `operand`;
///                     3: bytes from 16 * `operand` on of what the last call returned (32 of them, or 16 with flag 8)
///                     flags  4: the source is negative, turn its sign; 16: turn the sign of the result
///   token    0: the profit token (wrapped native); i: the leg's i-th token. The zero address is the native coin, for `gained`.
contract Liquidator {
    /// @param lastBlock No later block may include it; 0: not checked (Arbitrum's `block.number` is L1's).
    /// @param deadlineSec No later timestamp may include it.
    /// @param wrappedNative The token that profit is counted in.
    /// @param costWei What the transaction costs its sender: comes off before the bid, and must be earned on top of the floor.
    /// @param floorWei Least profit after cost and bid; never zero.
    /// @param bidShareBps Share of (profit - cost) that goes to the payee.
    /// @param payee 0: nobody, 1: the block's coinbase, else that address.
    struct Order {
        uint256 lastBlock;
        uint256 deadlineSec;
        address wrappedNative;
        uint256 costWei;
        uint256 floorWei;
        uint256 bidShareBps;
        address payee;
    }

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
    error Overspent(address token, uint256 balance, uint256 baseline);
    error OverInventoryCap(address token, uint256 drawn, uint256 cap);
    error UndeclaredToken(uint256 index);
    error RefusedCall(address to, bytes4 selector);
    error RefusedFill(uint256 position);
    error RefusedCallback(address caller);
    error RefusedInitiator(address initiator);
    error MissingCallback(address from);
    error BadAmount(uint256 value);
    error TokenFailed(address token);
    error BidFailed(address payee);
    error NativeFailed(address to);

    /// @dev `indexAndGain` is the leg's index << 128 | its gain in wei.
    event LegClosed(uint256 indexAndGain);
    /// @dev `reason`: at most 100 bytes of what the leg reverted with.
    event LegFailed(uint256 index, bytes reason);
    /// @dev `profitAndBid` is the profit before the bid << 128 | the bid, both in wei.
    event Executed(uint256 profitAndBid);
    event OwnershipOffered(address indexed to);
    event OwnershipTaken(address indexed by);
    event OperatorSet(address indexed operator, bool allowed);
    event RecipientSet(address indexed recipient);
    event InventoryCapSet(address indexed token, uint256 cap);

    address public owner;
    address public pendingOwner;
    /// @notice Gets all profit, and is where inventory is drawn from (it has to approve this contract).
    address public recipient;
    mapping(address account => bool) public isOperator;
    /// @notice The most of a token that one transaction may draw from the recipient. All in all, the recipient's allowance bounds it.
    mapping(address token => uint256) public inventoryCap;

    // Transient slots. All but DRAWN are zero again after a run: several runs may share a transaction.
    uint256 private constant LOCK = 0;
    uint256 private constant COMMITMENT = 1;
    uint256 private constant TOKENS = 0x100; // + index: DECLARED | token
    uint256 private constant BASELINES = 0x200; // + index: the balance that the leg began with
    uint256 private constant APPROVALS = 0x300; // how many; + 1 + n: token index << 160 | spender
    uint256 private constant DRAWN = 1 << 161; // + token: drawn in this transaction
    uint256 private constant DECLARED = 1 << 160;

    address private constant COINBASE = address(1);
    uint256 private constant MAX_REASON = 100;
    uint256 private constant VALUE = 0xffff;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    constructor(address owner_) {
        if (owner_ == address(0)) revert ZeroAddress();
        owner = owner_;
        recipient = owner_;
    }

    // ------------------------------------------------------------------------------------------------------------------ owner

    function setOperator(address operator, bool allowed) external onlyOwner {
        isOperator[operator] = allowed;
        emit OperatorSet(operator, allowed);
    }

    function setRecipient(address recipient_) external onlyOwner {
        if (recipient_ == address(0)) revert ZeroAddress();
        recipient = recipient_;
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
        if (recipient == owner) recipient = msg.sender;
        owner = msg.sender;
        pendingOwner = address(0);
        emit OwnershipTaken(msg.sender);
    }

    /// @notice Takes out what strayed here. `token` 0: the native coin.
    function rescue(address token, address to, uint256 amount) external onlyOwner {
        if (_load(LOCK) != 0) revert Reentered();
        if (token != address(0)) return _transfer(token, to, amount);
        (bool ok,) = to.call{value: amount}("");
        if (!ok) revert NativeFailed(to);
    }

    // -------------------------------------------------------------------------------------------------------------------- run

    /// @notice Runs `legs`; reverts whole unless at least one closes and the profit covers cost, bid and floor.
    function run(Order calldata order, bytes calldata legs) external {
        if (!isOperator[msg.sender]) revert NotOperator(msg.sender);
        if (_load(LOCK) != 0) revert Reentered();
        _store(LOCK, 1);
        bool isLate = order.lastBlock != 0 && block.number > order.lastBlock;
        if (isLate || block.timestamp > order.deadlineSec) revert Expired(block.number, block.timestamp);
        if (order.floorWei == 0) revert ZeroFloor();
        if (order.bidShareBps > 10_000) revert BidShareTooLarge(order.bidShareBps);

        address to = recipient;
        _store(TOKENS, DECLARED | uint160(order.wrappedNative));
        _settle(order, to, _runLegs(order.wrappedNative, to, legs));
        _store(LOCK, 0);
    }

    /// @dev Each leg is a call of ourselves: what it did, transient storage included, is gone if it reverts.
    function _runLegs(address wrapped, address to, bytes calldata legs) private returns (uint256 profit) {
        uint256 cursor = _start(legs);
        uint256 end = cursor + legs.length;
        bool isAnyClosed;
        bytes memory reason;
        for (uint256 index = 0; cursor < end; index++) {
            uint256 head = _word(cursor);
            bytes calldata leg = _slice(cursor + 7, head >> 232);
            cursor += 7 + leg.length;
            (bool ok, uint256 gained) = _attempt(uint32(head >> 200), abi.encodeCall(this.runLeg, (wrapped, to, leg)));
            if (ok) {
                isAnyClosed = true;
                profit += gained;
                emit LegClosed((index << 128) | gained);
            } else {
                reason = _reason();
                emit LegFailed(index, reason);
            }
        }
        if (!isAnyClosed) revert NothingClosed(reason);
    }

    /// @dev At most one word of the answer is copied: `gained`.
    function _attempt(uint256 gasLimit, bytes memory data) private returns (bool ok, uint256 gained) {
        assembly ("memory-safe") {
            if iszero(gasLimit) { gasLimit := gas() }
            ok := call(gasLimit, address(), 0, add(data, 32), mload(data), 0, 32)
            gained := mload(0)
        }
    }

    /// @notice One leg; only this contract calls it. Returns what the leg gained of the profit token.
    function runLeg(address wrapped, address to, bytes calldata leg) external returns (uint256 gained) {
        if (msg.sender != address(this)) revert NotOperator(msg.sender);
        uint256 cursor = _start(leg);
        uint256 floorWei = _word(cursor) >> 160;
        uint256 count = uint8(_word(cursor) >> 152);
        uint256 tokens = cursor + 13;
        uint256 native = address(this).balance;

        // Before anything moves. In almost every run all baselines are zero, and a slot that is never written costs nothing.
        uint256 wrappedBaseline = _balanceOf(wrapped);
        if (wrappedBaseline != 0) _store(BASELINES, wrappedBaseline);
        uint256[] memory baselines = new uint256[](count);
        for (uint256 i = 0; i < count; i++) {
            address token = _address(tokens + 20 * i);
            uint256 baseline = _balanceOf(token);
            baselines[i] = baseline;
            _store(TOKENS + 1 + i, DECLARED | uint160(token));
            if (baseline != 0) _store(BASELINES + 1 + i, baseline);
        }

        uint256 program = tokens + 20 * count;
        _perform(program, cursor + leg.length);

        // Allowances first: from here on, what a token's hook may do moves nothing of ours.
        _takeBackApprovals();
        for (uint256 i = 0; i < count; i++) {
            address token = _address(tokens + 20 * i);
            _store(TOKENS + 1 + i, 0);
            if (baselines[i] != 0) _store(BASELINES + 1 + i, 0);
            if (token == address(0)) continue;
            uint256 balance = _balanceOf(token);
            if (balance < baselines[i]) revert Overspent(token, balance, baselines[i]);
            if (balance > baselines[i]) _transfer(token, to, balance - baselines[i]);
        }
        if (address(this).balance < native) revert Overspent(address(0), address(this).balance, native);
        if (address(this).balance > native) IWrappedNative(wrapped).deposit{value: address(this).balance - native}();

        // `draw` may have raised it: inventory is no profit.
        uint256 atLeast = _load(BASELINES);
        if (atLeast != 0) _store(BASELINES, 0);
        uint256 wrappedBalance = _balanceOf(wrapped);
        if (wrappedBalance < atLeast) revert Overspent(wrapped, wrappedBalance, atLeast);
        gained = wrappedBalance - atLeast;
        if (gained < floorWei || gained > type(uint128).max) revert LegFloor(gained, floorWei);
    }

    /// @dev The bid is paid last of all: whatever its receiver does, there is nothing left to take, and the lock still holds.
    function _settle(Order calldata order, address to, uint256 profit) private {
        uint256 bid = 0;
        if (order.payee != address(0) && profit > order.costWei) {
            bid = (profit - order.costWei) * order.bidShareBps / 10_000;
        }
        uint256 required = order.floorWei + order.costWei + bid;
        if (profit < required) revert TotalFloor(profit, required);
        _transfer(order.wrappedNative, to, profit - bid);
        emit Executed((profit << 128) | bid);
        if (bid == 0) return;

        uint256 native = address(this).balance;
        IWrappedNative(order.wrappedNative).withdraw(bid);
        if (address(this).balance < native + bid) revert Overspent(address(0), address(this).balance, native + bid);
        address payee = order.payee == COINBASE ? block.coinbase : order.payee;
        bool ok;
        assembly ("memory-safe") {
            // Nothing of the answer is copied, however long it is.
            ok := call(gas(), payee, bid, 0, 0, 0, 0)
        }
        if (!ok) revert BidFailed(payee);
    }

    // ------------------------------------------------------------------------------------------------------------------ steps

    function _perform(uint256 cursor, uint256 end) private {
        while (cursor < end) {
            uint256 op = _word(cursor) >> 248;
            cursor = op & 3 == 0 ? _call(cursor, op) : _move(cursor, op);
        }
    }

    /// @dev A generic call: its data is laid in free memory, filled, and committed to if it leads to a callback.
    function _call(uint256 cursor, uint256 op) private returns (uint256) {
        uint256 head = _word(cursor);
        address to = address(uint160(head >> 88));
        uint256 length = uint16(head >> 72);
        uint256 programAt = uint16(head >> 56);
        cursor += 25;
        address from = to;
        if (op & 8 != 0) {
            from = _address(cursor);
            cursor += 20;
        }
        _refuseMoves(to, bytes4(bytes32(_word(cursor))));

        uint256 data;
        assembly ("memory-safe") {
            data := mload(0x40)
            calldatacopy(data, cursor, length)
        }
        cursor += length;
        uint256 value = 0;
        for (uint256 fills = op >> 4; fills != 0; fills--) {
            uint256 where = _word(cursor) >> 240;
            uint256 amount;
            (amount, cursor) = _amount(cursor + 2);
            if (where == VALUE) {
                value = amount;
                continue;
            }
            // Not the selector: it was judged above.
            if (where < 4 || where + 32 > length) revert RefusedFill(where);
            assembly ("memory-safe") {
                mstore(add(data, where), amount)
            }
        }

        if (op & 4 != 0) _store(COMMITMENT, _commitment(data + programAt, length - programAt, from));
        bool ok;
        assembly ("memory-safe") {
            ok := call(gas(), to, value, data, length, 0, 0)
        }
        if (!ok) _revertWithReason();
        if (op & 4 != 0 && _load(COMMITMENT) != 0) revert MissingCallback(from);
        return cursor;
    }

    /// @dev pay, approve, draw: the only steps that move tokens, and only declared ones, whose balances the leg answers for.
    function _move(uint256 cursor, uint256 op) private returns (uint256) {
        uint256 index = uint8(_word(cursor) >> 240);
        uint256 declared = _load(TOKENS + index);
        address token = address(uint160(declared));
        if (token == address(0)) revert UndeclaredToken(index);
        cursor += 2;
        address other = msg.sender;
        if (op & 7 < 3) {
            other = _address(cursor);
            cursor += 20;
        }
        uint256 amount;
        (amount, cursor) = _amount(cursor);
        if (amount == 0) return cursor;
        uint256 kind = op & 3;
        if (kind == 1) _transfer(token, other, amount);
        else if (kind == 2) _approve(index, token, other, amount);
        else _draw(index, token, amount);
        return cursor;
    }

    /// @dev For tokens that change an allowance only from or to zero, through zero.
    function _approve(uint256 index, address token, address spender, uint256 amount) private {
        if (!_tryApprove(token, spender, amount)) {
            bool isReset = _tryApprove(token, spender, 0);
            if (!isReset || !_tryApprove(token, spender, amount)) revert TokenFailed(token);
        }
        uint256 count = _load(APPROVALS) + 1;
        _store(APPROVALS, count);
        _store(APPROVALS + count, (index << 160) | uint160(spender));
    }

    function _takeBackApprovals() private {
        uint256 count = _load(APPROVALS);
        if (count == 0) return;
        _store(APPROVALS, 0);
        for (; count != 0; count--) {
            uint256 approval = _load(APPROVALS + count);
            address token = address(uint160(_load(TOKENS + (approval >> 160))));
            address spender = address(uint160(approval));
            if (_allowance(token, spender) != 0 && !_tryApprove(token, spender, 0)) revert TokenFailed(token);
        }
    }

    /// @dev Inventory: from the recipient, within the owner's cap. What is left of it is swept back like any gain.
    function _draw(uint256 index, address token, uint256 amount) private {
        uint256 drawn = _load(DRAWN + uint160(token)) + amount;
        if (drawn > inventoryCap[token]) revert OverInventoryCap(token, drawn, inventoryCap[token]);
        _store(DRAWN + uint160(token), drawn);
        if (index == 0) _store(BASELINES, _load(BASELINES) + amount);
        if (!_tryTransferFrom(token, recipient, amount)) revert TokenFailed(token);
    }

    /// @dev An amount that may be known only on chain. Never negative, whatever the source says, before its sign is turned on demand.
    function _amount(uint256 cursor) private view returns (uint256 value, uint256 next) {
        uint256 head = _word(cursor);
        uint256 flags = head >> 248;
        uint256 operand = uint8(head >> 240);
        next = cursor + 2;
        uint256 source = flags & 3;
        if (source == 0) {
            value = uint128(head >> 112);
            next += 16;
        } else if (source == 1) {
            value = _word(4 + 32 * operand);
        } else if (source == 2) {
            value = _gained(operand);
        } else {
            value = _returned(operand * 16, flags & 8 != 0);
        }
        unchecked {
            if (flags & 4 != 0) value = 0 - value;
            if (int256(value) < 0) revert BadAmount(value);
            if (flags & 16 != 0) value = 0 - value;
        }
    }

    function _gained(uint256 index) private view returns (uint256) {
        uint256 declared = _load(TOKENS + index);
        if (declared == 0) revert UndeclaredToken(index);
        address token = address(uint160(declared));
        uint256 balance = _balanceOf(token);
        uint256 baseline = _load(BASELINES + index);
        if (balance < baseline) revert Overspent(token, balance, baseline);
        return balance - baseline;
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

    /// @dev One bit for each last byte among the selectors of `_isMove` and `_isBurn`: rules out nearly every honest call at once.
    uint256 private constant MOVE_BITS = (1 << 0xbb) | (1 << 0xdd) | (1 << 0xb3) | (1 << 0x51) | (1 << 0x23) | (1 << 0xcf)
        | (1 << 0x0c) | (1 << 0xa0) | (1 << 0x62) | (1 << 0x94) | (1 << 0x89) | (1 << 0x9f) | (1 << 0xc6) | (1 << 0x83)
        | (1 << 0x3f) | (1 << 0x65) | (1 << 0x0e) | (1 << 0xde) | (1 << 0x2a) | (1 << 0xd6) | (1 << 0xb6) | (1 << 0x9a)
        | (1 << 0x93) | (1 << 0x97) | (1 << 0x45) | (1 << 0x5b) | (1 << 0x59) | (1 << 0x00) | (1 << 0xe5)
        | (1 << 0x4d) | (1 << 0x52) | (1 << 0x75) | (1 << 0xe3) | (1 << 0x68);

    /// @dev Generic calls move no tokens and give no rights: that is what pay and approve are for, under the leg's eyes.
    function _refuseMoves(address to, bytes4 selector) private view {
        if (to == address(this)) revert RefusedCall(to, selector);
        if ((MOVE_BITS >> (uint32(selector) & 0xff)) & 1 == 0) return;
        if (_isMove(selector) || (_isBurn(selector) && !_isDeclared(to))) revert RefusedCall(to, selector);
    }

    function _isDeclared(address token) private view returns (bool) {
        uint256 slot = TOKENS;
        while (_load(slot) != 0 && address(uint160(_load(slot))) != token) slot++;
        return _load(slot) != 0;
    }

    /// @dev Turns tokens into something else: allowed with declared ones. withdraw and redeem of wrapped native, ERC-4626, Compound; burn.
    function _isBurn(bytes4 s) private pure returns (bool) {
        return s == 0x2e1a7d4d || s == 0xb460af94 || s == 0xba087652 || s == 0xdb006a75 || s == 0x852a12e3 || s == 0x42966c68;
    }

    function _isMove(bytes4 s) private pure returns (bool) {
        // ERC-20 and its kin: transfer, transferFrom, approve, increaseAllowance, increaseApproval, permit twice.
        if (s == 0xa9059cbb || s == 0x23b872dd || s == 0x095ea7b3 || s == 0x39509351 || s == 0xd73dd623) return true;
        if (s == 0xd505accf || s == 0x8fcbaf0c) return true;
        // ERC-677 and ERC-1363: transferAndCall, transferFromAndCall, approveAndCall.
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

    // -------------------------------------------------------------------------------------------------------------- callbacks

    /// @dev Accepted only from the contract that we wait for, and only with the bytes committed to; once.
    function _callback(bytes calldata program) private {
        uint256 copy;
        uint256 cursor = _start(program);
        assembly ("memory-safe") {
            copy := mload(0x40)
            calldatacopy(copy, cursor, program.length)
        }
        if (_load(COMMITMENT) != _commitment(copy, program.length, msg.sender)) revert RefusedCallback(msg.sender);
        _store(COMMITMENT, 0);
        _perform(cursor, cursor + program.length);
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
    function _requireSelf(address initiator) private view {
        if (initiator != address(this)) revert RefusedInitiator(initiator);
    }

    // Morpho Blue
    function onMorphoLiquidate(uint256, bytes calldata data) external { _callback(data); }
    function onMorphoRepay(uint256, bytes calldata data) external { _callback(data); }
    function onMorphoSupply(uint256, bytes calldata data) external { _callback(data); }
    function onMorphoSupplyCollateral(uint256, bytes calldata data) external { _callback(data); }
    function onMorphoFlashLoan(uint256, bytes calldata data) external { _callback(data); }

    // Uniswap v3
    function uniswapV3SwapCallback(int256, int256, bytes calldata data) external { _callback(data); }
    function uniswapV3FlashCallback(uint256, uint256, bytes calldata data) external { _callback(data); }

    // Uniswap v4
    function unlockCallback(bytes calldata data) external returns (bytes memory) {
        _callback(data);
        return "";
    }

    // Uniswap v2
    function uniswapV2Call(address sender, uint256, uint256, bytes calldata data) external {
        _requireSelf(sender);
        _callback(data);
    }

    // Balancer v2
    function receiveFlashLoan(address[] calldata, uint256[] calldata, uint256[] calldata, bytes calldata data) external {
        _callback(data);
    }

    // Aave flashLoanSimple
    function executeOperation(address, uint256, uint256, address initiator, bytes calldata data) external returns (bool) {
        _requireSelf(initiator);
        _callback(data);
        return true;
    }

    // Aave flashLoan
    function executeOperation(address[] calldata, uint256[] calldata, uint256[] calldata, address initiator, bytes calldata data)
        external
        returns (bool)
    {
        _requireSelf(initiator);
        _callback(data);
        return true;
    }

    // ERC-3156
    function onFlashLoan(address initiator, address, uint256, uint256, bytes calldata data) external returns (bytes32) {
        _requireSelf(initiator);
        _callback(data);
        return keccak256("ERC3156FlashBorrower.onFlashLoan");
    }

    /// @notice Forks under other names: the shape of Uniswap v3 (x, x, bytes), of v2 (sender, x, x, bytes), else, as Balancer v3's
    /// unlock does it, all of the calldata is the program. A wrong guess is harmless: the bytes would not be the committed ones.
    fallback() external {
        if (_word(68) == 0x60) {
            _callback(_slice(132, _word(100)));
        } else if (_word(100) == 0x80) {
            _requireSelf(address(uint160(_word(4))));
            _callback(_slice(164, _word(132)));
        } else {
            _callback(msg.data);
        }
    }

    /// @notice Native coin comes in only during a run: unwrapped for the bid, or seized by a leg.
    receive() external payable {
        if (_load(LOCK) == 0) revert NativeFailed(msg.sender);
    }

    // ----------------------------------------------------------------------------------------------------------------- tokens

    function _balanceOf(address token) private view returns (uint256 held) {
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

    function _allowance(address token, address spender) private view returns (uint256 allowed) {
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

    function _transfer(address token, address to, uint256 amount) private {
        if (!_tryTwoWords(token, 0xa9059cbb, to, amount)) revert TokenFailed(token);
    }

    function _tryApprove(address token, address spender, uint256 amount) private returns (bool) {
        return _tryTwoWords(token, 0x095ea7b3, spender, amount);
    }

    /// @dev Success is no revert, and true or nothing said. Tokens here have code: their balance was read.
    function _tryTwoWords(address token, uint256 selector, address who, uint256 amount) private returns (bool ok) {
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

    function _tryTransferFrom(address token, address from, uint256 amount) private returns (bool ok) {
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
    }

    // ------------------------------------------------------------------------------------------------------------ small pieces

    /// @dev What the last call reverted with, cut: a hostile callee sends no more than we care to read.
    function _reason() private pure returns (bytes memory reason) {
        assembly ("memory-safe") {
            let size := returndatasize()
            if gt(size, MAX_REASON) { size := MAX_REASON }
            reason := mload(0x40)
            mstore(reason, size)
            returndatacopy(add(reason, 32), 0, size)
            mstore(0x40, add(reason, 160))
        }
    }

    function _revertWithReason() private pure {
        assembly ("memory-safe") {
            let size := returndatasize()
            if gt(size, MAX_REASON) { size := MAX_REASON }
            let reason := mload(0x40)
            returndatacopy(reason, 0, size)
            revert(reason, size)
        }
    }

    function _word(uint256 cursor) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(cursor)
        }
    }

    function _address(uint256 cursor) private pure returns (address) {
        return address(uint160(_word(cursor) >> 96));
    }

    function _start(bytes calldata data) private pure returns (uint256 cursor) {
        assembly ("memory-safe") {
            cursor := data.offset
        }
    }

    function _slice(uint256 cursor, uint256 length) private pure returns (bytes calldata data) {
        assembly ("memory-safe") {
            data.offset := cursor
            data.length := length
        }
    }

    function _load(uint256 slot) private view returns (uint256 value) {
        assembly ("memory-safe") {
            value := tload(slot)
        }
    }

    function _store(uint256 slot, uint256 value) private {
        assembly ("memory-safe") {
            tstore(slot, value)
        }
    }
}
