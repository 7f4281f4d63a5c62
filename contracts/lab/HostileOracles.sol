// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A Morpho oracle that can be told to misbehave: honest until `setMode`, so that a market can be opened on it first.
contract HostileOracle {
    enum Mode { Honest, Reverts, Zero, Max, BurnsAllGas, OneMegabyte, ShortData }

    Mode public mode;
    uint256 public honestPrice;

    constructor(uint256 honestPrice_, Mode mode_) {
        honestPrice = honestPrice_;
        mode = mode_;
    }

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    function setPrice(uint256 honestPrice_) external {
        honestPrice = honestPrice_;
    }

    function price() external view returns (uint256 answer) {
        Mode now_ = mode;
        if (now_ == Mode.Reverts) revert("no price");
        if (now_ == Mode.Zero) return 0;
        if (now_ == Mode.Max) return type(uint256).max;
        if (now_ == Mode.BurnsAllGas) assembly { invalid() }
        if (now_ == Mode.OneMegabyte) assembly { return(0, 1048576) }
        if (now_ == Mode.ShortData) assembly { mstore(0, not(0)) return(0, 5) }
        return honestPrice;
    }
}
