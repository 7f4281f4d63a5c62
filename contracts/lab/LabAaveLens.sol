// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface ILensAavePool {
    function getUserAccountData(address user)
        external
        view
        returns (uint256 collateralBase, uint256 debtBase, uint256, uint256 thresholdBps, uint256, uint256 healthFactor);
}

interface ILensBalance {
    function balanceOf(address account) external view returns (uint256);
}

/// Reads many accounts of an Aave pool in one call, for the lab's accounting and referee.
contract LabAaveLens {
    /// Collateral, debt (both in the pool's base currency) and health factor per account, as the pool says them.
    function health(ILensAavePool pool, address[] calldata accounts) external view returns (uint256[] memory rows) {
        rows = new uint256[](accounts.length * 3);
        for (uint256 i = 0; i < accounts.length; i++) {
            (rows[3 * i], rows[3 * i + 1],,,, rows[3 * i + 2]) = pool.getUserAccountData(accounts[i]);
        }
    }

    /// Balances with interest: all tokens of the first account, then of the next.
    function balances(ILensBalance[] calldata tokens, address[] calldata accounts) external view returns (uint256[] memory rows) {
        rows = new uint256[](accounts.length * tokens.length);
        for (uint256 i = 0; i < rows.length; i++) rows[i] = tokens[i % tokens.length].balanceOf(accounts[i / tokens.length]);
    }
}
