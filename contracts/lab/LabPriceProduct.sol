// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IProductFeed {
    function decimals() external view returns (uint8);
    function latestAnswer() external view returns (int256);
}

/// The price of one feed times that of another, in the second's decimals: what lending markets put before an asset that is quoted in
/// something else than their base currency. Without feeds it says 1, with eight decimals.
contract LabPriceProduct {
    IProductFeed public immutable first;
    IProductFeed public immutable second;
    uint8 public immutable decimals;
    int256 private immutable firstUnit;

    constructor(IProductFeed first_, IProductFeed second_) {
        (first, second) = (first_, second_);
        decimals = address(second_) == address(0) ? 8 : second_.decimals();
        firstUnit = address(first_) == address(0) ? int256(1) : int256(10 ** first_.decimals());
    }

    function latestAnswer() external view returns (int256) {
        if (address(second) == address(0)) return int256(1e8);
        return first.latestAnswer() * second.latestAnswer() / firstUnit;
    }
}
