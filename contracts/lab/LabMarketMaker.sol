// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface ILabPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function slot0() external view returns (uint160 sqrtPriceX96, int24, uint16, uint16, uint16, uint8, bool);
    function swap(address recipient, bool zeroForOne, int256 amountSpecified, uint160 limitX96, bytes calldata data)
        external
        returns (int256, int256);
    function mint(address recipient, int24 lower, int24 upper, uint128 liquidity, bytes calldata data) external returns (uint256, uint256);
}

interface ILabMoney {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 amount) external returns (bool);
    function mint(address to, uint256 amount) external;
}

/// The rest of the market, with bottomless pockets: gives Uniswap v3 pools their liquidity and pulls them back to market price.
/// Pays from its balance, else creates lab tokens. Never deployed where tokens have value: anyone may spend what it holds.
contract LabMarketMaker {
    /// A pool and the band that its price may move in without a trade being worth its fee.
    struct Band {
        ILabPool pool;
        uint160 lowestX96;
        uint160 highestX96;
    }

    function provide(ILabPool pool, int24 lower, int24 upper, uint128 liquidity) external {
        pool.mint(address(this), lower, upper, liquidity, "");
    }

    /// Swaps each pool that is outside its band to the band's nearer edge. A pool that fails doesn't stop the others.
    function bringBack(Band[] calldata bands) external {
        for (uint256 i = 0; i < bands.length; i++) {
            Band calldata band = bands[i];
            (uint160 now_,,,,,,) = band.pool.slot0();
            bool isDear = now_ > band.highestX96;
            if (!isDear && now_ >= band.lowestX96) continue;
            try band.pool.swap(address(this), isDear, type(int256).max, isDear ? band.highestX96 : band.lowestX96, "") {} catch {}
        }
    }

    function uniswapV3SwapCallback(int256 owed0, int256 owed1, bytes calldata) external {
        if (owed0 > 0) pay(ILabPool(msg.sender).token0(), uint256(owed0));
        if (owed1 > 0) pay(ILabPool(msg.sender).token1(), uint256(owed1));
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        if (owed0 > 0) pay(ILabPool(msg.sender).token0(), owed0);
        if (owed1 > 0) pay(ILabPool(msg.sender).token1(), owed1);
    }

    /// Until the pool has got it: tokens may return nothing, or keep a part of each transfer.
    function pay(address token, uint256 amount) private {
        uint256 wanted = ILabMoney(token).balanceOf(msg.sender) + amount;
        for (uint256 held = wanted - amount; held < wanted; held = ILabMoney(token).balanceOf(msg.sender)) {
            uint256 missing = wanted - held;
            if (ILabMoney(token).balanceOf(address(this)) < missing) ILabMoney(token).mint(address(this), missing);
            (bool ok,) = token.call(abi.encodeCall(ILabMoney.transfer, (msg.sender, missing)));
            require(ok);
        }
    }
}

/// Stands for everybody else who wants block space: burns exactly the gas that a transaction to it allows.
contract LabBlockFiller {
    fallback() external {
        assembly ("memory-safe") { invalid() }
    }
}
