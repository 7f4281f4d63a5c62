// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IMoney2 {
    function balanceOf(address account) external view returns (uint256);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// Whoever tries to get what is not his: fake pool, fake wrapped native, taker of allowances, forger of callbacks.
contract Thief {
    /// As a pool that was asked to swap would: calls back, with what it likes.
    function callBack(address victim, bytes calldata data) external {
        (bool ok, bytes memory reason) = victim.call(data);
        if (!ok) assembly { revert(add(reason, 32), mload(reason)) }
    }

    /// The same, whatever it was asked to send back.
    function callBackWith(address victim, bytes calldata forged, bytes calldata) external {
        this.callBack(victim, forged);
    }

    /// A pool's entry: calls its caller back with chosen amounts and the data it was given.
    function swap(int256 amount0, int256 amount1, bytes calldata data) external {
        (bool ok, bytes memory reason) =
            msg.sender.call(abi.encodeWithSignature("uniswapV3SwapCallback(int256,int256,bytes)", amount0, amount1, data));
        if (!ok) assembly { revert(add(reason, 32), mload(reason)) }
    }

    /// The same callback twice.
    function swapTwice(bytes calldata data) external {
        for (uint256 i = 0; i < 2; i++) {
            (bool ok, bytes memory reason) =
                msg.sender.call(abi.encodeWithSignature("uniswapV3SwapCallback(int256,int256,bytes)", int256(0), int256(0), data));
            if (!ok) assembly { revert(add(reason, 32), mload(reason)) }
        }
    }

    /// Never calls back.
    function ignore(bytes calldata) external {}

    /// Takes what it was allowed to.
    function pull(address token, address from, uint256 amount) external {
        IMoney2(token).transferFrom(from, address(this), amount);
    }

    // As a fake wrapped native: claims any gain it likes, takes native coin, gives none.
    uint256 public claimed;

    function claim(uint256 amount) external {
        claimed += amount;
    }

    function balanceOf(address) external view returns (uint256) {
        return claimed;
    }

    function transfer(address, uint256) external pure returns (bool) {
        return true;
    }

    function deposit() external payable {}

    function withdraw(uint256) external {}
}

/// A receiver of bids with bad manners.
contract HostilePayee {
    enum Manner { Accepts, Reverts, BurnsGas, ReturnsMegabyte, Reenters }

    Manner public manner;
    address public target;
    bytes public payload;
    bool public hasReentered;
    bytes4 public refusal;

    constructor(Manner manner_) {
        manner = manner_;
    }

    function aim(address target_, bytes calldata payload_) external {
        target = target_;
        payload = payload_;
    }

    receive() external payable {
        if (manner == Manner.Reverts) revert("no thanks");
        if (manner == Manner.BurnsGas) assembly { invalid() }
        if (manner == Manner.ReturnsMegabyte) assembly { return(0, 1048576) }
        if (manner == Manner.Reenters) {
            (bool ok, bytes memory reason) = target.call(payload);
            hasReentered = ok;
            refusal = bytes4(reason);
        }
    }
}
