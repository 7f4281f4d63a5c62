// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IMoney {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

interface IBorrower {
    function executeOperation(address asset, uint256 amount, uint256 premium, address initiator, bytes calldata params)
        external
        returns (bool);
    function executeOperation(
        address[] calldata assets,
        uint256[] calldata amounts,
        uint256[] calldata premiums,
        address initiator,
        bytes calldata params
    ) external returns (bool);
    function receiveFlashLoan(address[] calldata tokens, uint256[] calldata amounts, uint256[] calldata fees, bytes calldata data) external;
    function onFlashLoan(address initiator, address token, uint256 amount, uint256 fee, bytes calldata data) external returns (bytes32);
    function uniswapV2Call(address sender, uint256 amount0, uint256 amount1, bytes calldata data) external;
    function pancakeCall(address sender, uint256 amount0, uint256 amount1, bytes calldata data) external;
    function pancakeV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external;
    function unlockCallback(bytes calldata data) external returns (bytes memory);
}

/// Small lenders and pools with the interfaces of the real ones, which tests of the callbacks need: each lends, calls back, and wants
/// its money again. Prices are 1:1.
contract MockLender {
    uint256 public constant PREMIUM_BPS = 5;

    // Aave flashLoanSimple: anyone may start a loan for any receiver.
    function flashLoanSimple(address receiver, address asset, uint256 amount, bytes calldata params, uint16) external {
        uint256 premium = amount * PREMIUM_BPS / 10_000;
        IMoney(asset).transfer(receiver, amount);
        require(IBorrower(receiver).executeOperation(asset, amount, premium, msg.sender, params), "not true");
        IMoney(asset).transferFrom(receiver, address(this), amount + premium);
    }

    // Aave flashLoan
    function flashLoan(
        address receiver,
        address[] calldata assets,
        uint256[] calldata amounts,
        uint256[] calldata,
        address,
        bytes calldata params,
        uint16
    ) external {
        uint256[] memory premiums = new uint256[](assets.length);
        for (uint256 i = 0; i < assets.length; i++) {
            premiums[i] = amounts[i] * PREMIUM_BPS / 10_000;
            IMoney(assets[i]).transfer(receiver, amounts[i]);
        }
        require(IBorrower(receiver).executeOperation(assets, amounts, premiums, msg.sender, params), "not true");
        for (uint256 i = 0; i < assets.length; i++) {
            IMoney(assets[i]).transferFrom(receiver, address(this), amounts[i] + premiums[i]);
        }
    }

    // Balancer v2: the money is paid back by transfer.
    function flashLoan(address receiver, address[] calldata tokens, uint256[] calldata amounts, bytes calldata data) external {
        uint256[] memory before = new uint256[](tokens.length);
        for (uint256 i = 0; i < tokens.length; i++) {
            before[i] = IMoney(tokens[i]).balanceOf(address(this));
            IMoney(tokens[i]).transfer(receiver, amounts[i]);
        }
        IBorrower(receiver).receiveFlashLoan(tokens, amounts, new uint256[](tokens.length), data);
        for (uint256 i = 0; i < tokens.length; i++) {
            require(IMoney(tokens[i]).balanceOf(address(this)) >= before[i], "not repaid");
        }
    }

    // ERC-3156
    function flashLoan(address receiver, address token, uint256 amount, bytes calldata data) external returns (bool) {
        IMoney(token).transfer(receiver, amount);
        bytes32 answer = IBorrower(receiver).onFlashLoan(msg.sender, token, amount, 0, data);
        require(answer == keccak256("ERC3156FlashBorrower.onFlashLoan"), "wrong answer");
        IMoney(token).transferFrom(receiver, address(this), amount);
        return true;
    }
}

/// Pools with the callbacks of Uniswap v2, v3 forks, v4 and Balancer v3.
contract MockPools {
    int256 private owed;
    address private synced;
    uint256 private before;

    // Uniswap v2 flash swap, under its own name or a fork's: token lent and wanted back.
    function flashSwap(address token, uint256 amount, address to, bytes calldata data, bool isFork) external {
        uint256 held = IMoney(token).balanceOf(address(this));
        IMoney(token).transfer(to, amount);
        if (isFork) IBorrower(to).pancakeCall(msg.sender, amount, 0, data);
        else IBorrower(to).uniswapV2Call(msg.sender, amount, 0, data);
        require(IMoney(token).balanceOf(address(this)) >= held, "K");
    }

    // A Uniswap v3 fork's swap: sells tokenOut for tokenIn at 1:1.
    function forkSwap(address tokenIn, address tokenOut, uint256 amount, address to, bytes calldata data) external {
        IMoney(tokenOut).transfer(to, amount);
        uint256 held = IMoney(tokenIn).balanceOf(address(this));
        IBorrower(msg.sender).pancakeV3SwapCallback(int256(amount), -int256(amount), data);
        require(IMoney(tokenIn).balanceOf(address(this)) >= held + amount, "IIA");
    }

    // Uniswap v4: unlock, then swap (owing), sync and settle (paying), take.
    function unlock(bytes calldata data) external returns (bytes memory answer) {
        answer = IBorrower(msg.sender).unlockCallback(data);
        require(answer.length == 0 && owed == 0, "not settled");
    }

    /// Answers as v4 does, two int128 in a word: -amount owed by the caller, and the amount that it may take.
    function swap(uint128 amount) external returns (int256 delta) {
        owed += int256(uint256(amount));
        return (-int256(uint256(amount)) << 128) | int256(uint256(amount));
    }

    function sync(address token) external {
        synced = token;
        before = IMoney(token).balanceOf(address(this));
    }

    function settle() external payable returns (uint256 paid) {
        paid = IMoney(synced).balanceOf(address(this)) - before;
        owed -= int256(paid);
    }

    function take(address token, address to, uint256 amount) external {
        IMoney(token).transfer(to, amount);
    }

    // Balancer v3: the data is the whole calldata of the callback.
    function unlockRaw(bytes calldata data) external {
        (bool ok,) = msg.sender.call(data);
        require(ok, "callback failed");
    }
}
