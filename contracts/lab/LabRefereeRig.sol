// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

struct RigMarketParams {
    address loanToken;
    address collateralToken;
    address oracle;
    address irm;
    uint256 lltv;
}

interface IRigMorpho {
    function liquidate(RigMarketParams calldata params, address borrower, uint256 seizedAssets, uint256 repaidShares, bytes calldata data)
        external
        returns (uint256, uint256);
}

interface IRigToken {
    function balanceOf(address account) external view returns (uint256);
}

interface IRigRouter {
    struct ExactInput {
        bytes path;
        address recipient;
        uint256 deadline;
        uint256 amountIn;
        uint256 amountOutMinimum;
    }

    struct ExactOutput {
        bytes path;
        address recipient;
        uint256 deadline;
        uint256 amountOut;
        uint256 amountInMaximum;
    }

    function exactInput(ExactInput calldata params) external returns (uint256);
    function exactOutput(ExactOutput calldata params) external returns (uint256);
}

/// What both rigs do between a liquidation and its payment. Paths are Uniswap's, `buy` backwards as exactOutput wants it; an empty path is a
/// swap that isn't needed.
abstract contract RigTrader {
    function sell(address router, address token, uint256 amount, bytes memory path) internal {
        if (path.length == 0 || amount == 0) return;
        approve(token, router, amount);
        IRigRouter(router).exactInput(IRigRouter.ExactInput(path, address(this), block.timestamp, amount, 0));
    }

    function buy(address router, address payWith, uint256 amount, bytes memory path) internal {
        if (path.length == 0 || amount == 0) return;
        uint256 most = IRigToken(payWith).balanceOf(address(this));
        approve(payWith, router, most);
        IRigRouter(router).exactOutput(IRigRouter.ExactOutput(path, address(this), block.timestamp, amount, most));
    }

    /// Tolerates tokens that return nothing or want an allowance to start from zero.
    function approve(address token, address spender, uint256 amount) internal {
        (bool ok,) = token.call(abi.encodeWithSignature("approve(address,uint256)", spender, amount));
        if (ok) return;
        (ok,) = token.call(abi.encodeWithSignature("approve(address,uint256)", spender, 0));
        (ok,) = token.call(abi.encodeWithSignature("approve(address,uint256)", spender, amount));
        require(ok);
    }
}

/// The referee's hands: really liquidates and really swaps, measures what is left in wrapped native, and takes it all back by reverting.
/// Knows the protocol's and the venue's contracts, and no maths of theirs. For eth_call only.
contract LabRefereeRig is RigTrader {
    error Measured(uint256 gain, uint256 gasUsed);

    struct Subject {
        address morpho;
        address router;
        address wrappedNative;
        RigMarketParams params;
        address borrower;
    }

    /// One of the two is zero, as the protocol demands.
    struct Size {
        uint256 seizedAssets;
        uint256 repaidShares;
    }

    /// Either sells all collateral for wrapped native and buys the debt with it, or buys the debt with collateral and sells the rest.
    struct Route {
        bool isBuyFirst;
        bytes sell;
        bytes buy;
    }

    /// Gain in wrapped native and gas of each size by each route, sizes outermost; a gain of 0 where the close is impossible.
    function measure(Subject calldata subject, Size[] calldata sizes, Route[] calldata routes)
        external
        returns (uint256[] memory gains, uint256[] memory gasUsed)
    {
        gains = new uint256[](sizes.length * routes.length);
        gasUsed = new uint256[](gains.length);
        for (uint256 i = 0; i < gains.length; i++) {
            try this.attempt(subject, sizes[i / routes.length], routes[i % routes.length]) {}
            catch (bytes memory reason) {
                if (reason.length != 68 || bytes4(reason) != Measured.selector) continue;
                assembly ("memory-safe") {
                    mstore(add(add(gains, 32), mul(i, 32)), mload(add(reason, 36)))
                    mstore(add(add(gasUsed, 32), mul(i, 32)), mload(add(reason, 68)))
                }
            }
        }
    }

    /// Always reverts: with Measured if the close went through.
    function attempt(Subject calldata subject, Size calldata size, Route calldata route) external {
        uint256 gasBefore = gasleft();
        uint256 before = IRigToken(subject.wrappedNative).balanceOf(address(this));
        IRigMorpho(subject.morpho).liquidate(
            subject.params, subject.borrower, size.seizedAssets, size.repaidShares, abi.encode(subject, route)
        );
        uint256 held = IRigToken(subject.wrappedNative).balanceOf(address(this));
        require(held > before);
        revert Measured(held - before, gasBefore - gasleft());
    }

    function onMorphoLiquidate(uint256 repaidAssets, bytes calldata data) external {
        (Subject memory subject, Route memory route) = abi.decode(data, (Subject, Route));
        address collateral = subject.params.collateralToken;
        if (route.isBuyFirst) buy(subject.router, collateral, repaidAssets, route.buy);
        sell(subject.router, collateral, IRigToken(collateral).balanceOf(address(this)), route.sell);
        if (!route.isBuyFirst) buy(subject.router, subject.wrappedNative, repaidAssets, route.buy);
        approve(subject.params.loanToken, subject.morpho, repaidAssets);
    }
}
