// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRigToken, RigTrader} from "./LabRefereeRig.sol";

interface IRigAavePool {
    function liquidationCall(address collateral, address debt, address user, uint256 debtToCover, bool receiveAToken) external;
    function flashLoanSimple(address receiver, address asset, uint256 amount, bytes calldata params, uint16 referral) external;
}

interface IRigLender {
    function flashLoan(address token, uint256 assets, bytes calldata data) external;
}

/// The referee's hands on Aave pools: really borrows the debt token, liquidates and swaps, measures what is left in wrapped native, and takes it
/// all back by reverting. Knows the contracts, and no maths of theirs. For eth_call only.
contract LabAaveRig is RigTrader {
    error Measured(uint256 gain, uint256 gasUsed);

    struct Subject {
        address pool;
        /// Lends for nothing what it holds; else the pool itself lends, at its premium.
        address morpho;
        address router;
        address wrappedNative;
        address borrower;
    }

    /// One way to close: which collateral and debt, what to repay in each call (in a row, one transaction), how to swap.
    struct Attempt {
        address collateral;
        address debt;
        uint256[] repays;
        /// What is borrowed for it.
        uint256 flash;
        bool isBuyFirst;
        bytes sell;
        bytes buy;
    }

    /// Gain in wrapped native and gas of each attempt; a gain of 0 where it is impossible, or was not tried any more since one before it left
    /// more than `enoughWei` after its gas at `gasPriceWei`.
    function measure(Subject calldata subject, Attempt[] calldata attempts, uint256 gasPriceWei, uint256 enoughWei)
        external
        returns (uint256[] memory gains, uint256[] memory gasUsed)
    {
        gains = new uint256[](attempts.length);
        gasUsed = new uint256[](attempts.length);
        for (uint256 i = 0; i < attempts.length; i++) {
            try this.attempt(subject, attempts[i]) {}
            catch (bytes memory reason) {
                if (reason.length != 68 || bytes4(reason) != Measured.selector) continue;
                uint256 gain;
                uint256 used;
                assembly ("memory-safe") {
                    gain := mload(add(reason, 36))
                    used := mload(add(reason, 68))
                }
                (gains[i], gasUsed[i]) = (gain, used);
                uint256 cost = used * gasPriceWei;
                if (gain > cost && gain - cost > enoughWei) break;
            }
        }
    }

    /// Always reverts: with Measured if the close went through.
    function attempt(Subject calldata subject, Attempt calldata close) external {
        uint256 gasBefore = gasleft();
        uint256 before = IRigToken(subject.wrappedNative).balanceOf(address(this));
        bytes memory data = abi.encode(subject, close);
        if (IRigToken(close.debt).balanceOf(subject.morpho) >= close.flash) {
            IRigLender(subject.morpho).flashLoan(close.debt, close.flash, data);
        } else {
            IRigAavePool(subject.pool).flashLoanSimple(address(this), close.debt, close.flash, data, 0);
        }
        uint256 held = IRigToken(subject.wrappedNative).balanceOf(address(this));
        require(held > before);
        revert Measured(held - before, gasBefore - gasleft());
    }

    function onMorphoFlashLoan(uint256 assets, bytes calldata data) external {
        (Subject memory subject, Attempt memory close) = abi.decode(data, (Subject, Attempt));
        liquidateAndSwap(subject, close, assets);
        approve(close.debt, subject.morpho, assets);
    }

    function executeOperation(address, uint256 amount, uint256 premium, address, bytes calldata data) external returns (bool) {
        (Subject memory subject, Attempt memory close) = abi.decode(data, (Subject, Attempt));
        liquidateAndSwap(subject, close, amount + premium);
        approve(close.debt, subject.pool, amount + premium);
        return true;
    }

    /// Ends with at least `owed` of the debt token, which is also not sold where it is the collateral.
    function liquidateAndSwap(Subject memory subject, Attempt memory close, uint256 owed) private {
        approve(close.debt, subject.pool, owed);
        for (uint256 i = 0; i < close.repays.length; i++) {
            IRigAavePool(subject.pool).liquidationCall(close.collateral, close.debt, subject.borrower, close.repays[i], false);
        }
        if (close.isBuyFirst) buy(subject.router, close.collateral, missing(close.debt, owed), close.buy);
        uint256 kept = close.collateral == close.debt ? owed : 0;
        sell(subject.router, close.collateral, IRigToken(close.collateral).balanceOf(address(this)) - kept, close.sell);
        if (!close.isBuyFirst) buy(subject.router, subject.wrappedNative, missing(close.debt, owed), close.buy);
    }

    function missing(address token, uint256 owed) private view returns (uint256) {
        uint256 held = IRigToken(token).balanceOf(address(this));
        return owed > held ? owed - held : 0;
    }
}
