// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IFeed {
    function decimals() external view returns (uint8);
    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80);
}

interface IVault {
    function convertToAssets(uint256 shares) external view returns (uint256);
}

/// Stand-in for MorphoChainlinkOracleV2, which no package ships: the same getters and the same formula, written anew.
/// price() = collateral in units of the loan token, scaled by 1e36, rounded down; the zero address is a feed or vault that says 1.
contract MorphoChainlinkOracle {
    error NegativeAnswer();
    error VaultConversionSampleIsZero();

    IVault public immutable BASE_VAULT;
    uint256 public immutable BASE_VAULT_CONVERSION_SAMPLE;
    IFeed public immutable BASE_FEED_1;
    IFeed public immutable BASE_FEED_2;
    IVault public immutable QUOTE_VAULT;
    uint256 public immutable QUOTE_VAULT_CONVERSION_SAMPLE;
    IFeed public immutable QUOTE_FEED_1;
    IFeed public immutable QUOTE_FEED_2;
    uint256 public immutable SCALE_FACTOR;

    constructor(
        IVault baseVault,
        uint256 baseVaultConversionSample,
        IFeed baseFeed1,
        IFeed baseFeed2,
        uint256 baseTokenDecimals,
        IVault quoteVault,
        uint256 quoteVaultConversionSample,
        IFeed quoteFeed1,
        IFeed quoteFeed2,
        uint256 quoteTokenDecimals
    ) {
        if (baseVaultConversionSample == 0 || quoteVaultConversionSample == 0) revert VaultConversionSampleIsZero();
        BASE_VAULT = baseVault;
        BASE_VAULT_CONVERSION_SAMPLE = baseVaultConversionSample;
        BASE_FEED_1 = baseFeed1;
        BASE_FEED_2 = baseFeed2;
        QUOTE_VAULT = quoteVault;
        QUOTE_VAULT_CONVERSION_SAMPLE = quoteVaultConversionSample;
        QUOTE_FEED_1 = quoteFeed1;
        QUOTE_FEED_2 = quoteFeed2;
        // Everything that is not an answer, in one power of ten: token decimals, feed decimals and Morpho's 1e36.
        SCALE_FACTOR = 10
            ** (36 + quoteTokenDecimals + decimalsOf(quoteFeed1) + decimalsOf(quoteFeed2) - baseTokenDecimals
                - decimalsOf(baseFeed1) - decimalsOf(baseFeed2)) * quoteVaultConversionSample / baseVaultConversionSample;
    }

    function price() external view returns (uint256) {
        uint256 base = sharePrice(BASE_VAULT, BASE_VAULT_CONVERSION_SAMPLE) * answerOf(BASE_FEED_1) * answerOf(BASE_FEED_2);
        uint256 quote = sharePrice(QUOTE_VAULT, QUOTE_VAULT_CONVERSION_SAMPLE) * answerOf(QUOTE_FEED_1) * answerOf(QUOTE_FEED_2);
        return mulDivDown(SCALE_FACTOR, base, quote);
    }

    function decimalsOf(IFeed feed) private view returns (uint256) {
        return address(feed) == address(0) ? 0 : feed.decimals();
    }

    function sharePrice(IVault vault, uint256 sample) private view returns (uint256) {
        return address(vault) == address(0) ? 1 : vault.convertToAssets(sample);
    }

    function answerOf(IFeed feed) private view returns (uint256) {
        if (address(feed) == address(0)) return 1;
        (, int256 answer,,,) = feed.latestRoundData();
        if (answer < 0) revert NegativeAnswer();
        return uint256(answer);
    }

    /// floor(x * y / d) with the product in 512 bits, as the original rounds; reverts where the result exceeds 256 bits or d is 0.
    function mulDivDown(uint256 x, uint256 y, uint256 d) private pure returns (uint256) {
        uint256 low;
        uint256 high;
        assembly ("memory-safe") {
            let product := mulmod(x, y, not(0))
            low := mul(x, y)
            high := sub(sub(product, low), lt(product, low))
        }
        if (high == 0) return low / d;
        require(d > high);
        unchecked {
            // Make the division exact, strip powers of two, then multiply by the inverse of the odd rest modulo 2^256.
            uint256 remainder = mulmod(x, y, d);
            if (remainder > low) high -= 1;
            low -= remainder;
            uint256 twos = d & (~d + 1);
            d /= twos;
            low /= twos;
            // For odd d, twos is 1 and 2^256 / twos wraps to 0: right, since only `low` counts modulo 2^256.
            low |= high * ((~twos + 1) / twos + 1);
            uint256 inverse = (3 * d) ^ 2;
            for (uint256 i = 0; i < 6; i++) inverse *= 2 - d * inverse;
            return low * inverse;
        }
    }
}
