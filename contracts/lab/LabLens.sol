// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

struct LensMarketParams {
    address loanToken;
    address collateralToken;
    address oracle;
    address irm;
    uint256 lltv;
}

interface ILensMorpho {
    function accrueInterest(LensMarketParams calldata params) external;
    function position(bytes32 id, address user) external view returns (uint256 supplyShares, uint128 borrowShares, uint128 collateral);
    function market(bytes32 id) external view returns (uint128, uint128, uint128 totalBorrowAssets, uint128 totalBorrowShares, uint128, uint128);
}

interface ILensOracle {
    function price() external view returns (uint256);
}

/// Reads many Morpho positions in one call, for the lab's accounting and referee. To be used by eth_call: it accrues interest first.
contract LabLens {
    /// `price` is 0 where the oracle fails within its gas. `rows` holds collateral, borrow shares and debt (rounded up) per account.
    function read(ILensMorpho morpho, LensMarketParams calldata params, address[] calldata accounts)
        external
        returns (uint256 price, uint256[] memory rows)
    {
        bytes32 id = keccak256(abi.encode(params));
        morpho.accrueInterest(params);
        price = priceOf(params.oracle);
        (,, uint256 assets, uint256 shares,,) = morpho.market(id);
        rows = new uint256[](accounts.length * 3);
        for (uint256 i = 0; i < accounts.length; i++) {
            (, uint256 borrowShares, uint256 collateral) = morpho.position(id, accounts[i]);
            rows[3 * i] = collateral;
            rows[3 * i + 1] = borrowShares;
            // SharesMathLib.toAssetsUp with its virtual amounts.
            if (borrowShares != 0) rows[3 * i + 2] = (borrowShares * (assets + 1) + shares + 1e6 - 1) / (shares + 1e6);
        }
    }

    function priceOf(address oracle) private view returns (uint256) {
        // Assembly, so that a megabyte of answer is not copied.
        bytes4 selector = ILensOracle.price.selector;
        uint256 answer;
        assembly ("memory-safe") {
            mstore(0, selector)
            let ok := staticcall(2000000, oracle, 0, 4, 0, 32)
            if and(ok, gt(returndatasize(), 31)) { answer := mload(0) }
        }
        return answer;
    }
}
