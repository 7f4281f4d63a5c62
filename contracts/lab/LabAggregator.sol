// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A price feed with the reading interface and the event of a Chainlink aggregator; its owner posts the answers.
contract LabAggregator {
    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    error NotOwner();
    error NoSuchRound(uint256 roundId);

    struct Round {
        int192 answer;
        uint32 updatedAt;
        uint32 roundId;
    }

    /// Older rounds are forgotten: a local chain hashes its whole state each block, so a history would slow every block down.
    uint256 private constant KEPT = 32;

    address public immutable owner;
    uint8 public immutable decimals;
    uint256 public constant version = 4;
    string public description;
    uint80 public latestRound;
    Round[KEPT] private rounds;

    constructor(uint8 decimals_, string memory description_, int256 firstAnswer) {
        owner = msg.sender;
        decimals = decimals_;
        description = description_;
        post(firstAnswer);
    }

    /// Starts a new round with `answer`: the transaction that a keeper back-runs.
    function submit(int256 answer) external {
        if (msg.sender != owner) revert NotOwner();
        post(answer);
    }

    function latestAnswer() external view returns (int256) {
        return rounds[latestRound % KEPT].answer;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return getRoundData(latestRound);
    }

    function getRoundData(uint80 roundId) public view returns (uint80, int256, uint256, uint256, uint80) {
        Round memory round = rounds[roundId % KEPT];
        if (roundId == 0 || round.roundId != roundId) revert NoSuchRound(roundId);
        return (roundId, round.answer, round.updatedAt, round.updatedAt, roundId);
    }

    function post(int256 answer) private {
        latestRound += 1;
        rounds[latestRound % KEPT] = Round(int192(answer), uint32(block.timestamp), uint32(latestRound));
        emit AnswerUpdated(answer, latestRound, block.timestamp);
    }
}
