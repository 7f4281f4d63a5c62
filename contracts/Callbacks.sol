// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Steps} from "./Steps.sol";
import {addressAt, wordAt} from "./Words.sol";

/// @title The callbacks by which lenders and pools come back to us, by protocol. All run the program that was committed to.
abstract contract Callbacks is Steps {
    // Morpho Blue
    function onMorphoLiquidate(uint256, bytes calldata data) external {
        _callback(data);
    }

    function onMorphoRepay(uint256, bytes calldata data) external {
        _callback(data);
    }

    function onMorphoSupply(uint256, bytes calldata data) external {
        _callback(data);
    }

    function onMorphoSupplyCollateral(uint256, bytes calldata data) external {
        _callback(data);
    }

    function onMorphoFlashLoan(uint256, bytes calldata data) external {
        _callback(data);
    }

    // Uniswap v4
    function unlockCallback(bytes calldata data) external returns (bytes memory) {
        _callback(data);
        return "";
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

    /// @notice Uniswap v3 and v2 (uniswapV3SwapCallback, uniswapV3FlashCallback, uniswapV2Call) and all their forks, known by shape,
    /// not by name: (x, x, bytes) or (sender, x, x, bytes). Else all of the calldata is the program, as Balancer v3's unlock does it.
    /// A wrong guess is harmless: the bytes would not be the committed ones.
    fallback() external {
        if (wordAt(68) == 0x60) {
            _callback(_slice(132, wordAt(100)));
        } else if (wordAt(100) == 0x80) {
            _requireSelf(addressAt(16));
            _callback(_slice(164, wordAt(132)));
        } else {
            _callback(msg.data);
        }
    }

    function _slice(uint256 start, uint256 length) private pure returns (bytes calldata data) {
        assembly ("memory-safe") {
            data.offset := start
            data.length := length
        }
    }
}
